"""What an arm's driver says of it: checked, picked out and ordered."""

from __future__ import annotations

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import JointState

from hil_serl_ros.env.arm_state import ArmSenses, BadState, closure_of
from hil_serl_ros.ros.convert import pose_message, stamp_of

NAMES = ["a", "b"]
AGE = 0.05  # s
DOWN = np.array([0.0, 1.0, 0.0, 0.0])


def joints(stamp: float, names: str = "xba", **changes: list[float]) -> JointState:
    message = JointState(name=list(names), position=[9.0, 2.0, 1.0], velocity=[9.0, 0.2, 0.1])
    message.header.stamp = stamp_of(round(stamp * 1e9))
    for name, values in changes.items():
        setattr(message, name, values)
    return message


def tool(stamp: float, y: float = 0.0, frame: str = "base", orientation: np.ndarray = DOWN) -> PoseStamped:
    message = PoseStamped(pose=pose_message(np.array([0.4, y, 0.2]), orientation))
    message.header.frame_id, message.header.stamp = frame, stamp_of(round(stamp * 1e9))
    return message


@pytest.fixture
def senses() -> ArmSenses:
    return ArmSenses(NAMES, "base", AGE)


def test_the_named_joints_are_picked_in_their_own_order_whatever_else_there_is(senses):
    senses.on_joints(joints(1.0), 10.0)
    senses.on_pose(tool(1.0), 10.0)
    state = senses.at(10.0)
    assert state.positions.tolist() == [1.0, 2.0]
    assert state.velocities.tolist() == [0.1, 0.2]
    assert state.efforts.tolist() == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (joints(1.0, "xbc"), "has no a, only x, b, c; set joint_names"),
        (joints(1.0, velocity=[]), "no velocity for each position"),
        (joints(1.0, position=[9.0, float("nan"), 1.0]), "not finite"),
        (joints(1.0, velocity=[9.0, float("inf"), 1.0]), "not finite"),
    ],
)
def test_a_joint_state_that_cannot_be_used_is_refused_with_a_sentence(senses, wrong, words):
    with pytest.raises(BadState, match=words):
        senses.on_joints(wrong, 10.0)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (tool(1.0, frame="world"), "in the frame 'world', not 'base'; set base_frame"),
        (tool(1.0, frame=""), "in the frame ''"),
        (tool(1.0, y=float("nan")), "not finite"),
        (tool(1.0, orientation=np.zeros(4)), "not a quaternion"),
    ],
)
def test_a_pose_that_cannot_be_used_is_refused_with_a_sentence(senses, wrong, words):
    with pytest.raises(BadState, match=words):
        senses.on_pose(wrong, 10.0)


def test_a_joint_that_is_not_asked_for_may_be_anything(senses):
    senses.on_joints(joints(1.0, position=[float("nan"), 2.0, 1.0]), 10.0)


def test_each_part_grows_stale_by_itself(senses):
    senses.on_joints(joints(1.0), 10.0)
    with pytest.raises(BadState, match="no new pose of the tool"):
        senses.at(10.0)
    senses.on_pose(tool(1.0), 10.04)
    senses.at(10.04)
    with pytest.raises(BadState, match=r"no new joint state from the driver for 0\.06 s"):
        senses.at(10.06)


def test_a_stamp_that_stays_the_same_is_no_news(senses):
    for tick in range(20):
        senses.on_joints(joints(1.0), 10.0 + 0.01 * tick)
        senses.on_pose(tool(1.0 + 0.01 * tick), 10.0 + 0.01 * tick)
    with pytest.raises(BadState, match="no new joint state"):
        senses.at(10.2)


def test_the_twist_is_the_way_between_two_states_in_the_drivers_own_time(senses):
    for tick in range(5):
        senses.on_joints(joints(1.0 + 0.02 * tick), 10.0 + 0.02 * tick)
        # Two poses for each state; they come late and unevenly.
        for part in (0.0, 0.01):
            moment = 0.02 * tick + part
            senses.on_pose(tool(1.0 + moment, y=0.1 * moment), 10.0 + moment)
        state = senses.at(10.015 + 0.02 * tick)
    np.testing.assert_allclose(state.linear, [0.0, 0.1, 0.0], atol=1e-9)
    np.testing.assert_allclose(state.angular, 0.0, atol=1e-9)


def test_after_a_gap_there_is_no_twist_out_of_it(senses):
    for moment in (0.0, 5.0):
        senses.on_joints(joints(1.0 + moment), 10.0 + moment)
        senses.on_pose(tool(1.0 + moment, y=moment), 10.0 + moment)
        state = senses.at(10.0 + moment)
    assert state.linear.tolist() == [0.0, 0.0, 0.0]


def test_a_closure_is_0_where_the_gripper_is_open_and_1_where_it_is_closed():
    message = JointState(name=["left", "right"], position=[0.0, 0.03])
    assert closure_of(message, "right", 0.04, 0.0) == pytest.approx(0.25)
    assert closure_of(message, "", 0.04, 0.0) == 1.0
    with pytest.raises(BadState, match="has no middle; set gripper_joint"):
        closure_of(message, "middle", 0.04, 0.0)
    with pytest.raises(BadState, match="no position"):
        closure_of(JointState(), "", 0.04, 0.0)
