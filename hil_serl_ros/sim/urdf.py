"""The simulated robot as a URDF with meshes, made from the MuJoCo model: what rviz2 and robot_state_publisher read."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from pathlib import Path

import mujoco
import numpy as np

PREFIX = "panda_"  # of all names, so that they are those of `joint_states`
ROOT = "link0"
VISIBLE = 3  # geometries of lower groups are drawn
HINGE, MESH = mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtGeom.mjGEOM_MESH
DRIVER = "right_driver_joint"  # the one joint of the gripper that moves by itself
# The gripper's linkage is a parallelogram: how its other joints follow that one. A URDF has no closed chains.
FOLLOW = {"driver": 1.0, "spring_link": 1.0, "follower": -1.0, "coupler": 0.0}
VELOCITY = 2.175  # rad/s, of the Panda's slowest joints by its datasheet; MuJoCo's model has no such limit


def description_folder(task: str) -> Path:
    """Where the description of a task's robot is written unless said otherwise: in ROS's own folder of the user."""
    return Path(os.environ.get("ROS_HOME") or Path.home() / ".ros") / "hil_serl_ros" / task


def robot_joints(model: mujoco.MjModel) -> list[str]:
    """Names in the URDF of the joints that somebody must publish: the arm's, then the gripper's."""
    hinges = [model.joint(j).name for j in range(model.njnt) if model.jnt_type[j] == HINGE]
    return [PREFIX + name for name in hinges if name == DRIVER or _follows(name) is None]


def driver_angle(model: mujoco.MjModel, closure: float) -> float:
    """Angle in rad of the gripper's joint at a closure of 0 open to 1 closed."""
    return float(model.joint(DRIVER).range[1]) * closure


def write_urdf(model: mujoco.MjModel, folder: Path) -> str:
    """Write ``robot.urdf`` and ``meshes/*.stl`` into ``folder``; the URDF's text.

    Lengths in m, angles in rad. Links are named as MuJoCo's bodies with ``panda_`` before, and have their frames, but
    for bodies whose joint is not in their origin: a URDF's link has its origin in its joint.

    Raises:
        OSError: the folder cannot be written.
    """
    meshes = folder / "meshes"
    meshes.mkdir(parents=True, exist_ok=True)
    robot = ET.Element("robot", name="panda")
    root = model.body(ROOT).id
    for body in range(model.nbody):
        if model.body_rootid[body] != root:
            continue
        _add_link(robot, model, body, meshes)
        if body != root:
            _add_joint(robot, model, body)
    ET.indent(robot)
    text = '<?xml version="1.0"?>\n' + ET.tostring(robot, encoding="unicode") + "\n"
    (folder / "robot.urdf").write_text(text)
    return text


def _add_link(robot: ET.Element, model: mujoco.MjModel, body: int, meshes: Path) -> None:
    link = ET.SubElement(robot, "link", name=PREFIX + model.body(body).name)
    shift = _shift(model, body)
    # The first link stands on the ground; of one with an inertia there KDL, and so robot_state_publisher, warns.
    if model.body_mass[body] > 0 and model.body(body).name != ROOT:
        inertial = ET.SubElement(link, "inertial")
        _origin(inertial, model.body_ipos[body] - shift, model.body_iquat[body])
        ET.SubElement(inertial, "mass", value=repr(float(model.body_mass[body])))
        xx, yy, zz = (repr(float(v)) for v in model.body_inertia[body])
        ET.SubElement(inertial, "inertia", ixx=xx, ixy="0", ixz="0", iyy=yy, iyz="0", izz=zz)
    first = model.body_geomadr[body]
    for geom in range(first, first + model.body_geomnum[body]):
        if model.geom_type[geom] != MESH or model.geom_group[geom] >= VISIBLE:
            continue
        visual = ET.SubElement(link, "visual")
        _origin(visual, model.geom_pos[geom] - shift, model.geom_quat[geom])
        file = _written(model, int(model.geom_dataid[geom]), meshes)
        ET.SubElement(ET.SubElement(visual, "geometry"), "mesh", filename=file.resolve().as_uri())
        material = model.geom_matid[geom]
        colour = model.mat_rgba[material] if material >= 0 else model.geom_rgba[geom]
        shown = ET.SubElement(visual, "material", name="_".join(f"{round(255 * v):02x}" for v in colour))
        ET.SubElement(shown, "color", rgba=_text(colour))


