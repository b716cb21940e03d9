"""Wishes become words: edges, hold and toggle, and the same from every device."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from human_trace import actions, keys_of, said, trace

from hil_serl_ros.env.actions import CLOSE, KEEP, OPEN
from hil_serl_ros.env.hands import EVENTS, Hands
from hil_serl_ros.env.joy_mapping import JoyMapping, Wish, mapping_named
from hil_serl_ros.env.keys import KeyMap
from hil_serl_ros.msg import TeleopAction

REST = Wish(np.zeros(6), KEEP, False)


def words(hands: Hands, wishes: list[Wish]) -> list[tuple]:
    """What is said: who drives, where to, the gripper and the event."""
    return [said(word) for wish in wishes for word in hands.words(wish, Time())]


@pytest.mark.parametrize("label", EVENTS)
def test_a_held_button_is_one_event_and_a_second_press_another(label):
    pressed = dataclasses.replace(REST, **{label: True})
    said = words(Hands("pad"), [REST, pressed, pressed, REST, pressed])
    assert [event for *_, event in said] == [0, EVENTS[label], 0, 0, EVENTS[label]]


def test_buttons_pressed_together_are_all_told_and_the_stop_first():
    both = dataclasses.replace(REST, success=True, stop=True)
    assert [w.event for w in Hands("pad").words(both, Time())] == [TeleopAction.EVENT_STOP]  # success was held before
    hands = Hands("pad")
    hands.words(REST, Time())
    assert [w.event for w in hands.words(both, Time())] == [TeleopAction.EVENT_STOP, TeleopAction.EVENT_SUCCESS]


def test_the_pause_button_resumes_while_the_actor_is_paused():
    hands, pressed = Hands("pad"), dataclasses.replace(REST, pause=True)
    hands.words(REST, Time())
    assert hands.words(pressed, Time())[0].event == TeleopAction.EVENT_PAUSE
    hands.words(REST, Time())
    hands.paused = True
    assert hands.words(pressed, Time())[0].event == TeleopAction.EVENT_RESUME


def test_a_toggle_drives_from_one_press_to_the_next_and_a_hold_while_it_is_held():
    held = dataclasses.replace(REST, intervening=True)
    wishes = [REST, held, held, REST, held, REST]
    assert [driving for driving, *_ in words(Hands("keys", toggle=True), wishes)] == [0, 1, 1, 1, 0, 0]
    assert [driving for driving, *_ in words(Hands("pad"), wishes)] == [0, 1, 1, 0, 1, 0]


def test_a_device_that_went_away_drives_nothing_and_begins_anew():
    hands, held = Hands("keys", toggle=True), dataclasses.replace(REST, intervening=True)
    words(hands, [REST, held, REST])
    assert (hands.gone().connected, hands.driving) == (False, False)
    assert words(hands, [REST]) == [(False, [0.0] * 6, KEEP, 0)]


def test_a_button_that_is_held_since_before_the_link_was_lost_drives_only_after_it_was_let_go():
    hands, held = Hands("pad"), dataclasses.replace(REST, intervening=True)
    assert [driving for driving, *_ in words(hands, [held])] == [True]  # in lockstep the first word may drive
    hands.gone()
    assert [driving for driving, *_ in words(hands, [held, held, REST, held])] == [0, 0, 0, 1]


def test_a_stop_is_told_though_the_link_is_lost_and_once_a_press():
    hands, stop = Hands("pad"), dataclasses.replace(REST, stop=True)
    words(hands, [REST])
    hands.gone()
    assert [w.event for held in (False, True, True, False, True) for w in hands.only_stop(held, Time())] == [
        TeleopAction.EVENT_STOP,
        TeleopAction.EVENT_STOP,
    ]
    assert words(hands, [stop])[0][-1] == TeleopAction.EVENT_NONE  # held since it was told
    hands.gone()
    assert [event for *_, event in words(hands, [REST, stop])] == [0, TeleopAction.EVENT_STOP]


def test_a_stop_that_is_held_at_the_first_word_is_told():
    assert words(Hands("pad"), [dataclasses.replace(REST, stop=True)])[0][-1] == TeleopAction.EVENT_STOP


@pytest.mark.parametrize("device", ["xbox", "playstation", "logitech", "browser"])
def test_a_persons_six_seconds_are_the_same_words_from_every_device(device):
    wishes = trace()
    mapping = mapping_named(device)
    from_pad = words(Hands(device), [mapping.read(*mapping.write(wish)) for wish in wishes])
    from_keys = words(Hands("keys", toggle=True), [KeyMap().read(held) for held in keys_of(wishes)])
    assert from_pad == from_keys == [word for spoken in actions(wishes) for word in spoken]
    assert {event for *_, event in from_keys} >= set(EVENTS.values())
    assert {gripper for _, _, gripper, _ in from_keys} == {OPEN, KEEP, CLOSE}
    assert np.abs([motion for _, motion, _, _ in from_keys]).max(axis=0).tolist() == [1.0] * 6


def test_the_default_mapping_is_the_one_that_the_scripted_operator_writes():
    wish = Wish(np.array([0.3, -0.7, 1.0, 0, 0, 0]), KEEP, True)
    np.testing.assert_allclose(JoyMapping().read(*JoyMapping().write(wish)).motion, wish.motion, atol=1e-12)


def test_a_stop_is_said_with_each_word_until_safety_has_stopped():
    hands, stop = Hands("pad"), dataclasses.replace(REST, stop=True)
    hands.stopped = False
    assert [event for *_, event in words(hands, [REST, stop, REST, REST])] == [0, *[TeleopAction.EVENT_STOP] * 3]
    labelled = hands.words(dataclasses.replace(REST, success=True), Time())
    assert [word.event for word in labelled] == [TeleopAction.EVENT_STOP, TeleopAction.EVENT_SUCCESS]
    hands.stopped = True
    assert words(hands, [REST])[0][-1] == TeleopAction.EVENT_NONE
    hands.stopped = False  # a person has cleared it
    assert words(hands, [REST])[0][-1] == TeleopAction.EVENT_NONE


def test_a_stop_of_a_device_that_may_not_drive_is_said_until_safety_has_stopped_too():
    hands = Hands("pad")
    hands.stopped = False
    said = [len(hands.only_stop(held, Time())) for held in (False, True, False, False)]
    assert said == [0, 1, 1, 1]
    hands.stopped = True
    assert hands.only_stop(False, Time()) == []
