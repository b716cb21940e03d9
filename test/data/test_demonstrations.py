"""Demonstrations from a folder."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from hil_serl_ros.data.demonstrations import Demonstrations, DemonstrationsError, read_demonstrations
from hil_serl_ros.data.segments import SegmentWriter
from hil_serl_ros.data.transition_log import TransitionLog, transition_kind


def step(episode: int, number: int, *, ends: str = "", robot: str = "arm") -> Any:
    ending = {"terminated": ends in ("success", "failure"), "success": ends == "success", "discarded": ends == "again"}
    return SimpleNamespace(robot=robot, run="run", episode=episode, step=number, **ending)


def learned(*steps: Any) -> list[Any]:
    demonstrations: Demonstrations[Any] = Demonstrations()
    return [step for each in steps for step in demonstrations.add(each)]


@pytest.mark.parametrize("inner", ["", "log"])
def test_a_run_folder_and_a_log_folder_both_serve(tmp_path, inner):
    log = TransitionLog(tmp_path / inner)
    for data in (b"a", b"b", b"c"):
        log.append(data, 1, 1)
    log.close()
    assert list(read_demonstrations(tmp_path)) == [b"a", b"b", b"c"]


def test_a_missing_folder_is_one_sentence(tmp_path):
    with pytest.raises(DemonstrationsError, match=r"there is no folder .*nowhere to load"):
        list(read_demonstrations(tmp_path / "nowhere"))


def test_a_folder_without_a_log_is_one_sentence(tmp_path):
    with pytest.raises(DemonstrationsError, match="holds no transition log"):
        list(read_demonstrations(tmp_path))


def test_a_log_without_steps_is_one_sentence(tmp_path):
    SegmentWriter(tmp_path / "000000.mcap", transition_kind()).close()
    with pytest.raises(DemonstrationsError, match="holds no step"):
        list(read_demonstrations(tmp_path))


@pytest.mark.parametrize("end", ["", "failure", "again"])
def test_only_a_good_demonstration_is_learned_from(end):
    good = [step(0, 0), step(0, 1, ends="success")], [step(2, 0), step(2, 1), step(2, 2, ends="success")]
    bad = [step(1, 0), step(1, 1, ends=end)]
    assert learned(*good[0], *bad, *good[1]) == [*good[0], *good[1]]


def test_what_is_dropped_of_bad_demonstrations_is_counted():
    demonstrations: Demonstrations[Any] = Demonstrations()
    for each in (step(0, 0), step(0, 1, ends="failure"), step(1, 0), step(2, 0, ends="success")):
        demonstrations.add(each)
    assert demonstrations.dropped == 3


def test_nothing_of_a_demonstration_is_learned_from_before_it_is_a_success():
    assert learned(step(0, 0), step(0, 1)) == []


def test_demonstrations_of_two_robots_at_once_are_told_apart():
    left = [step(0, 0, robot="left"), step(0, 1, robot="left", ends="success")]
    right = [step(0, 0, robot="right"), step(0, 1, robot="right", ends="success")]
    assert learned(left[0], right[0], right[1], left[1]) == [*right, *left]
