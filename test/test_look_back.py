"""A run that has ended is looked back at: the same weights, the same actions, the same path, all in one page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rclpy.serialization import deserialize_message

from hil_serl_ros.data.log_index import log_index
from hil_serl_ros.msg import Transition

SHORT = {"demonstrations": 2, "train_steps": 110, "evaluate_episodes": 1, "online_step_before_learning": 20}
SHORT |= {"max_episode_steps": 40, "log_freq": 20, "save_freq": 30}


def hil_serl(*words: str, cwd: Path, seconds: float = 150) -> str:
    """What the command says; it must end well."""
    done = subprocess.run(
        [sys.executable, "-m", "hil_serl_ros.cli", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        env=os.environ.copy(),
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def run(domain, tmp_path_factory) -> Path:
    """A run in lockstep over all its processes, with a person's corrections in it."""
    folder = tmp_path_factory.mktemp("look_back") / "run"
    settings = [word for name, value in SHORT.items() for word in ("--set", f"{name}={value}")]
    hil_serl("train", "--run-folder", str(folder), "--seed", "5", *settings, cwd=folder.parent)
    return folder


def corrected(run: Path) -> int:
    """The last episode of training in which a person drove some steps and the policy others."""
    hands: dict[int, list[bool]] = {}
    for place in log_index(run).places:
        if place.name.mode == Transition.MODE_TRAIN:
            step = deserialize_message(place.read(), Transition)
            hands.setdefault(step.episode, []).append(step.intervention)
    mixed = [episode for episode, drove in hands.items() if any(drove) and not all(drove)]
    assert mixed, "the operator has corrected nothing"
    return mixed[-1]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_log_of_a_run_in_lockstep_gives_its_weights_bit_for_bit(run):
    said = hil_serl("relearn", str(run), cwd=run.parent)
    checkpoints = len(list((run / "checkpoints").glob("[0-9]*")))
    assert checkpoints >= 2
    assert f"result: same weights, bit for bit, at {checkpoints} checkpoints" in said


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_episode_run_again_under_the_weights_that_acted_has_the_same_actions(run):
    said = hil_serl("rerun", str(run), str(corrected(run)), cwd=run.parent)
    same, of, apart = re.search(r"same_actions=(\d+)/(\d+) path_max_m=([\d.]+)", said).groups()
    assert int(same) == int(of) >= 5
    assert float(apart) == 0.0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_replayed_episode_takes_the_recorded_path_to_the_recorded_end(run):
    said = hil_serl("replay", str(run), str(corrected(run)), cwd=run.parent)
    found = re.search(r"path_max_m=([\d.]+) .* steps=(\d+)/(\d+) success=(\w+) recorded_success=(\w+)", said)
    apart, steps, of, success, recorded = found.groups()
    assert float(apart) == 0.0
    assert steps == of
    assert success == recorded


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_page_about_a_run_has_it_all_and_needs_no_network(run):
    hil_serl("report", str(run), cwd=run.parent)
    page = (run / "report.html").read_text()
    assert "What is missing" not in page
    assert not re.search(r"""(src|href)=["'](?!data:)|url\(|@import|<script""", page)
    pictures = re.findall(r'src="data:image/(\w+)', page)
    assert {"png", "svg"} <= set(pictures)
    for words in ("greedy", "95 % interval", "Worst episodes", "train_steps", "torch"):
        assert words in page
