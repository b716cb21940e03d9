"""Demonstrations from a folder."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from hil_serl_ros.data.demonstrations import DemonstrationsError, read_demonstrations, whole_episodes
from hil_serl_ros.data.segments import SegmentWriter
from hil_serl_ros.data.transition_log import TransitionLog, transition_kind


def step(episode: int, number: int, *, ends: str = "", robot: str = "arm") -> Any:
    return SimpleNamespace(
        robot=robot, run="run", episode=episode, step=number, terminated=ends == "done", truncated=ends == "cut"
    )


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


def test_an_episode_that_its_robot_did_not_end_is_left_out():
    cut = [step(1, 0), step(1, 1)]
    whole = [step(0, 0), step(0, 1, ends="done")], [step(2, 0), step(2, 1, ends="cut")]
    assert list(whole_episodes([*whole[0], *cut, *whole[1], step(3, 0)])) == [*whole[0], *whole[1]]


def test_episodes_of_two_robots_at_once_are_told_apart():
    left = [step(0, 0, robot="left"), step(0, 1, robot="left", ends="done")]
    right = [step(0, 0, robot="right"), step(0, 1, robot="right", ends="done")]
    mixed = [left[0], right[0], right[1], left[1]]
    assert list(whole_episodes(mixed)) == [*right, *left]
