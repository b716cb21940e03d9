"""When the policy asks for help, and when it does not."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil_serl_ros.learning.help import USUAL_FROM, HelpRule, HelpSettings

SETTINGS = HelpSettings(help_patience=5, help_rise=0.02, help_drop=0.25, help_doubt=4.0, help_pause=0)


def said(rule: HelpRule, values: list[float], disagreement: float = 0.1, aided: bool = False) -> list[bool]:
    """What it says at each step."""
    return [rule.update(value, disagreement, aided=aided) for value in values]


def after_successes(disagreement: float, aided: bool = False, number: int = USUAL_FROM) -> HelpRule:
    """A rule that has seen so many successful episodes, and begins another one."""
    rule = HelpRule(SETTINGS)
    for _ in range(number):
        said(rule, [0.5, 0.6], disagreement, aided)
        rule.begin(succeeded=True)
    return rule


def test_it_calls_when_it_has_got_nowhere_for_its_patience():
    rule = HelpRule(SETTINGS)
    assert said(rule, [0.5] * 8) == [False] * 5 + [True] * 3
    assert "nowhere for 5 steps" in rule.reason


def test_a_value_that_rises_by_less_than_the_noise_is_no_progress():
    assert said(HelpRule(SETTINGS), [0.5 + 0.001 * step for step in range(7)])[-1]


def test_it_does_not_call_while_its_value_rises():
    assert not any(said(HelpRule(SETTINGS), [0.03 * step for step in range(30)]))


def test_it_calls_at_once_when_its_chances_fall():
    rule = HelpRule(SETTINGS)
    assert said(rule, [0.5, 0.7, 0.4], disagreement=0.01) == [False, False, True]
    assert "from 0.70 to 0.40" in rule.reason


def test_it_calls_where_its_critics_differ_as_they_never_do_in_its_successes():
    rule = after_successes(0.05)
    assert not rule.update(0.5, 0.05, aided=False)
    assert rule.update(0.5, 0.3, aided=False)
    assert "differ by 0.30, 6 times more" in rule.reason


def test_critics_that_differ_call_nobody_before_it_is_known_what_is_usual():
    rule = after_successes(0.05, number=USUAL_FROM - 1)
    assert not any(said(rule, [0.5, 0.5], 0.9))


def test_what_the_critics_said_in_episodes_that_a_person_saved_is_not_the_usual():
    assert not any(said(after_successes(0.05, aided=True), [0.5, 0.5], 0.9))


def test_a_fall_that_one_critic_does_not_see_is_none():
    rule = HelpRule(SETTINGS)
    assert said(rule, [0.5, 0.7]) == [False, False]
    assert not rule.update(0.4, 0.2, aided=False)


def test_a_call_after_a_fall_ends_when_half_of_it_is_regained():
    rule = HelpRule(SETTINGS)
    said(rule, [0.5, 0.8, 0.4], disagreement=0.01)
    assert said(rule, [0.2, 0.4, 0.49, 0.51], disagreement=0.01, aided=True) == [True, True, True, False]
    assert rule.reason == ""


def test_after_a_call_the_next_fall_is_measured_from_where_it_ended():
    rule = HelpRule(SETTINGS)
    said(rule, [0.8, 0.2, 0.5], disagreement=0.01)
    assert said(rule, [0.3, 0.26, 0.24], disagreement=0.001) == [False, False, True]


def test_a_call_for_getting_nowhere_ends_when_the_value_is_higher_than_ever_in_this_episode():
    rule = HelpRule(SETTINGS)
    said(rule, [0.5] * 6)
    assert said(rule, [0.5, 0.51, 0.53], aided=True) == [True, True, False]


def test_a_person_who_drives_is_not_blamed_for_standing_still():
    assert not any(said(HelpRule(SETTINGS), [0.5] * 30, aided=True))


def test_after_a_call_it_tries_by_itself_for_a_while_in_the_next_episode_too():
    rule = HelpRule(HelpSettings(help_drop=0.25, help_pause=5))
    said(rule, [0.8, 0.2], disagreement=0.01)
    rule.begin(succeeded=False)
    assert said(rule, [0.8, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2], disagreement=0.01) == [False] * 5 + [True] * 2


def test_an_episode_begins_without_a_call():
    rule = HelpRule(SETTINGS)
    said(rule, [0.7, 0.1])
    rule.begin(succeeded=False)
    assert not rule.called
    assert not rule.update(0.1, 0.1, aided=False)


def test_weights_without_critics_call_nobody():
    rule = HelpRule(SETTINGS)
    assert not any(said(rule, [math.nan] * 20))


@pytest.mark.parametrize("value", [-1.0, 0.0, 2.0])
def test_a_first_step_is_never_a_call(value):
    assert not HelpRule(SETTINGS).update(value, 0.5, aided=False)


@given(st.lists(st.tuples(st.floats(-1, 2), st.floats(0, 1), st.booleans()), max_size=60))
def test_a_call_always_has_a_reason_and_silence_has_none(steps):
    rule = HelpRule(SETTINGS)
    for value, disagreement, aided in steps:
        called = rule.update(value, disagreement, aided=aided)
        assert called == rule.called == bool(rule.reason)
