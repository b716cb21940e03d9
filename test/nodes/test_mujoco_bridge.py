"""The node `mujoco_bridge` in lockstep: one step of the world for each number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool

from hil_serl_ros.msg import Reward, RobotCommand, RobotStatus, TaskState
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import nanoseconds, pose_message, position_array, quaternion_array
from hil_serl_ros.srv import ResetWorld, StepWorld

PERIOD = 100_000_000  # ns


class Bridge:
    """Commands a running bridge and hears its state."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph
        self.process = graph.start("mujoco_bridge")
        profile = qos.publish_state(lockstep=True)
        self.states = graph.subscribe(RobotStatus, "robot_status", profile)
        self.joints = graph.subscribe(JointState, "joint_states", profile)
        self.tasks = graph.subscribe(TaskState, "task_state", profile)
        self.rewards = graph.subscribe(Reward, "reward", profile)
        self.clock = graph.subscribe(Clock, "/clock", profile)
        self.commands = graph.publisher(RobotCommand, "command_executed", qos.COMMAND)
        graph.wait_until(lambda: graph.node.count_publishers("robot_status"))

    def reset(self, seed: int) -> ResetWorld.Response:
        answer = self.graph.call(ResetWorld, "reset_world", ResetWorld.Request(seed=seed))
        if answer.success:
            stamp = answer.status.header.stamp
            self.graph.wait_until(lambda: all(self.newest(kind).header.stamp == stamp for kind in ("tasks", "states")))
        return answer

    def newest(self, kind: str) -> Any:
        messages = getattr(self, kind)
        return messages[-1] if messages else RobotStatus()

    def next_command(self, status: RobotStatus, motion: tuple[float, float, float] = (0, 0, 0)) -> RobotCommand:
        """A command that moves the held target by ``motion`` m."""
        command = RobotCommand(sequence=status.sequence + 1, epoch=status.epoch, gripper=status.gripper)
        command.target = pose_message(position_array(status.target) + np.array(motion), quaternion_array(status.target))
        return command

    def do(self, command: RobotCommand) -> RobotStatus:
        """Send ``command``; the state that it leads to."""
        count = len(self.states)
        self.commands.publish(command)
        return self.graph.wait_until(lambda: self.states[count:] and self.states[-1])

    def pause(self, on: bool) -> None:
        assert self.graph.call(SetBool, "pause", SetBool.Request(data=on)).success


@pytest.fixture(scope="module")
def running(graph) -> Bridge:
    return Bridge(graph)


@pytest.fixture
def bridge(running) -> Bridge:
    running.pause(False)
    running.graph.listen(0.05)
    return running


def test_each_number_is_one_control_period(bridge):
    status = bridge.reset(1).status
    for _ in range(5):
        after = bridge.do(bridge.next_command(status, (0.02, 0, 0)))
        assert after.sequence == status.sequence + 1
        assert nanoseconds(after.header.stamp) == nanoseconds(status.header.stamp) + PERIOD
        status = after


def test_the_world_stands_still_between_commands(bridge):
    bridge.reset(1)
    count = len(bridge.states)
    bridge.graph.listen(0.5)
    assert len(bridge.states) == count


def test_the_same_number_only_repeats_the_state_with_the_same_stamp(bridge):
    command = bridge.next_command(bridge.reset(1).status, (0.02, 0, 0))
    first = bridge.do(command)
    joints = bridge.graph.wait_until(lambda: bridge.joints[-1].header.stamp == first.header.stamp and bridge.joints[-1])
    command.target = pose_message(np.array([0.3, 0.2, 0.4]), np.array([1.0, 0, 0, 0]))
    assert bridge.do(command) == first
    assert bridge.joints[-1] == joints


def test_an_old_number_and_an_old_epoch_are_dropped(bridge):
    command = bridge.next_command(bridge.reset(1).status, (0.02, 0, 0))
    bridge.do(command)
    status = bridge.do(bridge.next_command(bridge.states[-1]))
    count = len(bridge.states)
    bridge.commands.publish(command)
    bridge.graph.listen(0.2)
    bridge.commands.publish(RobotCommand(sequence=status.sequence + 1, epoch=status.epoch - 1, target=status.target))
    bridge.graph.listen(0.2)
    assert len(bridge.states) == count
    faults = bridge.graph.wait_until(lambda: bridge.graph.faults("mujoco_bridge"))
    assert faults["old command"] >= 1
    assert faults["stale epoch"] >= 1


def test_a_state_after_a_reset_has_a_new_epoch_and_a_later_stamp(bridge):
    before = bridge.do(bridge.next_command(bridge.reset(1).status))
    after = bridge.reset(1).status
    assert after.epoch == before.epoch + 1
    assert nanoseconds(after.header.stamp) > nanoseconds(before.header.stamp)


