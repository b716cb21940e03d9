"""The target on its way to the controller: never in a step, never faster than allowed, never far from the tool."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil_serl_ros.env.actions import TURN, turned
from hil_serl_ros.env.arm_state import rotation_vector
from hil_serl_ros.env.following import Following, near
from hil_serl_ros.env.limits import Pose, angle_between

DOWN = np.array([0.0, 1.0, 0.0, 0.0])
SPEED, TURNS = 0.5, 1.0  # m/s, rad/s
PERIOD = 0.1  # s
numbers = st.floats(-0.3, 0.3)
points = st.tuples(numbers, numbers, numbers)


def pose(position: tuple[float, float, float], rotation: tuple[float, float, float] = (0, 0, 0)) -> Pose:
    return Pose(np.array(position), turned(DOWN, np.array(rotation) / TURN))


def test_it_is_half_way_after_half_the_time_and_then_stays():
    following = Following(pose((0, 0, 0)), SPEED, TURNS)
    following.aim(pose((0.02, 0, 0), (0, 0, 0.08)), 5.0, PERIOD)
    middle = following.at(5.05)
    np.testing.assert_allclose(middle.position, [0.01, 0, 0], atol=1e-12)
    assert angle_between(DOWN, middle.quaternion) == pytest.approx(0.04)
    for later in (5.1, 9.0):
        np.testing.assert_allclose(following.at(later).position, [0.02, 0, 0], atol=1e-12)
    assert following.arrived(5.1 + 1e-9)
    assert not following.arrived(5.09)


def test_a_new_goal_is_led_to_from_where_the_target_is_and_not_from_the_old_goal():
    following = Following(pose((0, 0, 0)), SPEED, TURNS)
    following.aim(pose((0.02, 0, 0)), 0.0, PERIOD)
    before = following.at(0.05).position
    following.aim(pose((0, 0.02, 0)), 0.05, PERIOD)
    np.testing.assert_allclose(following.at(0.05).position, before)
    assert np.linalg.norm(following.at(0.06).position - before) < 0.003


def test_a_stop_stays_where_it_is():
    following = Following(pose((0, 0, 0)), SPEED, TURNS)
    following.aim(pose((0.02, 0, 0)), 0.0, PERIOD)
    following.stop(0.05)
    for later in (0.05, 1.0):
        np.testing.assert_allclose(following.at(later).position, [0.01, 0, 0])
    assert following.arrived(0.05)


@given(points, points, points, points)
def test_it_is_never_faster_than_allowed_however_far_the_goal_is(start, goal, rotation, other):
    following = Following(pose(start), SPEED, TURNS)
    led = []
    for tick in range(60):
        if tick in (0, 20):
            following.aim(pose(goal if tick == 0 else other, rotation), tick * 0.01, PERIOD)
        led.append(following.at(tick * 0.01))
    for one, next_one in itertools.pairwise(led):
        assert np.linalg.norm(next_one.position - one.position) <= SPEED * 0.01 + 1e-9
        assert angle_between(one.quaternion, next_one.quaternion) <= TURNS * 0.01 + 1e-6


@given(points, points, points)
def test_near_is_the_target_or_the_nearest_to_it_that_is_allowed(target, tool, rotation):
    wanted, measured = pose(target, rotation), pose(tool)
    close = near(wanted, measured, 0.05, 0.2)
    distance = np.linalg.norm(wanted.position - measured.position)
    assert np.linalg.norm(close.position - measured.position) == pytest.approx(min(distance, 0.05), abs=1e-9)
    turn = angle_between(measured.quaternion, wanted.quaternion)
    assert angle_between(measured.quaternion, close.quaternion) == pytest.approx(min(turn, 0.2), abs=1e-6)
    assert (close is wanted) == (distance <= 0.05 and turn <= 0.2)


@given(points, points)
def test_the_rotation_between_two_orientations_turns_one_into_the_other(first, second):
    a = turned(DOWN, np.array(first) / TURN)
    b = turned(a, np.array(second) / TURN)
    np.testing.assert_allclose(rotation_vector(a, b), second, atol=1e-9)
    np.testing.assert_allclose(rotation_vector(a, -b), second, atol=1e-9)
