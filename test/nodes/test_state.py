"""The node `state`: the robot's parts of one instant become one observation."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import Pose, PoseStamped
from sensor_msgs.msg import JointState
from std_msgs.msg import Header

from hil_serl_ros.msg import Observation, RobotStatus, TaskState
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import nanoseconds, pose_message, stamp_of

PERIOD = 100_000_000  # ns
KINDS = {
    "joint_states": JointState,
    "tool_pose": PoseStamped,
    "task_state": TaskState,
    "robot_status": RobotStatus,
}


class Robot:
    """The robot's topics before a running `state`, and the listener behind it."""

    def __init__(self, graph: Any, space: str, *, lockstep: bool, **parameters: object) -> None:
        self.graph = graph
        self.lockstep = lockstep
        self.clock = "lockstep" if lockstep else "realtime"
        self.process = graph.start("state", "-r", f"__ns:=/{space}", clock=self.clock, **parameters)
        profile = qos.publish_state(lockstep=lockstep)
        self.seen = graph.subscribe(Observation, f"/{space}/observation", profile)
        self.topics = {name: graph.publisher(kind, f"/{space}/{name}", profile) for name, kind in KINDS.items()}
        graph.wait_until(lambda: graph.node.count_publishers(f"/{space}/observation"))
        self.stamp = 0

    def parts(self, stamp: int, sequence: int = 1, joints: int = 7) -> dict[str, Any]:
        header = Header(stamp=stamp_of(stamp), frame_id="base")
        upright = np.array([1.0, 0, 0, 0])
        task = TaskState(header=header, object_poses=[pose_message(np.array([0.4, 0.1, 0.02]), upright)])
        status = RobotStatus(header=header, sequence=sequence, epoch=3, gripper=1.0, control_period=0.1)
        status.lockstep = self.lockstep
        pose = PoseStamped(header=header, pose=pose_message(np.array([0.5, 0.2, 0.3]), upright))
        joint_state = JointState(header=header, position=[0.1] * joints, velocity=[0.2] * joints)
        return {"joint_states": joint_state, "tool_pose": pose, "task_state": task, "robot_status": status}

    def publish(self, stamp: int, *leave_out: str, **changes: Any) -> None:
        for name, message in self.parts(stamp, **changes).items():
            if name not in leave_out:
                self.topics[name].publish(message)

    def after(self, count: int) -> list[Observation]:
        """All observations, once ``count`` have come, and a moment later."""
        self.graph.wait_until(lambda: len(self.seen) >= count)
        self.graph.listen(0.2)
        return self.seen

    def faults(self) -> dict[str, int]:
        return self.graph.faults(self.topics["joint_states"].topic_name.split("/")[1] + "/state")


@pytest.fixture(scope="module")
def running(graph) -> Robot:
    return Robot(graph, "lockstep", lockstep=True)


@pytest.fixture
def robot(running) -> Robot:
    running.seen.clear()
    running.stamp += 10 * PERIOD
    return running


def test_the_parts_of_one_stamp_become_one_observation(robot):
    robot.publish(robot.stamp, sequence=5)
    (observation,) = robot.after(1)
    assert nanoseconds(observation.header.stamp) == robot.stamp
    assert (observation.sequence, observation.epoch, observation.header.frame_id) == (5, 3, "base")
    expected = [0.1] * 7 + [0.2] * 7 + [255.0, 0.5, 0.2, 0.3]
    np.testing.assert_allclose(observation.state, np.array(expected, np.float32))
    np.testing.assert_allclose(observation.environment_state, np.array([0.4, 0.1, 0.02], np.float32))


@pytest.mark.parametrize("late", list(KINDS))
def test_parts_may_come_in_any_order(robot, late):
    robot.publish(robot.stamp, late)
    robot.graph.listen(0.1)
    assert robot.seen == []
    robot.topics[late].publish(robot.parts(robot.stamp)[late])
    assert len(robot.after(1)) == 1


def test_parts_of_different_stamps_are_never_joined(robot):
    robot.publish(robot.stamp, "tool_pose")
    robot.publish(robot.stamp + PERIOD, "joint_states")
    robot.graph.listen(0.3)
    assert robot.seen == []


def test_a_repeated_state_is_answered_again(robot):
    robot.publish(robot.stamp)
    first = robot.after(1)[0]
    robot.publish(robot.stamp)
    assert robot.after(2) == [first, first]


def test_a_wrong_number_of_joints_is_refused_and_counted(robot):
    robot.publish(robot.stamp, joints=6)
    robot.publish(robot.stamp + PERIOD)
    observation = robot.after(1)
    assert [nanoseconds(o.header.stamp) for o in observation] == [robot.stamp + PERIOD]
    assert robot.graph.wait_until(lambda: robot.faults().get("wrong joints", 0) >= 1)


def test_a_task_without_an_object_is_refused(robot):
    empty = TaskState(header=robot.parts(robot.stamp)["task_state"].header)
    robot.publish(robot.stamp, "task_state")
    robot.topics["task_state"].publish(empty)
    robot.graph.listen(0.3)
    assert robot.seen == []
    assert robot.faults()["no object"] >= 1


@pytest.fixture(scope="module")
def real(graph) -> Robot:
    """A state in realtime that has seen its first instant."""
    robot = Robot(graph, "realtime", lockstep=False, max_age=0.15)
    robot.stamp = 0

    def again() -> None:
        robot.stamp += PERIOD
        robot.publish(robot.stamp)

    graph.wait_until(lambda: robot.seen, again=again)
    return robot


def test_in_realtime_one_observation_a_control_period_is_published(real):
    real.graph.listen(0.2)
    real.seen.clear()
    start = real.stamp + 10 * PERIOD
    for tick in range(51):  # one each 20 ms: a second
        stamp = start + tick * PERIOD // 5
        real.publish(stamp)
        real.graph.listen(0.02)
    real.stamp = stamp
    stamps = [nanoseconds(o.header.stamp) for o in real.after(8)]
    # Best effort: a sample may be lost, never doubled.
    assert 8 <= len(stamps) <= 11
    assert all(later - earlier >= PERIOD for earlier, later in itertools.pairwise(stamps))


def test_in_realtime_a_part_that_is_too_old_refuses_the_observation_and_is_counted(real):
    real.graph.listen(0.2)
    real.seen.clear()
    for _ in range(5):
        real.stamp += 2 * PERIOD
        real.publish(real.stamp, "tool_pose")  # its last one is 0.2 s old at least
        real.graph.listen(0.05)
    assert real.seen == []
    assert real.graph.wait_until(lambda: real.faults().get("stale", 0) >= 1)
    assert "is missing or too old" in real.process.output


def test_without_ground_truth_only_the_robot_is_observed(graph):
    process = graph.start("state", "-r", "__ns:=/bare", environment_state=False)
    seen = graph.subscribe(Observation, "/bare/observation", qos.publish_state(lockstep=True))
    profile = qos.publish_state(lockstep=True)
    topics = {n: graph.publisher(k, f"/bare/{n}", profile) for n, k in KINDS.items() if n != "task_state"}
    header = Header(stamp=stamp_of(PERIOD))
    topics["joint_states"].publish(JointState(header=header, position=[0.0] * 7, velocity=[0.0] * 7))
    topics["tool_pose"].publish(PoseStamped(header=header, pose=Pose()))
    topics["robot_status"].publish(RobotStatus(header=header, lockstep=True))
    graph.wait_until(lambda: seen)
    assert len(seen[0].environment_state) == 0
    assert process.code is None
