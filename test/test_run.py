"""Whole runs: ``hil-serl train`` with every node as a process, over DDS, from demonstrations to the result."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

RESULT = re.compile(
    r"^result: success=(?P<good>\d+)/(?P<of>\d+) robot_steps=(?P<robot_steps>\d+) "
    r"operator_steps=(?P<operator_steps>\d+) wall_s=\d+$",
    re.MULTILINE,
)


def train(folder: Path, *arguments: str, **settings: object) -> subprocess.Popen[str]:
    """Start a run."""
    command = [sys.executable, "-m", "hil_serl_ros.cli", "train", "--run-folder", str(folder), *arguments]
    command += [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    # The core alone is no environment: the domain of the test comes with it.
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ.copy(),
        start_new_session=True,
    )


def result_of(process: subprocess.Popen[str], seconds: float = 280) -> dict[str, int]:
    """The figures of the last line of a run that ended well."""
    try:
        output, _ = process.communicate(timeout=seconds)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, output
    found = RESULT.search(output)
    assert found, output
    return {name: int(value) for name, value in found.groupdict().items()}


def weights_of(folder: Path) -> tuple[bytes, bytes]:
    """Policy and critics of the last checkpoint."""
    last = folder / "checkpoints" / "last"
    return tuple((last / part / "model.safetensors").read_bytes() for part in ("pretrained_model", "algorithm"))  # type: ignore[return-value]


def indices(folder: Path) -> list[int]:
    """Indices of the logged steps, in the order of the log."""
    from rclpy.serialization import deserialize_message

    from hil_serl_ros.data.transition_log import read_log
    from hil_serl_ros.msg import Transition

    return [deserialize_message(record.data, Transition).index for record in read_log(folder / "log")]


SHORT = {"demonstrations": 4, "train_steps": 160, "evaluate_episodes": 1, "online_step_before_learning": 20}


@pytest.fixture(scope="module")
def short_run(domain, tmp_path_factory) -> Path:
    """A run of 160 steps."""
    folder = tmp_path_factory.mktemp("short") / "run"
    result_of(train(folder, "--seed", "7", **SHORT))
    return folder


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_short_run_learns_to_pick_up_the_cube(domain, tmp_path):
    run = tmp_path / "run"
    result = result_of(train(run, demonstrations=15, train_steps=750, evaluate_episodes=20, cosine_updates=430))
    assert result["good"] >= 10, result  # of 20; an untrained policy has none
    assert 750 <= result["robot_steps"] < 810
    assert result["operator_steps"] < result["robot_steps"]
    assert (run / "curve.png").stat().st_size > 10_000
    assert (run / "metrics.csv").read_text().count("\n") >= 2
    assert (run / "episodes.csv").read_text().count("evaluate,") == 20


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_runs_of_the_same_seed_end_with_the_same_weights(short_run, tmp_path):
    result_of(train(tmp_path / "again", "--seed", "7", **SHORT))
    assert weights_of(tmp_path / "again") == weights_of(short_run)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_pictures_without_loss_end_with_the_weights_of_raw_ones_and_a_smaller_log(domain, tmp_path):
    pixels = {**SHORT, "demonstrations": 2, "train_steps": 40, "collect_episodes": 0, "run": "same"}
    sizes = []
    for kind in ("raw", "png"):
        folder = tmp_path / kind
        result_of(train(folder, "--seed", "7", "--config", "pick_cube_pixels", **pixels, compression=kind))
        sizes.append(sum(file.stat().st_size for file in (folder / "log").glob("*.mcap")))
    assert weights_of(tmp_path / "raw") == weights_of(tmp_path / "png")
    assert sizes[1] < sizes[0] / 5


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_resumed_run_goes_on_where_it_ended_and_loses_no_step(short_run):
    before = indices(short_run)
    result = result_of(train(short_run, "--seed", "7", "--resume", **{**SHORT, "train_steps": len(before) + 40}))
    after = indices(short_run)
    assert after == list(range(len(after)))
    assert after[: len(before)] == before
    assert result["robot_steps"] == len(after) >= len(before) + 40


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_node_that_refuses_its_parameters_is_named_with_its_last_words_and_nothing_stays_behind(domain, tmp_path):
    process = train(tmp_path / "run", batch_size=1)
    output, _ = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "node learner ended with exit code 2" in output
    assert "batch_size" in output
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


@pytest.mark.timeout(300)
def test_a_short_run_from_pixels_records_teaches_trains_and_evaluates_on_ground_truth(domain, tmp_path):
    folder = tmp_path / "pixels"
    sizes = {"collect_episodes": 8, "demonstrations": 2, "train_steps": 40, "evaluate_episodes": 1}
    command = [sys.executable, "-m", "hil_serl_ros.cli", "demo-pixels", "--run-folder", str(folder)]
    command += ["--encoder-steps", "20", "--set", "online_step_before_learning=30"]
    command += [part for name, value in sizes.items() for part in ("--set", f"{name}={value}")]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ.copy(),
        start_new_session=True,
    )
    result = result_of(process)
    assert result["of"] == 1
    recorded = len(indices(folder / "recorded"))
    assert recorded > 8 * 28
    # What was recorded for the classifier counts as the robot's and the operator's time.
    assert result["robot_steps"] >= recorded + 40
    assert result["operator_steps"] >= recorded
    config = json.loads((folder / "policy/checkpoints/last/pretrained_model/config.json").read_text())
    assert set(config["input_features"]) == {
        "observation.images.front",
        "observation.images.wrist",
        "observation.state",
    }
