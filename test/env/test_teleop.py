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


# -------------------- several devices --------------------
def words(teleop: Teleop, *said_by: tuple[str, bool], now: float = 0.0) -> str | None:
    """Who drives after these words, each of a device and whether it intervenes."""
    for source, intervening in said_by:
        teleop.on_message(said(source=source, intervening=intervening), now)
    return teleop.driver


def test_the_first_of_two_devices_drives_until_it_lets_go_and_then_the_second():
    teleop = Teleop()
    assert words(teleop, ("joy", True), ("page", True), ("joy", True), ("page", True)) == "joy"
    assert teleop.refused == 1  # once a takeover, not once a word
    assert words(teleop, ("joy", False)) == "page"
    assert words(teleop, ("page", False)) is None


def test_only_the_device_that_drives_moves_the_arm():
    teleop = Teleop()
    teleop.on_message(said(x=0.25, source="joy"))
    teleop.on_message(said(x=-1.0, source="page"))
    assert teleop.take().action[0] == 0.25


def test_a_device_that_is_pulled_while_it_drives_leaves_the_arm_to_nobody_though_another_one_waits():
    teleop = Teleop()
    words(teleop, ("joy", True), ("page", True))
    teleop.on_message(TeleopAction(source="joy", connected=False))
    assert (teleop.driver, teleop.lost) == (None, "the operator's joy went away while it drove")
    assert words(teleop, ("page", True)) is None  # it held its button all the time
    assert words(teleop, ("page", False), ("page", True)) == "page"  # a person has taken over
    assert teleop.lost == ""


def test_a_device_that_fell_silent_while_it_drove_drives_again_only_after_it_has_let_go():
    teleop = Teleop(patience=0.1)
    words(teleop, ("joy", True), now=5.0)
    teleop.watch(5.2)
    assert words(teleop, ("joy", True), now=5.3) is None  # it knows nothing of its loss
    assert teleop.lost
    assert words(teleop, ("joy", False), ("joy", True), now=5.4) == "joy"


def test_a_resume_ends_the_hold_after_a_lost_device():
    teleop = Teleop()
    words(teleop, ("joy", True))
    teleop.on_message(TeleopAction(source="joy", connected=False))
    teleop.on_message(said(source="page", intervening=False, event=TeleopAction.EVENT_RESUME))
    assert (teleop.lost, teleop.driver) == ("", None)


def test_a_device_that_falls_silent_while_it_drives_is_lost_and_one_that_rests_is_only_gone():
    teleop = Teleop(patience=0.1)
    words(teleop, ("joy", True), ("page", False), now=5.0)
    words(teleop, ("joy", True), now=5.08)
    teleop.watch(5.15)
    assert (teleop.driver, teleop.lost, teleop.available) == ("joy", "", True)
    teleop.watch(5.2)
    assert (teleop.driver, teleop.lost) == (None, "the operator's joy fell silent while it drove")
    assert not teleop.available


def test_one_press_that_page_and_joystick_both_tell_counts_once():
    teleop, demonstrate = Teleop(), TeleopAction.EVENT_DEMONSTRATE
    for source, now in (("joy", 1.0), ("page", 1.05), ("joy", 1.1), ("page", 9.0), ("joy", 9.5)):
        teleop.on_message(said(source=source, event=demonstrate), now)
    assert teleop.take_events() == [demonstrate] * 4  # all but the page's first


def test_a_pause_that_is_told_twice_does_not_resume():
    teleop = Teleop()
    teleop.on_message(said(source="joy", event=TeleopAction.EVENT_PAUSE), 1.0)
    teleop.on_message(said(source="page", event=TeleopAction.EVENT_RESUME), 1.1)  # it heard of the pause in between
    assert teleop.take_events() == [TeleopAction.EVENT_PAUSE]
    teleop.on_message(said(source="page", event=TeleopAction.EVENT_RESUME), 1.9)
    assert teleop.take_events() == [TeleopAction.EVENT_RESUME]


def test_a_stop_of_a_page_that_only_watches_takes_nothing_from_the_driver():
    teleop = Teleop()
    words(teleop, ("page", True))
    onlooker = TeleopAction(source="page without the seat", connected=False, event=TeleopAction.EVENT_STOP)
    teleop.on_message(onlooker)
    assert (teleop.driver, teleop.lost, teleop.take_events()) == ("page", "", [TeleopAction.EVENT_STOP])


def tick(teleop: Teleop, now: float) -> float:
    """What the arm does along x in this tick."""
    return float(teleop.take(now).action[0])


def test_a_push_shorter_than_a_tick_acts_once_while_the_person_drives():
    teleop = Teleop()
    teleop.on_message(said(x=0.0), 1.0)
    assert tick(teleop, 1.05) == 0.0
    teleop.on_message(said(x=0.5), 1.06)
    teleop.on_message(said(x=0.0), 1.1)
    assert [tick(teleop, now) for now in (1.15, 1.25)] == [0.5, 0.0]


def test_a_push_that_a_tick_has_seen_does_not_outlive_its_release():
    teleop = Teleop()
    teleop.on_message(said(x=0.5), 1.0)
    assert tick(teleop, 1.05) == 0.5
    teleop.on_message(said(x=0.5), 1.1)  # a heartbeat
    teleop.on_message(said(x=0.0), 1.12)
    assert tick(teleop, 1.15) == 0.0


def test_a_second_devices_push_does_not_move_an_arm_that_the_first_one_keeps_still():
    teleop = Teleop()
    teleop.on_message(said(x=0.0, source="page"), 1.0)
    tick(teleop, 1.05)
    teleop.on_message(said(x=0.5, source="pad"), 1.06)
    assert tick(teleop, 1.1) == 0.0


def test_a_touch_of_a_minute_ago_moves_nothing_though_the_hands_are_there_all_the_time():
    teleop = Teleop()
    teleop.on_message(said(x=0.5), 1.0)
    for now in range(2, 60):
        teleop.on_message(said(x=0.0, intervening=False), float(now))
    assert not teleop.take(59.05).intervening


def test_an_event_that_comes_alone_and_late_moves_nothing():
    teleop = Teleop()
    teleop.on_word(said(intervening=False))
    teleop.on_event(said(x=1.0, event=TeleopAction.EVENT_SUCCESS))
    assert teleop.take_events() == [TeleopAction.EVENT_SUCCESS]
    assert not teleop.latest().intervening


def test_a_word_that_comes_alone_presses_nothing():
    teleop = Teleop()
    teleop.on_word(said(event=TeleopAction.EVENT_SUCCESS))
    assert teleop.latest().intervening
    assert teleop.take_events() == []
