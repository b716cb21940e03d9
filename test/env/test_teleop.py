"""The operator's word: the latest rules, each label counts once, and answers are found by stamp."""

from __future__ import annotations

import numpy as np
import pytest

from hil_serl_ros.env.actions import KEEP
from hil_serl_ros.env.teleop import KEPT_STAMPS, Teleop
from hil_serl_ros.msg import TeleopAction
from hil_serl_ros.ros.convert import stamp_of


def said(stamp: int = 0, x: float = 0.5, *, intervening: bool = True, event: int = 0, **more: object) -> TeleopAction:
    message = TeleopAction(connected=True, intervening=intervening, gripper=KEEP, event=event)
    message.motion = np.array([x, 0, 0, 0, 0, 0], np.float32)
    message.header.stamp = stamp_of(stamp)
    for name, value in more.items():
        setattr(message, name, value)
    return message


def test_nobody_drives_before_the_first_word():
    assert not Teleop().latest().intervening
    assert Teleop().at(0) is None


def test_a_takeover_gives_the_operators_action():
    teleop = Teleop()
    teleop.on_message(said(x=0.25))
    assert teleop.latest().intervening
    np.testing.assert_array_equal(teleop.latest().action, np.array([0.25, 0, 0, KEEP], np.float32))


def test_a_release_counts_at_once_and_leaves_no_stale_action():
    teleop = Teleop()
    teleop.on_message(said(x=1.0))
    teleop.on_message(said(x=1.0, intervening=False))
    assert not teleop.latest().intervening
    assert not teleop.latest().action[:3].any()


def test_a_lost_joystick_drives_nothing():
    teleop = Teleop()
    teleop.on_message(said(x=1.0))
    teleop.on_message(TeleopAction(connected=False, intervening=True))
    assert not teleop.latest().intervening


@pytest.mark.parametrize("change", [{"motion": np.full(6, np.nan, np.float32)}, {"gripper": 3}])
def test_a_word_that_makes_no_sense_drives_nothing(change):
    teleop = Teleop()
    teleop.on_message(said(**change))
    assert not teleop.latest().intervening


def test_each_label_is_taken_once_and_in_order():
    teleop = Teleop()
    for event in (TeleopAction.EVENT_FAILURE, TeleopAction.EVENT_NONE, TeleopAction.EVENT_AGAIN):
        teleop.on_message(said(event=event))
    assert teleop.take_events() == [TeleopAction.EVENT_FAILURE, TeleopAction.EVENT_AGAIN]
    assert teleop.take_events() == []


def test_the_answer_to_an_observation_is_found_by_its_stamp():
    teleop = Teleop()
    teleop.on_message(said(stamp=100, x=0.1))
    teleop.on_message(said(stamp=200, intervening=False))
    first, second = teleop.at(100), teleop.at(200)
    assert first is not None
    assert first.intervening
    assert second is not None
    assert not second.intervening
    assert teleop.at(300) is None


def test_old_answers_are_forgotten_so_that_memory_stays_bounded():
    teleop = Teleop()
    for stamp in range(KEPT_STAMPS + 5):
        teleop.on_message(said(stamp=stamp))
    assert teleop.at(4) is None
    assert teleop.at(5) is not None
