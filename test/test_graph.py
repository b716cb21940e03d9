"""The one description of the graph: nodes and their parameter files."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pytest
import yaml

import hil_serl_ros.nodes
from hil_serl_ros.graph import JOBS, config_file, config_folder, nodes_of
from hil_serl_ros.settings import SettingError
from hil_serl_ros.sim.tasks import task_named


def written(folder: Path) -> dict:
    return yaml.safe_load((folder / "parameters.yaml").read_text())


@pytest.mark.parametrize("job", JOBS)
def test_every_node_of_a_job_exists_once(job):
    there = {path.stem for path in Path(hil_serl_ros.nodes.__file__).parent.glob("[a-z]*.py")}
    assert set(JOBS[job]) <= there
    assert len(set(JOBS[job])) == len(JOBS[job])


@pytest.mark.parametrize("job", JOBS)
def test_safety_is_in_every_job_and_starts_first(job):
    assert JOBS[job][0] == "safety"


def test_nodes_are_started_with_the_configuration_and_what_the_run_changes_above_it(tmp_path):
    nodes = nodes_of("train", tmp_path, "pick_cube", {"seed": 7})
    assert [node.name for node in nodes] == list(JOBS["train"])
    command = nodes[0].command()
    files = [Path(b) for a, b in itertools.pairwise(command) if a == "--params-file"]
    assert files == [tmp_path / "config.yaml", tmp_path / "parameters.yaml"]
    assert files[0].read_text() == config_file("pick_cube").read_text()
    own = written(tmp_path)["/**"]["ros__parameters"]
    assert own == {"seed": 7, "run_folder": str(tmp_path), "run": tmp_path.name}


def test_a_run_that_is_gone_on_with_keeps_its_configuration_and_what_it_was_started_with(tmp_path):
    nodes_of("train", tmp_path, "arrange_boxes", {"seed": 7, "resume": False})
    nodes = nodes_of("train", tmp_path, str(tmp_path / "config.yaml"), {"resume": True})
    assert nodes[0].parameter_files[0].read_text() == config_file("arrange_boxes").read_text()
    own = written(tmp_path)["/**"]["ros__parameters"]
    assert (own["seed"], own["resume"]) == (7, True)


def test_the_workspace_of_safety_is_the_tasks(tmp_path):
    nodes_of("train", tmp_path, "pick_cube", {"task": "arrange_boxes"})
    workspace = written(tmp_path)["/**/safety"]["ros__parameters"]
    assert workspace["workspace_high"] == list(task_named("arrange_boxes").workspace_high)
    assert workspace["workspace_low"] == list(task_named("arrange_boxes").workspace_low)


def test_the_learner_runs_below_the_control_path(tmp_path):
    commands = {node.name: node.command() for node in nodes_of("train", tmp_path, "pick_cube", {})}
    assert commands["learner"][:3] == ["nice", "-n", "5"]
    assert commands["safety"][0] == sys.executable


def test_remappings_reach_the_command_line(tmp_path):
    command = nodes_of("sim", tmp_path, "pick_cube", {})[0].command(("__ns:=/left",))
    assert command[-2:] == ["-r", "__ns:=/left"]


@pytest.mark.parametrize("path", sorted(config_folder().glob("*.yaml")), ids=lambda path: path.stem)
def test_every_installed_configuration_is_of_a_known_task(path, tmp_path):
    assert nodes_of("train", tmp_path, path.stem, {})


def test_a_configuration_can_be_a_file_of_the_users(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("/**:\n  ros__parameters:\n    task: arrange_boxes\n")
    assert nodes_of("sim", tmp_path, str(file), {})[0].parameter_files[0].read_text() == file.read_text()


@pytest.mark.parametrize(
    ("job", "config", "changes", "words"),
    [
        ("juggle", "pick_cube", {}, "choose one of sim, train"),
        ("train", "juggle", {}, "installed are arrange_boxes, pick_cube"),
        ("train", "pick_cube", {"task": "juggle"}, "there is no task juggle; choose one of pick_cube"),
    ],
)
def test_what_is_not_there_is_refused_with_a_sentence_and_nothing_is_written(tmp_path, job, config, changes, words):
    with pytest.raises(SettingError, match=words):
        nodes_of(job, tmp_path, config, changes)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["[1, 2", "- a list\n", "/**: text\n", "just text"])
def test_a_file_that_is_no_parameter_file_is_refused_with_a_sentence(tmp_path, text):
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(SettingError, match="not a ROS parameter file") as refused:
        nodes_of("train", tmp_path, str(file), {})
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "parameters.yaml").exists()
