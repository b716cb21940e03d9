"""Counts of episodes over a restart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hil_serl_ros.env.modes import COLLECT, DEMONSTRATE, DRIVE, EVALUATE, TRAIN
from hil_serl_ros.env.tally import Tally


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


def test_examples_of_before_a_restart_are_counted(tmp_path: Path):
    Tally(tmp_path / "tally.json").begin(COLLECT)
    assert Tally(tmp_path / "tally.json").of(COLLECT) == 1


def test_a_tally_from_before_examples_existed_is_read(tmp_path: Path):
    old = {"episodes": {"1": 3, "2": 4, "3": 5}, "total": 6, "operator_steps": 7, "demonstrations": 3}
    (tmp_path / "tally.json").write_text(json.dumps(old))
    tally = Tally(tmp_path / "tally.json")
    assert (tally.of(DEMONSTRATE), tally.of(COLLECT)) == (3, 0)


def test_free_drive_is_no_episode_of_the_run(tmp_path):
    tally = Tally(tmp_path / "tally.json")
    tally.begin(TRAIN)
    tally.begin(DRIVE)
    assert tally.total == 0
