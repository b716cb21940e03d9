"""Demonstrate, train, evaluate: in this order, on request, and over a restart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hil_serl_ros.env.schedule import DEMONSTRATE, EVALUATE, IDLE, TRAIN, Progress, Schedule, Tally


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


@pytest.mark.parametrize("mode", [4, 255, -1])
def test_an_unknown_mode_is_refused_and_changes_nothing(mode):
    schedule = Schedule(0, 0, 1)
    with pytest.raises(ValueError, match=f"mode {mode} is unknown"):
        schedule.ask(mode, 1, 1)
    assert not schedule.interrupted
    assert schedule.mode(0) == EVALUATE


def test_a_tally_outlives_its_process_so_no_episode_is_numbered_twice_and_evaluation_begins_anew(tmp_path):
    path = tmp_path / "tally.json"
    first = Tally(path)
    assert [first.begin(DEMONSTRATE), first.begin(TRAIN), first.begin(EVALUATE), first.begin(TRAIN)] == [0, 0, 0, 1]
    first.operator_steps, first.demonstrations = 17, 1
    first.save()
    second = Tally(path)  # the process died in an episode that had begun
    assert (second.operator_steps, second.demonstrations, second.total) == (17, 1, 2)
    assert [second.begin(DEMONSTRATE), second.begin(TRAIN), second.begin(EVALUATE)] == [1, 2, 0]


def test_an_evaluation_is_no_episode_of_the_run(tmp_path):
    tally = Tally(tmp_path / "tally.json")
    tally.begin(TRAIN)
    tally.begin(EVALUATE)
    assert tally.total == 0


def test_a_tally_whose_writing_was_cut_off_is_the_one_before(tmp_path, monkeypatch):
    path = tmp_path / "tally.json"
    tally = Tally(path)
    tally.begin(TRAIN)
    before = path.read_text()

    def full(self: Path, text: str) -> int:
        with self.open("w") as file:
            file.write(text[:10])
        raise OSError("no space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(Path, "write_text", full)
        with pytest.raises(OSError, match="no space"):
            tally.begin(TRAIN)
    assert path.read_text() == before
    assert Tally(path).begin(TRAIN) == 1


def test_the_file_of_a_tally_is_plain_json(tmp_path):
    path = tmp_path / "tally.json"
    Tally(path).begin(TRAIN)
    assert json.loads(path.read_text())["total"] == 0
