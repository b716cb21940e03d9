"""What rviz2 shows beside the robot."""

from __future__ import annotations

import numpy as np
import pytest
from visualization_msgs.msg import Marker

from hil_serl_ros.msg import PolicyState, RobotCommand, TaskState
from hil_serl_ros.ros.convert import pose_message
from hil_serl_ros.ros.markers import COLOURS, NOBODY, PERSON, POLICY, TALLEST, Markers, driver_of

CORNER = np.array([0.4, 0.0, 0.5])


@pytest.fixture
def markers() -> Markers:
    return Markers("panda_link0")


def test_the_workspace_has_the_twelve_edges_of_its_box(markers):
    low, high = np.array([0.2, -0.3, 0.0]), np.array([0.6, 0.3, 0.5])
    (box,) = markers.workspace(low, high)
    ends = np.array([[p.x, p.y, p.z] for p in box.points]).reshape(12, 2, 3)
    lengths = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
    np.testing.assert_allclose(sorted(lengths), [0.4] * 4 + [0.5] * 4 + [0.6] * 4)
    assert len({tuple(map(tuple, edge)) for edge in ends}) == 12
    np.testing.assert_allclose(ends.reshape(-1, 3).min(axis=0), low)
    np.testing.assert_allclose(ends.reshape(-1, 3).max(axis=0), high)


@pytest.mark.parametrize(
    ("source", "verdict", "silent", "driver"),
    [
        (RobotCommand.SOURCE_POLICY, RobotCommand.VERDICT_ACCEPTED, False, POLICY),
        (RobotCommand.SOURCE_HUMAN, RobotCommand.VERDICT_LIMITED, False, PERSON),
        (RobotCommand.SOURCE_HOLD, RobotCommand.VERDICT_ACCEPTED, False, NOBODY),
        (RobotCommand.SOURCE_HUMAN, RobotCommand.VERDICT_HELD, False, NOBODY),
        (RobotCommand.SOURCE_POLICY, RobotCommand.VERDICT_ACCEPTED, True, NOBODY),
    ],
)
def test_who_drives_is_who_moves_the_arm(source, verdict, silent, driver):
    assert driver_of(RobotCommand(source=source, verdict=verdict), silent)[0] == driver


def test_nobody_drives_before_the_first_command_and_a_held_one_says_why(markers):
    assert driver_of(None, False)[0] == NOBODY
    held = RobotCommand(verdict=RobotCommand.VERDICT_HELD, reason="the arm is not armed")
    (words,) = markers.driver(*driver_of(held, False), CORNER)
    assert words.text == "nobody drives: the arm is not armed"


def test_the_target_has_the_driver_s_colour_and_its_arrow_ends_in_it_from_above(markers):
    down = pose_message(np.array([0.4, 0.1, 0.2]), np.array([0.0, 1.0, 0.0, 0.0]))  # z down
    ball, arrow = markers.target(down, PERSON)
    assert (ball.color.r, ball.color.g, ball.color.b) == pytest.approx(COLOURS[PERSON])
    start, tip = arrow.points
    assert (tip.x, tip.y, tip.z) == pytest.approx((0.4, 0.1, 0.2))
    assert (start.x, start.y) == pytest.approx((0.4, 0.1))
    assert start.z > tip.z


def test_the_value_s_bar_stands_on_its_corner_and_is_as_high_as_the_value(markers):
    bar, words = markers.value(PolicyState(value=0.5), CORNER)
    assert bar.scale.z == pytest.approx(TALLEST / 2)
    assert bar.pose.position.z - bar.scale.z / 2 == pytest.approx(CORNER[2])
    assert words.text == "value 0.50"
    assert markers.value(PolicyState(value=7.0), CORNER)[0].scale.z == pytest.approx(TALLEST)


def test_what_is_not_so_any_more_is_taken_away(markers):
    gone = [*markers.value(PolicyState(value=float("nan")), CORNER), *markers.help(PolicyState(called=False), CORNER)]
    there = [*markers.value(PolicyState(value=1.0), CORNER), *markers.help(PolicyState(called=True), CORNER)]
    assert {m.action for m in gone} == {Marker.DELETE}
    assert {(m.ns, m.id) for m in gone} == {(m.ns, m.id) for m in there}


def test_a_call_for_help_says_why(markers):
    (words,) = markers.help(PolicyState(called=True, reason="I am lost"), CORNER)
    assert "I am lost" in words.text


def test_all_markers_have_a_size_a_frame_and_their_own_number(markers):
    pose = pose_message(np.array([0.4, 0.1, 0.02]), np.array([1.0, 0, 0, 0]))
    shown = [
        *markers.workspace(np.zeros(3), np.ones(3)),
        *markers.target(pose, POLICY),
        *markers.driver(NOBODY, "", CORNER),
        *markers.value(PolicyState(value=0.0), CORNER),
        *markers.help(PolicyState(called=True), CORNER),
        *markers.objects(TaskState(object_poses=[pose, pose], goal_poses=[pose, pose])),
    ]
    assert len({(m.ns, m.id) for m in shown}) == len(shown)
    for marker in shown:
        assert marker.header.frame_id == "panda_link0"
        assert marker.color.a > 0
        sizes = {Marker.LINE_LIST: "x", Marker.TEXT_VIEW_FACING: "z"}.get(marker.type, "xyz")
        assert all(getattr(marker.scale, axis) > 0 for axis in sizes), marker.ns
