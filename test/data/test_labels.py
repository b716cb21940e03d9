"""The table of labels beside a log: read, refused in one sentence, replaced at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil_serl_ros.data.labels import LabelsError, read_labels, write_labels

TABLE = {("left, arm", 2): {0: 0, 1: -1, 2: 1}, ("right", 0): {5: 1}}


def test_a_table_comes_back_as_it_was_written(tmp_path):
    write_labels(tmp_path / "labels.csv", TABLE)
    assert read_labels(tmp_path / "labels.csv") == TABLE


def test_no_table_holds_no_labels(tmp_path):
    assert read_labels(tmp_path / "labels.csv") == {}


@pytest.mark.parametrize(
    "line", ["robot,1,0", "robot,one,0,1", "robot,1,0,2", ",1,0,1", "robot,-1,0,1", "robot,0,0,1", '"robot,1,0,1']
)
def test_a_wrong_line_is_named(tmp_path, line):
    (tmp_path / "labels.csv").write_text(f"robot,episode,frame,label\nrobot,0,0,1\n{line}\n")
    with pytest.raises(LabelsError, match="line 3"):
        read_labels(tmp_path / "labels.csv")


def test_another_header_is_refused(tmp_path):
    (tmp_path / "labels.csv").write_text("robot,frame\n")
    with pytest.raises(LabelsError, match="line 1"):
        read_labels(tmp_path / "labels.csv")


def test_a_kill_before_the_new_table_is_whole_leaves_the_old_one(tmp_path, monkeypatch):
    write_labels(tmp_path / "labels.csv", TABLE)

    def killed(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write_labels(tmp_path / "labels.csv", {})
    assert read_labels(tmp_path / "labels.csv") == TABLE


def test_an_unknown_label_is_not_written(tmp_path):
    with pytest.raises(ValueError):
        write_labels(tmp_path / "labels.csv", {("robot", 0): {0: 2}})
    assert not (tmp_path / "labels.csv").exists()
