"""The URDF that is made from the MuJoCo model is the same robot."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from urllib.parse import urlparse

import mujoco
import numpy as np
import pytest

from hil_serl_ros.sim.tasks import task_named
from hil_serl_ros.sim.urdf import DRIVER, PREFIX, robot_joints, roll_pitch_yaw, write_urdf
from hil_serl_ros.sim.world import World


@pytest.fixture(scope="module")
def original() -> mujoco.MjModel:
    return World(task_named("pick_cube")).model


@pytest.fixture(scope="module")
def folder(original: mujoco.MjModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("description")
    write_urdf(original, folder)
    return folder


@pytest.fixture(scope="module")
def robot(folder: Path) -> ET.Element:
    return ET.parse(folder / "robot.urdf").getroot()


def about(axis: int, angle: float) -> np.ndarray:
    """Rotation (3, 3) about x, y or z."""
    a, b = (axis + 1) % 3, (axis + 2) % 3
    turn = np.eye(3)
    turn[a, a] = turn[b, b] = np.cos(angle)
    turn[b, a], turn[a, b] = np.sin(angle), -np.sin(angle)
    return turn


def read_by_mujoco(robot: ET.Element) -> mujoco.MjModel:
    """MuJoCo reads URDF itself; it is told to keep links that do not move as bodies."""
    extension = ET.SubElement(robot, "mujoco")
    ET.SubElement(extension, "compiler", fusestatic="false", discardvisual="true")
    try:
        return mujoco.MjModel.from_xml_string(ET.tostring(robot, encoding="unicode"))
    finally:
        robot.remove(extension)


def test_every_link_is_where_mujoco_has_its_body_whatever_the_joints_are(original, robot) -> None:
    copy = read_by_mujoco(robot)
    ours, theirs = mujoco.MjData(original), mujoco.MjData(copy)
    random = np.random.default_rng(0)
    joints = [copy.joint(j).name for j in range(copy.njnt)]
    links = [link.get("name") for link in robot.iter("link")]
    assert len(links) == 23
    assert len(joints) == 13
    for _ in range(20):
        for name in joints:
            low, high = copy.joint(name).range
            theirs.joint(name).qpos[0] = random.uniform(low, high)
            ours.joint(name.removeprefix(PREFIX)).qpos[0] = theirs.joint(name).qpos[0]
        mujoco.mj_kinematics(original, ours)
        mujoco.mj_kinematics(copy, theirs)
        for link in links[1:]:
            body = original.body(link.removeprefix(PREFIX))
            origin = ours.xanchor[body.jntadr[0]] if body.jntnum[0] else ours.body(body.id).xpos
            np.testing.assert_allclose(theirs.body(link).xpos, origin, atol=1e-6)
            np.testing.assert_allclose(theirs.body(link).xmat, ours.body(body.id).xmat, atol=1e-6)


def test_it_weighs_what_the_original_does_and_may_do_what_the_original_may(original, robot) -> None:
    copy = read_by_mujoco(robot)
    for joint in range(copy.njnt):
        name = copy.joint(joint).name
        np.testing.assert_allclose(copy.joint(joint).range, original.joint(name.removeprefix(PREFIX)).range)
        np.testing.assert_allclose(copy.joint(joint).axis, original.joint(name.removeprefix(PREFIX)).axis, atol=1e-9)
    for body in range(2, copy.nbody):  # MuJoCo puts the first link into its world
        theirs, ours = copy.body(body), original.body(copy.body(body).name.removeprefix(PREFIX))
        np.testing.assert_allclose(theirs.mass, ours.mass, rtol=1e-9)
        np.testing.assert_allclose(np.sort(theirs.inertia), np.sort(ours.inertia), rtol=1e-6)


def test_the_joints_to_publish_are_those_of_joint_states_and_one_of_the_gripper(original, robot) -> None:
    free = {j.get("name") for j in robot.iter("joint") if j.get("type") == "revolute" and j.find("mimic") is None}
    assert robot_joints(original) == [f"panda_joint{i}" for i in range(1, 8)] + [PREFIX + DRIVER]
    assert free == set(robot_joints(original))


def test_the_gripper_s_other_joints_follow_as_they_do_in_the_physics(robot) -> None:
    world = World(task_named("pick_cube"))
    world.set_target(world.target_position, world.target_quaternion_wxyz, 0.5)
    world.advance(2.0)
    angle = world.data.joint(DRIVER).qpos[0]
    followers = [j for j in robot.iter("joint") if j.find("mimic") is not None]
    assert len(followers) == 5
    for joint in followers:
        mimic = joint.find("mimic")
        expected = float(mimic.get("multiplier")) * angle
        assert world.data.joint(joint.get("name").removeprefix(PREFIX)).qpos[0] == pytest.approx(expected, abs=0.03)


def test_every_mesh_is_there_and_drawn_where_the_original_has_it(original, folder, robot) -> None:
    data = mujoco.MjData(original)
    data.qpos[:15] = np.random.default_rng(1).uniform(-0.5, 0.5, 15)
    mujoco.mj_kinematics(original, data)
    for link in robot.iter("link"):
        body = original.body(link.get("name").removeprefix(PREFIX))
        geoms = range(body.geomadr[0], body.geomadr[0] + body.geomnum[0])
        drawn = [g for g in geoms if original.geom_type[g] == mujoco.mjtGeom.mjGEOM_MESH and original.geom_group[g] < 3]
        visuals = link.findall("visual")
        assert len(visuals) == len(drawn)
        for visual, geom in zip(visuals, drawn, strict=True):
            file = Path(urlparse(visual.find("geometry/mesh").get("filename")).path)
            mesh = original.geom_dataid[geom]
            offset, (roll, pitch, yaw) = (np.array(visual.find("origin").get(k).split(), float) for k in ("xyz", "rpy"))
            turn = data.xmat[body.id].reshape(3, 3)
            origin = data.xanchor[body.jntadr[0]] if body.jntnum[0] else data.xpos[body.id]
            np.testing.assert_allclose(origin + turn @ offset, data.geom_xpos[geom], atol=1e-6)
            turn = turn @ about(2, yaw) @ about(1, pitch) @ about(0, roll)
            np.testing.assert_allclose(turn.ravel(), data.geom_xmat[geom], atol=1e-6)
            assert file.stat().st_size == 84 + 50 * original.mesh_facenum[mesh]
            triangles = np.frombuffer(file.read_bytes()[84:], np.dtype([("f", "<f4", (4, 3)), ("a", "<u2")]))
            first = original.mesh_vertadr[mesh]
            vertices = original.mesh_vert[first : first + original.mesh_vertnum[mesh]]
            corners = triangles["f"][:, 1:].reshape(-1, 3)
            np.testing.assert_allclose(corners.min(axis=0), vertices.min(axis=0), atol=1e-6)
            np.testing.assert_allclose(corners.max(axis=0), vertices.max(axis=0), atol=1e-6)


@pytest.mark.parametrize("pitch", [0.3, np.pi / 2, -np.pi / 2])
def test_roll_pitch_yaw_turn_back_into_the_rotation(pitch: float) -> None:
    wanted = about(2, -1.2) @ about(1, pitch) @ about(0, 0.7)
    quaternion = np.zeros(4)
    mujoco.mju_mat2Quat(quaternion, wanted.ravel())
    roll, pitch, yaw = roll_pitch_yaw(quaternion)
    np.testing.assert_allclose(about(2, yaw) @ about(1, pitch) @ about(0, roll), wanted, atol=1e-9)
