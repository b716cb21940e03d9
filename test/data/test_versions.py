"""What a run notes of its software."""

from __future__ import annotations

import json

import pytest
import torch

from hil_serl_ros.data import versions as module
from hil_serl_ros.data.versions import VERSIONS, note_versions, other_versions, read_versions, versions


def test_the_versions_that_weights_depend_on_are_noted(tmp_path):
    note_versions(tmp_path)
    (noted,) = read_versions(tmp_path)
    assert noted["torch"] == torch.__version__.split("+")[0]
    assert {"numpy", "mujoco", "python", "learner's code"} <= noted.keys()
    assert other_versions(tmp_path) == []


def test_a_run_that_is_gone_on_with_under_the_same_software_notes_nothing_new(tmp_path):
    note_versions(tmp_path)
    note_versions(tmp_path)
    assert len(read_versions(tmp_path)) == 1


def test_another_version_is_noted_beside_the_first_one_and_said(tmp_path, monkeypatch):
    note_versions(tmp_path)
    monkeypatch.setattr(module, "versions", lambda: versions() | {"torch": "9.9"})
    note_versions(tmp_path)
    assert [noted["torch"] for noted in read_versions(tmp_path)] == [versions()["torch"], "9.9"]
    assert other_versions(tmp_path) == [f"torch is 9.9 here, and was {versions()['torch']} in the run"]


def test_a_change_of_the_code_that_learns_is_another_version(tmp_path, monkeypatch):
    (tmp_path / "learning").mkdir()
    (tmp_path / "ros").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "ros" / "lessons.py").write_text("")
    monkeypatch.setattr(module, "__file__", str(tmp_path / "data" / "versions.py"))
    before = versions()
    (tmp_path / "learning" / "sac.py").write_text("rate = 2")
    assert versions() != before


@pytest.mark.parametrize("content", ["", "{", "3", '[{"torch": 1}, 4]', json.dumps("text")])
def test_a_file_that_cannot_be_read_says_nothing(tmp_path, content):
    (tmp_path / VERSIONS).write_text(content)
    assert read_versions(tmp_path) == []
    assert other_versions(tmp_path) == []
