"""What is written to a joystick is read from it again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil_serl_ros.env.actions import CLOSE, KEEP, OPEN
from hil_serl_ros.env.joy_mapping import JoyMapping, Wish

MAPPING = JoyMapping()
UNIT = st.floats(-1, 1, width=32)
WISH = st.builds(
    lambda motion, gripper, *buttons: Wish(np.array([*motion, 0, 0, 0]), gripper, *buttons),
    st.tuples(UNIT, UNIT, UNIT),
    st.sampled_from([OPEN, KEEP, CLOSE]),
    *[st.booleans()] * 4,
)


@given(WISH)
def test_reading_what_was_written_gives_the_wish_back(wish):
    axes, buttons = MAPPING.write(wish)
    read = MAPPING.read(np.array(axes, np.float32).tolist(), buttons)  # the message has float32
    np.testing.assert_allclose(read.motion, wish.motion, atol=1e-6)
    assert (read.gripper, read.intervening) == (wish.gripper, wish.intervening)
    assert (read.success, read.failure, read.again) == (wish.success, wish.failure, wish.again)


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=8, max_size=8),
    st.lists(st.integers(0, 1), min_size=11, max_size=11),
)
def test_motion_is_always_within_one(axes, buttons):
    assert (np.abs(MAPPING.read(axes, buttons).motion) <= 1).all()


@given(st.tuples(*[st.floats(-0.05, 0.05)] * 3))
def test_a_stick_in_its_dead_zone_moves_nothing(sticks):
    axes = [0.0] * 8
    axes[MAPPING.x_axis], axes[MAPPING.y_axis], axes[MAPPING.z_axis] = sticks
    assert not MAPPING.read(axes, [0] * 11).motion.any()


def test_a_joystick_that_nobody_touched_keeps_the_gripper():
    assert MAPPING.read([0.0] * 8, [0] * 11).gripper == KEEP


def test_both_triggers_at_once_keep_the_gripper():
    axes = [0.0] * 8
    axes[MAPPING.open_axis] = axes[MAPPING.close_axis] = -1.0
    assert MAPPING.read(axes, [0] * 11).gripper == KEEP


@pytest.mark.parametrize(("axis", "element"), [(1, 0), (0, 1), (4, 2)])
def test_forward_left_and_up_are_positive_x_y_and_z(axis, element):
    axes = [0.0] * 8
    axes[axis] = 1.0
    motion = MAPPING.read(axes, [0] * 11).motion
    assert motion[element] == 1.0
    assert np.count_nonzero(motion) == 1


@pytest.mark.parametrize(("axes", "buttons"), [(5, 11), (8, 5), (0, 0)])
def test_a_joystick_with_too_few_axes_or_buttons_is_refused(axes, buttons):
    with pytest.raises(ValueError, match=f"{axes} axes and {buttons} buttons"):
        MAPPING.read([0.0] * axes, [0] * buttons)


@pytest.mark.parametrize("axis", [MAPPING.x_axis, MAPPING.y_axis, MAPPING.z_axis])
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_a_stick_that_is_not_finite_is_refused(axis, number):
    axes = [0.0] * 8
    axes[axis] = number
    with pytest.raises(ValueError, match="not finite"):
        MAPPING.read(axes, [0] * 11)


def test_a_trigger_that_is_not_a_number_keeps_the_gripper():
    axes = [0.0] * 8
    axes[MAPPING.close_axis] = np.nan
    assert MAPPING.read(axes, [0] * 11).gripper == KEEP
