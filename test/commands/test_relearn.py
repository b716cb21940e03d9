"""``hil-serl relearn``: the run's weights from its log alone, and what it says where they are others."""

from __future__ import annotations

import os

import logged_run
import pytest
from logged_run import DEMONSTRATE, TRAIN
from safetensors.torch import load_file, save_file

from hil_serl_ros.cli import main
from hil_serl_ros.data.log_index import log_index
from hil_serl_ros.data.rows import read_rows
from hil_serl_ros.data.run_settings import run_settings

PLAN = [(DEMONSTRATE, 4, True), (DEMONSTRATE, 3, False), (TRAIN, 10, True), (TRAIN, 6, False)]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run with its last checkpoint and one before it."""
    monkeypatch.chdir(tmp_path)
    made = logged_run.steps(PLAN)
    folder = logged_run.write(tmp_path / "run", made)
    for count in (18, len(made)):
        logged_run.save(folder, logged_run.learned(made[:count]))
    return folder


def test_a_log_gives_the_weights_of_each_checkpoint_of_its_run(run, capsys):
    assert main(["relearn", str(run)]) == 0
    said = capsys.readouterr().out
    assert "checkpoint 000005: same weights" in said
    assert "checkpoint 000010: same weights" in said
    assert "result: same weights, bit for bit, at 2 checkpoints, sha256=" in said
    assert not list(run.parent.glob("runs/*"))


def test_other_weights_than_the_checkpoints_are_a_failure(run, capsys):
    file = run / "checkpoints" / "000010" / "algorithm" / "model.safetensors"
    tensors = load_file(file)
    tensors["log_alpha"] += 1e-6
    save_file(tensors, file)
    assert main(["relearn", str(run)]) == 1
    said = capsys.readouterr().out
    assert "checkpoint 000005: same weights" in said
    assert "checkpoint 000010: other weights; 1 tensors differ" in said
    assert "result: other weights from checkpoint 000010 on" in said


def test_other_settings_say_what_if_and_leave_a_checkpoint_and_metrics(run, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["relearn", str(run), "--set", "critic_lr=0.01", "--set", "log_freq=2", "--out", str(out)]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "what if critic_lr is 0.01, not 0.0003" in said
    assert "result: learned with other settings" in said
    assert "same weights" not in said
    assert (out / "checkpoints" / "last" / "pretrained_model" / "model.safetensors").is_file()
    assert [row["updates"] for row in read_rows(out / "metrics.csv")] == ["2", "4", "6", "8", "10"]
    assert run_settings(out).learning.critic_lr == 0.01
    assert run_settings(run).learning.critic_lr == 0.0003


def test_figures_stand_beside_the_runs_own(run, tmp_path, capsys):
    first, second = tmp_path / "first", tmp_path / "second"
    assert main(["relearn", str(run), "--set", "log_freq=2", "--out", str(first)]) == 0
    assert "result: same weights" in capsys.readouterr().out  # how often figures are written changes no weights
    (run / "metrics.csv").write_text((first / "metrics.csv").read_text())
    changes = ["--set", "critic_lr=0.01", "--set", "log_freq=2"]
    assert main(["relearn", str(run), *changes, "--out", str(second)]) == 0
    said = capsys.readouterr().out
    assert "(run -> now)" in said
    old, new = (read_rows(folder / "metrics.csv")[-1]["critic_loss"] for folder in (first, second))
    assert f"{float(old):.4g} -> {float(new):.4g}" in said


def test_a_run_in_realtime_says_why_its_weights_are_others(run, capsys):
    made = logged_run.steps(PLAN)
    (run / "log" / "000000.mcap").unlink()
    logged_run.write(run, made, clock="realtime")
    logged_run.save(run, logged_run.learned(made[:-2]))  # it could not keep up
    file = run / "checkpoints" / "000008" / "algorithm" / "model.safetensors"
    tensors = load_file(file)
    tensors["log_alpha"] += 1e-6
    save_file(tensors, file)
    assert main(["relearn", str(run)]) == 0
    assert "reason: the run's clock was realtime" in capsys.readouterr().out


def test_a_torn_log_is_learned_from_as_far_as_it_goes(run, capsys):
    file = run / "log" / "000000.mcap"
    os.truncate(file, log_index(run).places[-3].offset + 10)
    assert main(["relearn", str(run)]) == 0
    said = capsys.readouterr().out
    assert f"note: {file} is not ended after its message" in said
    assert "note: checkpoint 000010 was not reached; the log ends before it" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "there is no folder nowhere"),
        (["run", "--set", "batchsize=2"], "no node has a parameter batchsize"),
        (["run", "--set", "train_steps=2"], "train_steps is nothing that can be learned again with"),
        (["run", "--set", "batch_size=1"], "batch_size = 1 is too small"),
        (["run", "--out", "run"], "run exists already"),
        (["run", "--until", "0"], "--until 0 leaves nothing to learn from"),
        (["run", "--set", "demonstrations_folder=gone"], "there is no folder gone"),
    ],
)
def test_what_cannot_be_done_is_refused_with_one_sentence(run, capsys, arguments, words):
    before = sorted(run.parent.rglob("*"))
    assert main(["relearn", *arguments]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("error: ")
    assert words in said
    assert sorted(run.parent.rglob("*")) == before
