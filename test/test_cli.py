"""``hil-serl``: what it asks the graph to do, and what it refuses with one sentence."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

import hil_serl_ros.ros.discovery
import hil_serl_ros.supervise
from hil_serl_ros.cli import main
from hil_serl_ros.commands import job
from hil_serl_ros.graph import JOBS, NodeProcess
from hil_serl_ros.supervise import supervise


@pytest.fixture
def started(monkeypatch, tmp_path) -> list[Any]:
    """What would be started; nothing is."""
    calls: list[Any] = []

    def take(nodes: Any, log_file: Path, environment: Any, remappings: Any) -> int:
        parameters = yaml.safe_load((log_file.parent / "parameters.yaml").read_text())["/**"]["ros__parameters"]
        calls.append(([node.name for node in nodes], log_file.parent, parameters))
        return 0

    monkeypatch.setattr(hil_serl_ros.supervise, "supervise", take)
    monkeypatch.setattr(hil_serl_ros.ros.discovery, "names", lambda seconds: [])
    monkeypatch.setitem(os.environ, "ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    monkeypatch.chdir(tmp_path)
    return calls


def refused(capsys) -> str:
    """The one sentence on stderr."""
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    return lines[0]


def test_the_demonstration_trains_the_cube_with_the_seed_that_is_asked_for(started, tmp_path):
    assert main(["demo", "--seed", "3", "--run-folder", str(tmp_path / "run")]) == 0
    ((nodes, folder, parameters),) = started
    assert nodes == list(JOBS["train"])
    assert folder == tmp_path / "run"
    assert parameters["seed"] == 3
    assert parameters["resume"] is False


def test_without_a_folder_a_run_gets_one_of_its_own(started, tmp_path):
    assert main(["demo"]) == 0
    assert started[0][1].parent == tmp_path / "runs"


def test_any_parameter_can_be_set_with_the_type_that_it_looks_like(started):
    assert main(["train", "--set", "batch_size=64", "--set", "clock=realtime", "--set", "hidden_dims=[8, 8]"]) == 0
    parameters = started[0][2]
    assert (parameters["batch_size"], parameters["clock"], parameters["hidden_dims"]) == (64, "realtime", [8, 8])


def test_an_evaluation_takes_the_last_checkpoint_of_a_run(started, tmp_path):
    model = tmp_path / "run" / "checkpoints" / "last" / "pretrained_model"
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    assert main(["evaluate", str(tmp_path / "run"), "--episodes", "12"]) == 0
    nodes, _, parameters = started[0]
    assert nodes == list(JOBS["evaluate"])
    assert parameters["checkpoint"] == str(model)
    assert (parameters["evaluate_episodes"], parameters["train_steps"]) == (12, 0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "--config", "juggle"], "no configuration juggle"),
        (["train", "--set", "batch_size"], "batch_size is not NAME=VALUE"),
        (["train", "--set", "=3"], "=3 is not NAME=VALUE"),
        (["train", "--set", "hidden_dims=[8"], "hidden_dims=[8"),
        (["train", "--resume"], "--resume needs --run-folder"),
        (["train", "--demonstrations", "nowhere"], "no folder nowhere"),
        (["evaluate", "nowhere"], "nowhere is no pretrained_model folder"),
    ],
)
def test_what_cannot_be_done_is_refused_with_one_sentence_and_nothing_is_written(
    started, tmp_path, capsys, arguments, words
):
    assert main(arguments) == 2
    assert words in refused(capsys)
    assert started == []
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_task_is_refused_and_the_folder_can_be_used_afterwards(started, tmp_path, capsys):
    folder = str(tmp_path / "run")
    assert main(["train", "--run-folder", folder, "--set", "task=juggle"]) == 2
    assert "there is no task juggle" in refused(capsys)
    assert main(["train", "--run-folder", folder]) == 0


def test_a_run_is_never_mixed_into_another_one(started, tmp_path, capsys):
    folder = str(tmp_path / "run")
    assert main(["train", "--run-folder", folder]) == 0
    before = (tmp_path / "run" / "parameters.yaml").read_text()
    assert main(["train", "--run-folder", folder, "--seed", "9"]) == 2
    assert "holds a run already" in refused(capsys)
    assert (tmp_path / "run" / "parameters.yaml").read_text() == before


def test_a_second_graph_in_the_same_domain_is_refused_and_the_first_one_named(graph, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(job, "LINGER", 0.0)
    graph.start("safety")
    graph.wait_until(lambda: "safety" in graph.node.get_node_names())
    assert main(["train", "--run-folder", str(tmp_path / "run")]) == 2
    sentence = refused(capsys)
    assert f"ROS domain {graph.domain}" in sentence
    assert "/safety" in sentence
    assert not (tmp_path / "run").exists()


def test_a_graph_that_has_just_ended_is_waited_for(started, monkeypatch, capsys):
    seen = [["/safety", "/elsewhere/camera"], ["/safety"], []]
    monkeypatch.setattr(hil_serl_ros.ros.discovery, "names", lambda seconds: seen.pop(0))
    assert main(["demo"]) == 0
    assert "waiting for another graph to end (/safety)" in capsys.readouterr().out


def test_a_node_that_ends_before_the_monitor_is_no_success_however_well_it_ended(domain, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(NodeProcess, "command", lambda self, _: ["true"] if self.name == "state" else ["sleep", "60"])
    nodes = [NodeProcess("monitor", ()), NodeProcess("state", ())]
    assert supervise(nodes, tmp_path / "output.log", {}, ()) == 1
    assert "node state ended" in capsys.readouterr().err


def test_a_node_that_dies_is_named_with_its_last_words(domain, tmp_path, capsys):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("/**:\n  ros__parameters:\n    clock: sundial\n")
    nodes = [NodeProcess("joy_teleop", ()), NodeProcess("safety", (wrong,))]
    assert supervise(nodes, tmp_path / "output.log", {}, ()) == 2
    said = capsys.readouterr().err
    assert "node safety ended with exit code 2; its last words:" in said
    assert "clock = 'sundial' is unknown; choose one of lockstep, realtime" in said
    assert "sundial" in (tmp_path / "output.log").read_text()