def test_a_reset_is_a_function_of_its_seed_alone(bridge):
    def start(seed: int, *motions: tuple[float, float, float]) -> tuple[Any, Any, Any]:
        status = bridge.reset(seed).status
        cube = position_array(bridge.tasks[-1].object_poses[0])
        for motion in motions:
            status = bridge.do(bridge.next_command(status, motion))
        joints = bridge.graph.wait_until(
            lambda: bridge.joints[-1].header.stamp == status.header.stamp and bridge.joints[-1]
        )
        return cube.tolist(), list(joints.position), position_array(status.target).tolist()

    motions = [(0.02, 0.01, -0.02)] * 4
    first = start(5, *motions)
    other = start(6)
    assert start(5, *motions) == first
    assert other[0] != first[0]


def test_a_negative_seed_is_refused_with_a_sentence(bridge):
    epoch = bridge.reset(1).status.epoch
    answer = bridge.reset(-1)
    assert not answer.success
    assert "-1" in answer.message
    assert bridge.reset(1).status.epoch == epoch + 1


def test_the_robot_holds_the_tools_pose_after_a_reset(bridge):
    status = bridge.reset(1).status
    after = bridge.do(bridge.next_command(status))
    np.testing.assert_allclose(position_array(after.target), position_array(status.target), atol=1e-9)


def test_a_command_that_is_not_finite_never_reaches_the_robot(bridge):
    status = bridge.reset(1).status
    command = bridge.next_command(status, (float("nan"), 0, 0))
    after = bridge.do(command)
    np.testing.assert_array_equal(position_array(after.target), position_array(status.target))
    assert bridge.process.code is None


def test_a_paused_world_takes_the_command_and_makes_its_step_when_it_goes_on(bridge):
    status = bridge.reset(1).status
    bridge.pause(True)
    count = len(bridge.states)
    bridge.commands.publish(bridge.next_command(status, (0.02, 0, 0)))
    bridge.graph.listen(0.3)
    assert all(s.header.stamp == status.header.stamp for s in bridge.states[count:])
    bridge.pause(False)
    after = bridge.graph.wait_until(lambda: bridge.states[count:] and bridge.states[-1])
    assert after.sequence == status.sequence + 1
    assert nanoseconds(after.header.stamp) == nanoseconds(status.header.stamp) + PERIOD


def test_step_world_advances_with_the_target_that_is_held(bridge):
    status = bridge.reset(1).status
    answer = bridge.graph.call(StepWorld, "step_world", StepWorld.Request(steps=3))
    assert answer.success
    assert nanoseconds(answer.status.header.stamp) == nanoseconds(status.header.stamp) + 3 * PERIOD
    assert answer.status.target == status.target


@pytest.mark.parametrize("steps", [0, 1001])
def test_step_world_refuses_a_number_of_steps_out_of_its_range(bridge, steps):
    answer = bridge.graph.call(StepWorld, "step_world", StepWorld.Request(steps=steps))
    assert not answer.success
    assert str(steps) in answer.message


def test_all_parts_of_a_state_carry_one_stamp_which_is_the_clock(bridge):
    status = bridge.do(bridge.next_command(bridge.reset(1).status))
    stamp = status.header.stamp
    for kind in ("joints", "tasks", "rewards"):
        bridge.graph.wait_until(lambda kind=kind: bridge.newest(kind).header.stamp == stamp)
    bridge.graph.wait_until(lambda: bridge.clock[-1].clock == stamp)


def test_a_realtime_world_runs_at_wall_speed_and_stops_while_paused(graph):
    graph.start("mujoco_bridge", "-r", "__ns:=/real", "-r", "/clock:=/real/clock", clock="realtime")
    states = graph.subscribe(RobotStatus, "/real/robot_status", qos.publish_state(lockstep=False))
    graph.wait_until(lambda: len(states) > 5)
    begin, started = nanoseconds(states[-1].header.stamp), graph.node.get_clock().now()
    graph.listen(2.0)
    wall = (graph.node.get_clock().now() - started).nanoseconds
    simulated = nanoseconds(states[-1].header.stamp) - begin
    assert simulated == pytest.approx(wall, rel=0.15)
    stamps = [nanoseconds(s.header.stamp) for s in states]
    assert stamps == sorted(stamps)
    graph.call(SetBool, "/real/pause", SetBool.Request(data=True))
    graph.listen(0.2)
    paused = states[-1].header.stamp
    graph.listen(0.3)
    assert states[-1].header.stamp == paused
