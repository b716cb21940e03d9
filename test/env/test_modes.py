"""Demonstrate, train, evaluate: in this order, on request, and over a restart."""

from __future__ import annotations

import pytest

from hil_serl_ros.env.modes import COLLECT, DEMONSTRATE, DRIVE, EVALUATE, IDLE, REPLAY, TRAIN, Progress, Schedule


def modes(schedule: Schedule, steps_each: int = 10, most: int = 30) -> list[int]:
    """The modes of the episodes that follow, each of ``steps_each`` steps, all of them successes."""
    steps = 0
    result: list[int] = []
    while (mode := schedule.mode(steps)) != IDLE and len(result) < most:
        result.append(mode)
        steps += steps_each if mode != EVALUATE else 0
        schedule.done(Progress(mode, True))
    return result


def test_a_schedule_demonstrates_then_trains_then_evaluates_then_idles():
    assert modes(Schedule(2, 50, 3)) == [DEMONSTRATE] * 2 + [TRAIN] * 3 + [EVALUATE] * 3


def test_an_empty_schedule_idles():
    assert Schedule(0, 0, 0).mode(0) == IDLE


def test_a_demonstration_that_failed_does_not_count():
    schedule = Schedule(1, 0, 0)
    schedule.done(Progress(DEMONSTRATE, False))
    assert schedule.mode(10) == DEMONSTRATE
    schedule.done(Progress(DEMONSTRATE, True))
    assert schedule.mode(20) == IDLE


def test_training_ends_at_the_robot_step_that_was_set_not_after_episodes():
    schedule = Schedule(0, 100, 0)
    assert schedule.mode(99) == TRAIN
    assert schedule.mode(100) == IDLE


def test_a_request_replaces_what_is_left_and_cuts_the_present_episode():
    schedule = Schedule(5, 100, 5)
    schedule.mode(0)
    assert not schedule.interrupted
    schedule.ask(EVALUATE, 2, 0)
    assert schedule.interrupted
    assert modes(schedule) == [EVALUATE, EVALUATE]
    assert not schedule.interrupted


def test_a_request_to_idle_idles_at_once():
    schedule = Schedule(5, 100, 5)
    schedule.ask(IDLE, 0, 0)
    assert schedule.mode(0) == IDLE


def test_a_request_to_train_counts_steps_from_when_it_begins():
    schedule = Schedule(0, 100, 0)
    schedule.ask(TRAIN, 0, 30)
    assert schedule.mode(1000) == TRAIN
    schedule.done(Progress(TRAIN, False))
    assert schedule.mode(1029) == TRAIN
    assert schedule.mode(1030) == IDLE


def test_a_request_to_train_ends_after_the_episodes_that_were_asked_for():
    schedule = Schedule(0, 0, 0)
    schedule.ask(TRAIN, 2, 0)
    assert modes(schedule) == [TRAIN, TRAIN]


def test_a_request_without_a_limit_goes_on():
    schedule = Schedule(0, 0, 0)
    schedule.ask(TRAIN, 0, 0)
    assert modes(schedule, most=7) == [TRAIN] * 7


@pytest.mark.parametrize("mode", [7, 255, -1])
def test_an_unknown_mode_is_refused_and_changes_nothing(mode):
    schedule = Schedule(0, 0, 1)
    with pytest.raises(ValueError, match=f"mode {mode} is unknown"):
        schedule.ask(mode, 1, 1)
    assert not schedule.interrupted
    assert schedule.mode(0) == EVALUATE


def test_examples_for_the_classifier_come_first_and_count_whatever_they_show():
    schedule = Schedule(1, 0, 1, collect_episodes=2)
    seen = []
    for success in (False, False, True, True):
        seen.append(schedule.mode(0))
        schedule.done(Progress(seen[-1], success))
    assert seen == [COLLECT, COLLECT, DEMONSTRATE, EVALUATE]


def test_a_request_can_ask_for_examples():
    schedule = Schedule(5, 100, 5)
    schedule.ask(COLLECT, episodes=1, steps=0)
    assert modes(schedule) == [COLLECT]


def test_a_demonstration_asked_for_in_between_comes_next_and_then_goes_on_what_was_left():
    schedule = Schedule(0, 30, 1)
    assert schedule.mode(10) == TRAIN
    schedule.demonstrate_next()
    assert schedule.interrupted
    schedule.done(Progress(TRAIN, False))
    assert modes(schedule) == [DEMONSTRATE, TRAIN, TRAIN, EVALUATE]


def test_free_drive_goes_on_until_something_else_is_asked_for():
    schedule = Schedule(0, 0, 0)
    schedule.ask(DRIVE, 0, 0)
    assert modes(schedule, most=4) == [DRIVE] * 4


def test_a_recorded_episode_is_replayed_once_unless_more_is_asked_for():
    schedule = Schedule(0, 0, 0)
    schedule.ask(REPLAY, 0, 0)
    assert modes(schedule) == [REPLAY]
    schedule.ask(REPLAY, 3, 0)
    assert modes(schedule) == [REPLAY] * 3
