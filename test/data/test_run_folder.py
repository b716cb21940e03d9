"""One graph for one run folder, and no run over another."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hil_serl_ros.data import run_folder as module
from hil_serl_ros.data.run_folder import RunFolder, RunFolderError

HOLDING = """
import sys
from pathlib import Path
from hil_serl_ros.data.run_folder import RunFolder
folder = RunFolder(Path(sys.argv[1]), resume=False)
print("held", flush=True)
sys.stdin.read()
"""


def test_a_new_folder_is_made_with_its_parents(tmp_path):
    with RunFolder(tmp_path / "runs" / "first", resume=False) as run:
        assert run.path.is_dir()


def test_a_second_graph_is_refused_with_the_first_ones_process_and_a_dead_ones_lock_is_taken_over(tmp_path):
    first = subprocess.Popen(
        [sys.executable, "-c", HOLDING, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert first.stdout is not None
    assert first.stdout.readline() == "held\n"
    with pytest.raises(RunFolderError, match=rf"another graph \(process {first.pid}\) is running in"):
        RunFolder(tmp_path, resume=False)
    first.kill()
    first.communicate()
    with RunFolder(tmp_path, resume=False):
        assert (tmp_path / ".lock").is_file()


def test_a_folder_with_a_run_in_it_is_refused_and_left_as_it_was(tmp_path):
    (tmp_path / "log").mkdir()
    (tmp_path / "episodes.csv").write_text("mine")
    with pytest.raises(
        RunFolderError, match="holds a run already; choose another folder, or go on with it by --resume"
    ):
        RunFolder(tmp_path, resume=False)
    assert (tmp_path / "episodes.csv").read_text() == "mine"
    with RunFolder(tmp_path, resume=True) as run:
        assert run.path == tmp_path


def test_a_refused_start_does_not_keep_the_folder(tmp_path):
    (tmp_path / "log").mkdir()
    with pytest.raises(RunFolderError):
        RunFolder(tmp_path, resume=False)
    with RunFolder(tmp_path, resume=True):
        pass


@pytest.mark.parametrize("make", [False, True])
def test_there_must_be_a_run_to_resume(tmp_path, make):
    path = tmp_path / "run"
    if make:
        path.mkdir()
    with pytest.raises(RunFolderError, match=r"there is no run in .* to resume: it has no log"):
        RunFolder(path, resume=True)
    assert path.exists() == make


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(RunFolderError, match="is a file, not a folder"):
        RunFolder(tmp_path / "run", resume=False)
    with pytest.raises(RunFolderError, match="cannot be the run's folder: Not a directory"):
        RunFolder(tmp_path / "run" / "inner", resume=False)


def test_a_nearly_full_disk_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LEAST_FREE", 2**62)
    with pytest.raises(RunFolderError, match="MB of free disk; a run needs"):
        RunFolder(tmp_path / "runs" / "first", resume=False)
    assert list(tmp_path.iterdir()) == []