def _add_joint(robot: ET.Element, model: mujoco.MjModel, body: int) -> None:
    parent = model.body_parentid[body]
    hinge = int(model.body_jntadr[body]) if model.body_jntnum[body] else None
    name = model.joint(hinge).name if hinge is not None else f"{model.body(body).name}_joint"
    follow = _follows(name) if hinge is not None else None
    moves = hinge is not None and follow != 0.0
    joint = ET.SubElement(robot, "joint", name=PREFIX + name, type="revolute" if moves else "fixed")
    turned = np.zeros(3)
    mujoco.mju_rotVecQuat(turned, _shift(model, body), model.body_quat[body])
    _origin(joint, model.body_pos[body] + turned - _shift(model, parent), model.body_quat[body])
    ET.SubElement(joint, "parent", link=PREFIX + model.body(parent).name)
    ET.SubElement(joint, "child", link=PREFIX + model.body(body).name)
    if hinge is None or not moves:
        return
    ET.SubElement(joint, "axis", xyz=_text(model.jnt_axis[hinge]))
    low, high = (repr(float(v)) for v in model.jnt_range[hinge])
    ET.SubElement(joint, "limit", lower=low, upper=high, effort=_effort(model, hinge), velocity=repr(VELOCITY))
    if follow is not None and name != DRIVER:
        ET.SubElement(joint, "mimic", joint=PREFIX + DRIVER, multiplier=repr(follow), offset="0")


def _follows(joint: str) -> float | None:
    """How a joint of the gripper follows its driver; None: it is no joint of the gripper."""
    return next((factor for part, factor in FOLLOW.items() if joint.endswith(f"_{part}_joint")), None)


def _shift(model: mujoco.MjModel, body: int) -> np.ndarray:
    """(3,) m from the body's origin to its joint, along the body's axes."""
    return model.jnt_pos[model.body_jntadr[body]] if model.body_jntnum[body] else np.zeros(3)


def _effort(model: mujoco.MjModel, joint: int) -> str:
    """Largest effort of the motor on a joint, N m; 0 where there is none on it alone."""
    own = (model.actuator_trntype == mujoco.mjtTrn.mjTRN_JOINT) & (model.actuator_trnid[:, 0] == joint)
    return repr(float(model.actuator_ctrlrange[own, 1].max(initial=0.0)))


def _written(model: mujoco.MjModel, mesh: int, folder: Path) -> Path:
    """The file of a mesh in its own frame, binary STL: 80 bytes of header, a count, and 50 bytes for each triangle."""
    file = folder / f"{model.mesh(mesh).name}.stl"
    first, count = model.mesh_faceadr[mesh], model.mesh_facenum[mesh]
    corners = model.mesh_vert[model.mesh_vertadr[mesh] :][model.mesh_face[first : first + count]]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    triangles = np.zeros(count, np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")]))
    triangles["normal"], triangles["corners"] = normals / np.maximum(lengths, 1e-30), corners
    # A header that begins with "solid" would make readers take it for text.
    content = b"binary STL of a MuJoCo mesh".ljust(80) + np.uint32(count).tobytes() + triangles.tobytes()
    if not file.is_file() or file.read_bytes() != content:
        file.write_bytes(content)
    return file


def _origin(element: ET.Element, position: np.ndarray, quaternion: np.ndarray) -> None:
    ET.SubElement(element, "origin", xyz=_text(position), rpy=_text(roll_pitch_yaw(quaternion)))


def roll_pitch_yaw(quaternion: np.ndarray) -> np.ndarray:
    """(3,) rad about fixed x, y and z, in this order, of a unit quaternion (w x y z): what a URDF's ``rpy`` is."""
    m = np.zeros(9)
    mujoco.mju_quat2Mat(m, np.asarray(quaternion, np.float64))
    level = np.hypot(m[0], m[3])
    pitch = np.arctan2(-m[6], level)
    if level < 1e-9:  # roll and yaw turn about one axis: all of it is roll
        return np.array([np.arctan2(-m[5], m[4]), pitch, 0.0])
    return np.array([np.arctan2(m[7], m[8]), pitch, np.arctan2(m[3], m[0])])


def _text(values: np.ndarray) -> str:
    return " ".join(repr(float(v)) for v in values)
