"""Our operational-space control against gym_hil's own, on gym_hil's own model."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
from gym_hil.controllers.opspace import opspace

from hil_serl_ros.sim.controller import SINGULAR
from hil_serl_ros.sim.operator import CLOSE, KEEP, STEP, Expert
from hil_serl_ros.sim.tasks import task_named
from hil_serl_ros.sim.world import World, assets

ARM = np.arange(7)


class GymHil:
    """The physics loop of gym_hil's environment, without its renderer; nothing of ours."""

    def __init__(self, world: World) -> None:
        self.task = world.task
        self.model = mujoco.MjModel.from_xml_path(str(assets() / world.task.scene))
        self.model.opt.timestep = 0.002
        self.data = mujoco.MjData(self.model)
        self.site = self.model.site("pinch").id
        for ours, theirs in ((world.data.qpos, self.data.qpos), (world.data.mocap_pos, self.data.mocap_pos)):
            theirs[:] = ours
        mujoco.mj_forward(self.model, self.data)

    def torques(self, position: np.ndarray, quaternion: np.ndarray) -> np.ndarray:
        return opspace(
            model=self.model,
            data=self.data,
            site_id=self.site,
            dof_ids=ARM,
            pos=position,
            ori=quaternion,
            joint=np.array(self.task.home),
            gravity_comp=True,
        )

    def step(self, action: np.ndarray, gripper: float) -> None:
        low, high = self.task.workspace_low, self.task.workspace_high
        self.data.mocap_pos[0] = np.clip(self.data.mocap_pos[0] + STEP * action, low, high)
        self.data.ctrl[7] = gripper * 255.0
        for _ in range(50):
            self.data.ctrl[ARM] = self.torques(self.data.mocap_pos[0], self.data.mocap_quat[0])
            mujoco.mj_step(self.model, self.data)


def step(world: World, action: np.ndarray, gripper: float) -> None:
    world.set_target(world.target_position + STEP * action, world.target_quaternion_wxyz, gripper)
    world.step()


def test_random_motions_give_gym_hils_joint_trajectory() -> None:
    world = World(task_named("pick_cube"))
    world.reset(1)
    theirs = GymHil(world)
    random = np.random.default_rng(0)
    drift = np.zeros(3)
    for number in range(100):
        if number % 10 == 0:
            drift = random.uniform(-1.0, 1.0, 3)
            # Up and away first: contact would make the comparison chaotic.
            drift[2] = abs(drift[2]) if world.target_position[2] < 0.25 else drift[2]
        action = np.clip(drift + random.uniform(-0.5, 0.5, 3), -1.0, 1.0)
        action[2] = max(action[2], (0.12 - world.target_position[2]) / STEP)
        step(world, action, 0.0)
        theirs.step(action, 0.0)
        np.testing.assert_allclose(world.joint_positions, theirs.data.qpos[:7], rtol=0, atol=1e-6)
        np.testing.assert_allclose(world.joint_velocities, theirs.data.qvel[:7], rtol=0, atol=1e-5)


def test_a_grasp_lifts_the_cube_as_in_gym_hil() -> None:
    world = World(task_named("pick_cube"))
    world.reset(2)
    theirs, expert = GymHil(world), Expert()
    heights = []
    for _ in range(20):
        closure = world.gripper_command / 255.0
        seen = (world.tool_position, closure, world.object_positions, world.goal_positions, world.target_position)
        action = expert.act(*seen)
        gripper = closure if action.gripper == KEEP else float(action.gripper == CLOSE)
        step(world, action.delta, gripper)
        theirs.step(action.delta, gripper)
        heights.append(world.object_positions[0, 2])
        np.testing.assert_allclose(heights[-1], theirs.data.sensor("block_pos").data[2], rtol=0, atol=1e-3)
    assert heights[-1] > 0.12


@pytest.mark.parametrize("stretched", [False, True])
def test_torques_equal_gym_hils_in_any_posture_singular_ones_too(stretched: bool) -> None:
    world = World(task_named("arrange_boxes"))
    theirs = GymHil(world)
    random = np.random.default_rng(3)
    limits = world.model.jnt_range[:7]
    singular = 0
    for _ in range(200):
        if stretched:
            # The upright arm with a straight elbow and wrist cannot move its tool along itself.
            joints = np.array([0.0, 0.0, 0.0, -0.07, 0.0, 0.0, 0.0]) + random.uniform(-1, 1, 7) * 1e-3
        else:
            joints = random.uniform(limits[:, 0], limits[:, 1])
        velocities = random.uniform(-1.0, 1.0, 7)
        for model, data in ((world.model, world.data), (theirs.model, theirs.data)):
            data.qpos[:7], data.qvel[:7] = joints, velocities
            mujoco.mj_forward(model, data)
        position = random.uniform(world.task.workspace_low, world.task.workspace_high)
        quaternion = random.normal(size=4)
        quaternion /= np.linalg.norm(quaternion)
        expected = theirs.torques(position, quaternion)
        world._control.apply(position, quaternion)
        scale = np.abs(expected).max()
        np.testing.assert_allclose(world.joint_efforts, expected, rtol=0, atol=1e-6 * max(1.0, scale))
        singular += int(abs(np.linalg.det(world._control._task_inverse)) < SINGULAR)
    assert singular == 200 if stretched else singular < 100


def test_control_leaves_the_gripper_to_its_own_command() -> None:
    world = World(task_named("pick_cube"))
    world.set_target(world.tool_position, world.target_quaternion_wxyz, 0.5)
    world.step()
    assert world.gripper_command == 127.5
