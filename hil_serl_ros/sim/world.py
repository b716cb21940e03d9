"""The simulated Panda in one of gym_hil's scenes: absolute targets in, ground truth out. No renderer."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import mujoco
import numpy as np

from hil_serl_ros.sim.controller import OperationalSpace
from hil_serl_ros.sim.tasks import Outcome, Task

JOINTS = 7
GRIPPER_RANGE = 255.0  # of gym_hil's finger actuator, closed


def assets() -> Path:
    """gym_hil's folder of scenes, found without importing it: its import wants OpenGL.

    Raises:
        FileNotFoundError: gym_hil is not installed.
    """
    spec = importlib.util.find_spec("gym_hil")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("gym_hil, which holds the simulated scenes, is not installed: pip install gym-hil")
    return Path(spec.origin).parent / "assets"


class World:
    """Physics, operational-space control and ground truth of one task.

    All lengths in m and quaternions (w x y z) in the base frame. A reset gives the same state, bit for
    bit, whatever went before.

    Args:
        task: what is simulated.
        control_period: time of one ``step``, s.
        physics_timestep: time of one step of the physics, s.
    """

    def __init__(self, task: Task, control_period: float = 0.1, physics_timestep: float = 0.002) -> None:
        self.task = task
        self.control_period = control_period
        self.physics_timestep = physics_timestep
        self.model = mujoco.MjModel.from_xml_path(str(assets() / task.scene))
        self.model.opt.timestep = physics_timestep
        # Sensors do not act on the physics and cost a quarter of its time; what they tell is read at the source.
        self.model.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_SENSOR)
        self.data = mujoco.MjData(self.model)
        site = self.model.site("pinch").id
        self._site = site
        self._control = OperationalSpace(self.model, self.data, site, JOINTS, np.array(task.home))
        self._gripper = self.model.actuator("fingers_actuator").id
        self._low, self._high = np.array(task.workspace_low), np.array(task.workspace_high)
        # The first geometry of a body is what gym_hil's sensor of that name measures.
        self._objects = np.array([self.model.body(name).geomadr[0] for name in task.objects], np.intp)
        self._goals = np.array([self.model.body(name).geomadr[0] for name in task.goals], np.intp)
        self._ticks = 0
        self._starts: np.ndarray = np.zeros((len(task.objects), 3))
        self._velocity = np.zeros(6)
        self.reset(0)

    # -------------------- acting --------------------
    def reset(self, seed: int) -> None:
        """Robot to its home, objects to the start that ``seed`` gives, gripper open, the tool's pose held."""
        model, data = self.model, self.data
        mujoco.mj_resetData(model, data)
        data.qpos[:JOINTS] = self.task.home
        starts = self.task.start(np.random.default_rng(seed))
        for name, position in zip(self.task.objects, starts, strict=True):
            data.joint(name).qpos[:3] = position
        mujoco.mj_forward(model, data)
        data.mocap_pos[0] = data.site_xpos[self._site]
        mujoco.mj_forward(model, data)
        self._starts = self.object_positions

    def set_target(self, position: np.ndarray, quaternion_wxyz: np.ndarray, gripper: float) -> None:
        """Hold this pose of the tool, clipped to the workspace, and this closure (0 open to 1 closed) from now on.

        Raises:
            ValueError: a number that is not finite, no orientation, or a wrong length; nothing is changed.
        """
        position = np.asarray(position, np.float64)
        quaternion = np.asarray(quaternion_wxyz, np.float64)
        if position.shape != (3,) or quaternion.shape != (4,):
            raise ValueError(f"a target is 3 and 4 numbers, not {position.shape} and {quaternion.shape}")
        if not (np.isfinite(position).all() and np.isfinite(quaternion).all() and np.isfinite(gripper)):
            raise ValueError("a target has a number that is not finite")
        norm = float(np.linalg.norm(quaternion))
        if norm < 1e-6:
            raise ValueError("a target's orientation is not a quaternion")
        self.data.mocap_pos[0] = np.clip(position, self._low, self._high)
        self.data.mocap_quat[0] = quaternion / norm
        self.data.ctrl[self._gripper] = np.clip(gripper, 0.0, 1.0) * GRIPPER_RANGE

    def advance(self, seconds: float) -> None:
        """Simulate ``seconds``, to the nearest step of the physics.

        Raises:
            ValueError: a time that is negative or not finite.
        """
        if not 0.0 <= seconds < np.inf:
            raise ValueError(f"the world cannot advance by {seconds} s")
        model, data, control = self.model, self.data, self._control
        position, quaternion = data.mocap_pos[0], data.mocap_quat[0]
        steps = round(seconds / self.physics_timestep)
        for _ in range(steps):
            control.apply(position, quaternion)
            mujoco.mj_step(model, data)
        self._ticks += steps

    def step(self) -> None:
        """Simulate one control period."""
        self.advance(self.control_period)

    # -------------------- seeing --------------------
    @property
    def time(self) -> float:
        """Simulated seconds since construction; a reset does not turn it back."""
        return self._ticks * self.physics_timestep

    @property
    def joint_positions(self) -> np.ndarray:
        """(7,) rad."""
        return self.data.qpos[:JOINTS].copy()

    @property
    def joint_velocities(self) -> np.ndarray:
        """(7,) rad/s."""
        return self.data.qvel[:JOINTS].copy()

    @property
    def joint_efforts(self) -> np.ndarray:
        """(7,) N m, as commanded."""
        return self.data.ctrl[:JOINTS].copy()

    @property
    def tool_position(self) -> np.ndarray:
        """(3,) of the point between the fingers."""
        return self.data.site_xpos[self._site].copy()

    @property
    def tool_quaternion_wxyz(self) -> np.ndarray:
        """(4,)."""
        quaternion = np.zeros(4)
        mujoco.mju_mat2Quat(quaternion, self.data.site_xmat[self._site])
        return quaternion

    @property
    def tool_linear_velocity(self) -> np.ndarray:
        """(3,) m/s along the base frame's axes."""
        return self._tool_velocity()[3:]

    @property
    def tool_angular_velocity(self) -> np.ndarray:
        """(3,) rad/s about the base frame's axes."""
        return self._tool_velocity()[:3]

    def _tool_velocity(self) -> np.ndarray:
        site = mujoco.mjtObj.mjOBJ_SITE
        mujoco.mj_objectVelocity(self.model, self.data, site, self._site, self._velocity, 0)
        return self._velocity.copy()

    @property
    def gripper_command(self) -> float:
        """0 open to 255 closed."""
        return float(self.data.ctrl[self._gripper])

    @property
    def target_position(self) -> np.ndarray:
        """(3,) that is held."""
        return self.data.mocap_pos[0].copy()

    @property
    def target_quaternion_wxyz(self) -> np.ndarray:
        """(4,) that is held."""
        return self.data.mocap_quat[0].copy()

    @property
    def object_names(self) -> tuple[str, ...]:
        """Names of the movable objects."""
        return self.task.objects

    @property
    def object_positions(self) -> np.ndarray:
        """(n, 3)."""
        return self.data.geom_xpos[self._objects]

    @property
    def object_quaternions_wxyz(self) -> np.ndarray:
        """(n, 4)."""
        quaternions = np.zeros((len(self._objects), 4))
        for quaternion, geometry in zip(quaternions, self._objects, strict=True):
            mujoco.mju_mat2Quat(quaternion, self.data.geom_xmat[geometry])
        return quaternions

    @property
    def goal_positions(self) -> np.ndarray:
        """(n, 3), or (0, 3) where the task has no places."""
        return self.data.geom_xpos[self._goals]

    def outcome(self) -> Outcome:
        """Judge the present state."""
        return self.task.outcome(self.object_positions, self.goal_positions, self._starts)
