"""Actions become targets and come back as what was executed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil_serl_ros.env.actions import (
    CLOSE,
    GRIPPER_PENALTY,
    KEEP,
    OPEN,
    STEP,
    Target,
    checked,
    executed_action,
    gripper_penalty,
    target_of,
)

UNIT = st.floats(-1, 1, width=32)
GRIPPER_CLASS = st.sampled_from([OPEN, KEEP, CLOSE])
ACTION = st.tuples(UNIT, UNIT, UNIT, GRIPPER_CLASS).map(lambda a: np.array(a, np.float32))
COORDINATE = st.floats(-2, 2)
HELD = st.builds(Target, st.tuples(COORDINATE, COORDINATE, COORDINATE).map(np.array), st.sampled_from([0.0, 0.25, 1.0]))


@given(ACTION, HELD)
def test_an_action_that_passes_unchanged_is_stored_as_asked(action, held):
    executed = executed_action(action, held, target_of(action, held))
    assert executed.dtype == np.float32
    np.testing.assert_allclose(executed[:3], action[:3], atol=1e-6)
    assert executed[3] == action[3]


@given(ACTION, HELD)
def test_a_command_that_was_held_is_stored_as_no_motion_and_an_unchanged_gripper(action, held):
    executed = executed_action(action, held, held)
    assert (executed[:3] == 0).all()
    # Asking for the state that is there already stays the policy's own class.
    assert executed[3] == (action[3] if target_of(action, held).gripper == held.gripper else KEEP)


@given(ACTION, HELD, st.floats(0, 1))
def test_a_clipped_command_is_stored_as_far_as_it_was_executed(action, held, part):
    wanted = target_of(action, held)
    clipped = Target(held.position + part * (wanted.position - held.position), wanted.gripper)
    np.testing.assert_allclose(executed_action(action, held, clipped)[:3], part * action[:3], atol=1e-6)


@given(ACTION, HELD, HELD)
def test_the_executed_action_is_always_an_action_of_the_policy(action, held, executed):
    result = executed_action(action, held, executed)
    assert (checked(result) == result).all()


def test_a_full_action_moves_the_target_by_one_step_on_each_axis():
    target = target_of(np.array([1, -1, 0.5, KEEP], np.float32), Target(np.array([0.4, 0.0, 0.2]), 0.5))
    np.testing.assert_allclose(target.position, [0.4 + STEP, -STEP, 0.2 + STEP / 2])
    assert target.gripper == 0.5


@pytest.mark.parametrize(("wanted", "closure"), [(OPEN, 0.0), (KEEP, 0.7), (CLOSE, 1.0)])
def test_the_gripper_class_opens_keeps_and_closes(wanted, closure):
    assert target_of(np.array([0, 0, 0, wanted], np.float32), Target(np.zeros(3), 0.7)).gripper == closure


@pytest.mark.parametrize("action", [np.zeros(3), np.zeros(5), np.zeros((1, 4)), np.zeros(0), np.float32(0)])
def test_an_action_of_another_length_is_refused(action):
    with pytest.raises(ValueError, match="4 elements"):
        checked(action)


@pytest.mark.parametrize("element", range(4))
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_an_action_that_is_not_finite_is_refused(element, number):
    action = np.zeros(4, np.float32)
    action[element] = number
    with pytest.raises(ValueError, match="not finite"):
        checked(action)


def test_an_action_beyond_its_bounds_is_clipped_to_them():
    np.testing.assert_array_equal(checked(np.array([3, -3, 0.5, 7])), np.array([1, -1, 0.5, 2], np.float32))
    np.testing.assert_array_equal(checked(np.array([0, 0, 0, -7])), np.array([0, 0, 0, 0], np.float32))


@pytest.mark.parametrize(("number", "gripper"), [(0.4, OPEN), (0.6, KEEP), (1.4, KEEP), (1.6, CLOSE)])
def test_a_gripper_number_between_two_classes_is_the_nearest_one(number, gripper):
    assert checked(np.array([0, 0, 0, number]))[3] == gripper


@given(ACTION)
def test_checking_an_action_neither_changes_it_nor_the_callers_array(action):
    before = action.copy()
    assert (checked(action) == before).all()
    assert (action == before).all()


@pytest.mark.parametrize("closure", [0.0, 0.3, 1.0])
def test_holding_the_gripper_is_free(closure):
    held = Target(np.zeros(3), closure)
    assert gripper_penalty(held, Target(np.ones(3), closure)) == 0.0


@pytest.mark.parametrize(("before", "after"), [(0.0, 1.0), (1.0, 0.0), (0.3, 1.0)])
def test_each_change_of_the_grippers_state_is_penalized(before, after):
    assert gripper_penalty(Target(np.zeros(3), before), Target(np.zeros(3), after)) == GRIPPER_PENALTY


def test_a_gripper_change_that_safety_held_is_not_penalized_and_stored_as_keep():
    held = Target(np.zeros(3), 0.0)
    asked = np.array([1, 0, 0, CLOSE], np.float32)
    assert gripper_penalty(held, held) == 0.0
    assert executed_action(asked, held, held)[3] == KEEP
