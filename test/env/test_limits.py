"""Nothing passes the limits, and what is within them passes unchanged."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hil_serl_ros.env.limits import CommandRefused, Held, Limits, Pose, angle_between, limited, slerp

LOW, HIGH = np.array([0.2, -0.3, 0.0]), np.array([0.6, 0.3, 0.5])
LIMITS = Limits(LOW, HIGH, speed=0.25, rotation_speed=1.0)
SECONDS = 0.1
UPRIGHT = np.array([1.0, 0, 0, 0])
NUMBER = st.floats(-5, 5)


def _unit(values: tuple[float, ...]) -> np.ndarray:
    norm = np.linalg.norm(values)
    return np.array(values) / norm if norm > 1e-3 else UPRIGHT


ANYWHERE = st.tuples(NUMBER, NUMBER, NUMBER).map(np.array)
INSIDE = st.tuples(*[st.floats(low, high) for low, high in zip(LOW, HIGH, strict=True)]).map(np.array)
ROTATION = st.tuples(NUMBER, NUMBER, NUMBER, NUMBER).map(_unit)
POSE = st.builds(Pose, ANYWHERE, ROTATION)
HELD = st.builds(Pose, INSIDE, ROTATION)


def go(wanted: Pose, held: Pose, gripper: float, seconds: float = SECONDS, limits: Limits = LIMITS) -> tuple[Pose, str]:
    """From rest, with an open gripper."""
    after, reason = limited(wanted, gripper, Held(held, 0.0, np.zeros(3)), seconds, limits)
    return after.pose, reason


@given(POSE, HELD)
def test_from_inside_the_workspace_the_target_never_leaves_it(wanted, held):
    pose, _ = go(wanted, held, 0.5, SECONDS)
    assert (pose.position >= LOW - 1e-12).all()
    assert (pose.position <= HIGH + 1e-12).all()


@given(POSE, POSE, st.floats(0.001, 1))
def test_the_target_never_moves_faster_than_the_limits(wanted, held, seconds):
    pose, _ = go(wanted, held, 0.5, seconds)
    assert np.linalg.norm(pose.position - held.position) <= LIMITS.speed * seconds * (1 + 1e-6)
    assert angle_between(held.quaternion, pose.quaternion) <= LIMITS.rotation_speed * seconds + 1e-5


@given(POSE, HELD)
def test_a_limited_target_passes_unchanged_and_without_a_reason(wanted, held):
    once, _ = go(wanted, held, 0.5, SECONDS)
    # Clipping along a straight line may leave the box by a rounding.
    inside = Pose(np.clip(once.position, LOW, HIGH), once.quaternion)
    twice, reason = go(inside, held, 0.5)
    np.testing.assert_allclose(twice.position, inside.position, atol=1e-9)
    assert angle_between(twice.quaternion, inside.quaternion) < 1e-5
    assert reason == ""


@given(HELD, st.tuples(*[st.floats(-0.01, 0.01)] * 3).map(np.array))
def test_a_target_within_the_limits_is_the_same_to_the_last_bit(held, motion):
    wanted = Pose(np.clip(held.position + motion, LOW, HIGH), held.quaternion)
    pose, reason = go(wanted, held, 0.0, SECONDS)
    assert reason == ""
    assert (pose.position == wanted.position).all()


@given(POSE, POSE)
def test_the_result_is_always_a_finite_pose(wanted, held):
    pose, _ = go(wanted, held, 1.0, SECONDS)
    assert np.isfinite(pose.position).all()
    assert np.linalg.norm(pose.quaternion) == pytest.approx(1.0, abs=1e-6)


def test_a_tool_that_starts_outside_comes_back_at_the_allowed_speed():
    held = Pose(np.array([0.9, 0.0, 0.2]), UPRIGHT)
    pose, reason = go(Pose(np.array([0.4, 0.0, 0.2]), UPRIGHT), held, 0.0)
    np.testing.assert_allclose(pose.position, [0.9 - 0.025, 0.0, 0.2])
    assert "speed" in reason


def test_the_reasons_name_what_was_limited():
    held = Pose(np.array([0.59, 0.0, 0.2]), UPRIGHT)
    turned = np.array([np.cos(0.5), np.sin(0.5), 0, 0])
    assert go(Pose(np.array([0.61, 0, 0.2]), UPRIGHT), held, 0)[1] == "outside the workspace"
    assert go(Pose(np.array([0.5, 0, 0.2]), UPRIGHT), held, 0)[1] == "faster than the speed limit"
    assert go(Pose(held.position, turned), held, 0)[1] == "faster than the rotation limit"


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["position", "quaternion", "gripper"])
def test_a_number_that_is_not_finite_is_refused(where, number):
    held = Pose(np.array([0.4, 0, 0.2]), UPRIGHT)
    position, quaternion, gripper = held.position.copy(), UPRIGHT.copy(), 0.5
    if where == "position":
        position[1] = number
    elif where == "quaternion":
        quaternion[2] = number
    else:
        gripper = number
    with pytest.raises(CommandRefused, match="not finite"):
        go(Pose(position, quaternion), held, gripper)


@pytest.mark.parametrize("quaternion", [np.zeros(4), np.full(4, 5.0), np.array([0.1, 0, 0, 0])])
def test_four_numbers_that_are_no_orientation_are_refused(quaternion):
    held = Pose(np.array([0.4, 0, 0.2]), UPRIGHT)
    with pytest.raises(CommandRefused, match="quaternion"):
        go(Pose(held.position, quaternion), held, 0.5)


@pytest.mark.parametrize("gripper", [-0.01, 1.01, 255.0])
def test_a_gripper_closure_outside_0_to_1_is_refused(gripper):
    held = Pose(np.array([0.4, 0, 0.2]), UPRIGHT)
    with pytest.raises(CommandRefused, match="closure"):
        go(held, held, gripper)


def test_a_quaternion_and_its_negative_are_the_same_orientation():
    held = Pose(np.array([0.4, 0, 0.2]), UPRIGHT)
    _, reason = go(Pose(held.position, -UPRIGHT), held, 0.5)
    assert reason == ""


@given(ROTATION, ROTATION, st.floats(0, 1))
def test_slerp_turns_by_its_fraction_of_the_short_way(a, b, fraction):
    whole = angle_between(a, b)
    assume(whole > 1e-3)
    between = slerp(a, b, fraction)
    assert np.linalg.norm(between) == pytest.approx(1.0, abs=1e-6)
    assert angle_between(a, between) == pytest.approx(fraction * whole, abs=1e-5)
    assert angle_between(between, b) == pytest.approx((1 - fraction) * whole, abs=1e-5)


def test_slerp_half_way_to_a_quarter_turn_is_an_eighth_turn():
    quarter = np.array([np.cos(np.pi / 4), 0, 0, np.sin(np.pi / 4)])
    np.testing.assert_allclose(slerp(UPRIGHT, quarter, 0.5), [np.cos(np.pi / 8), 0, 0, np.sin(np.pi / 8)])


SOFT = dataclasses.replace(LIMITS, soft_edge=0.05)
VELOCITY = st.tuples(*[st.floats(-0.2, 0.2)] * 3).map(np.array)


def test_towards_a_wall_the_speed_falls_with_the_distance_and_the_wall_is_never_hit():
    wall = Pose(np.array([0.0, 0.0, 0.2]), UPRIGHT)
    held, steps = Pose(np.array([0.3, 0.0, 0.2]), UPRIGHT), []
    for _ in range(30):
        after, reason = go(wall, held, 0.0, limits=SOFT)
        steps.append(held.position[0] - after.position[0])
        held = after
    assert "edge" in reason
    assert steps[0] == pytest.approx(0.025)  # 5 cm before the edge: full speed
    assert all(later <= earlier + 1e-12 for earlier, later in itertools.pairwise(steps))
    assert 0.2 < held.position[0] < 0.2001


@given(INSIDE, st.integers(2, 6))
def test_the_soft_edge_is_the_same_whatever_the_control_rate(start, parts):
    fast = dataclasses.replace(SOFT, speed=10.0)  # the edge alone decides
    down = Pose(np.array([start[0], start[1], -1.0]), UPRIGHT)
    once, _ = go(down, Pose(start, UPRIGHT), 0.0, 0.002, fast)
    held = Pose(start, UPRIGHT)
    for _ in range(parts):
        held, _ = go(down, held, 0.0, 0.002 / parts, fast)
    assert held.position[2] == pytest.approx(once.position[2], abs=1e-9)


@given(HELD)
def test_away_from_a_wall_there_is_no_edge(held):
    centre = (LOW + HIGH) / 2
    towards = Pose(held.position + np.clip(centre - held.position, -0.01, 0.01), held.quaternion)
    pose, reason = go(towards, held, 0.0, limits=SOFT)
    assert reason == ""
    assert (pose.position == towards.position).all()


@given(POSE, HELD, VELOCITY, st.floats(0.1, 5))
def test_the_velocity_changes_no_faster_than_the_acceleration_but_a_stop_is_never_delayed(wanted, held, velocity, most):
    far = np.full(3, 100.0)  # a wall stops at once, whatever the acceleration
    limits = dataclasses.replace(LIMITS, low=-far, high=far, acceleration=most)
    moving = Held(held, 0.0, velocity)
    after, _ = limited(wanted, 0.0, moving, SECONDS, limits)
    along = np.clip(after.velocity @ velocity / max(velocity @ velocity, 1e-12), 0, 1)
    assert np.linalg.norm(after.velocity - along * velocity) <= most * SECONDS * (1 + 1e-6) + 1e-9
    stopped, reason = limited(held, 0.0, moving, SECONDS, limits)
    assert (stopped.pose.position == held.position).all()
    assert reason == ""


def test_the_gripper_stays_in_its_range_and_under_its_speed():
    limits = dataclasses.replace(LIMITS, gripper_low=0.1, gripper_high=0.8, gripper_speed=2.0)
    pose = Pose(np.array([0.4, 0, 0.2]), UPRIGHT)
    after, reason = limited(pose, 1.0, Held(pose, 0.7, np.zeros(3)), SECONDS, limits)
    assert (after.gripper, reason) == (0.8, "beyond the gripper's limits")
    after, reason = limited(pose, 0.1, Held(pose, 0.7, np.zeros(3)), SECONDS, limits)
    assert after.gripper == pytest.approx(0.5)
    assert reason == "faster than the gripper's limit"
