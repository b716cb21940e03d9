"""The one description of the graph: nodes and their parameter files."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import yaml

import hil_serl_ros.nodes
from hil_serl_ros.graph import BESIDE, JOBS, REAL, SIMULATION, config_file, nodes_of, robot_names
from hil_serl_ros.installed import config_folder
from hil_serl_ros.settings import SettingError
from hil_serl_ros.sim.tasks import task_named


def written(folder: Path) -> dict:
    return yaml.safe_load((folder / "parameters.yaml").read_text())


@pytest.mark.parametrize("job", JOBS)
def test_every_node_of_a_job_exists_once(job):
    there = {path.stem for path in Path(hil_serl_ros.nodes.__file__).parent.glob("[a-z]*.py")}
    assert set(JOBS[job]) <= there
    assert len(set(JOBS[job])) == len(JOBS[job])


@pytest.mark.parametrize("job", [job for job in JOBS if job not in BESIDE])
def test_safety_is_in_every_job_of_its_own_graph_and_starts_first(job):
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


def test_the_parameter_file_has_no_alias_which_ros_cannot_read(tmp_path):
    nodes_of("sim", tmp_path, "pick_cube", {})
    tokens = list(yaml.scan((tmp_path / "parameters.yaml").read_text()))
    assert not [token for token in tokens if isinstance(token, yaml.AnchorToken | yaml.AliasToken)]


def test_the_workspace_of_safety_is_the_tasks(tmp_path):
    nodes_of("train", tmp_path, "pick_cube", {"task": "arrange_boxes"})
    workspace = written(tmp_path)["/**/safety"]["ros__parameters"]
    assert workspace["workspace_high"] == list(task_named("arrange_boxes").workspace_high)
    assert workspace["workspace_low"] == list(task_named("arrange_boxes").workspace_low)


@pytest.mark.parametrize("section", ["/**", "/**/safety", "/robot/safety", "safety"])
def test_a_workspace_that_the_configuration_says_is_not_replaced_by_the_tasks(tmp_path, section):
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump({section: {"ros__parameters": {"workspace_low": [0.3, -0.1, 0.1]}}}))
    nodes_of("train", tmp_path, str(file), {})
    workspace = written(tmp_path)["/**/safety"]["ros__parameters"]
    assert workspace == {"workspace_high": list(task_named("pick_cube").workspace_high)}


def test_a_workspace_that_is_said_for_one_run_is_not_replaced_by_the_tasks(tmp_path):
    said = {"workspace_low": [0.3, -0.1, 0.1], "workspace_high": [0.5, 0.1, 0.2]}
    nodes_of("train", tmp_path, "pick_cube", said)
    assert "/**/safety" not in written(tmp_path)
    assert written(tmp_path)["/**"]["ros__parameters"]["workspace_low"] == [0.3, -0.1, 0.1]


def test_a_real_robots_task_can_have_any_name_and_its_workspace_is_the_configurations(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("/**:\n  ros__parameters:\n    task: insert_plug\n    max_episode_steps: 100\n")
    assert nodes_of("teach", tmp_path, str(file), {}, simulated=False)
    assert nodes_of("replay_on_robot", tmp_path, str(file), {})
    assert "/**/safety" not in written(tmp_path)
    with pytest.raises(SettingError, match="there is no task insert_plug"):
        nodes_of("teach", tmp_path, str(file), {})


def test_a_configurations_own_workspace_is_that_of_safety_and_of_the_arm(tmp_path):
    file = tmp_path / "cell.yaml"
    file.write_text("/**:\n  ros__parameters:\n    workspace_low: [0.4, -0.1, 0.1]\n")
    nodes_of("sim", tmp_path, str(file), {})
    for node in ("safety", REAL):
        assert set(written(tmp_path)[f"/**/{node}"]["ros__parameters"]) == {"workspace_high"}
    nodes_of("sim", tmp_path, "pick_cube", {"workspace_low": [0.4, -0.1, 0.1], "workspace_high": [0.5, 0.1, 0.4]})
    assert set(written(tmp_path)) == {"/**"}


def test_a_configuration_names_the_node_that_is_the_robot(tmp_path):
    def robot(job: str, simulated: bool = True, **changes: object) -> set[str]:
        folder = tmp_path / f"{job}-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        names = [node.name for node in nodes_of(job, folder, "panda", changes, simulated=simulated)]
        assert names[0] == "safety"
        return {SIMULATION, REAL} & set(names)

    assert robot("teach") == robot("teach", simulated=False) == {REAL}
    assert robot("teach", robot_node="none") == set()
    assert robot("teach", robot_node=SIMULATION) == {SIMULATION}
    assert robot("teach", robot_node=SIMULATION, simulated=False) == set()
    # What is done again in simulation is, whatever arm the run was of.
    assert robot("rerun") == robot("replay") == {SIMULATION}


@pytest.mark.parametrize(
    ("changes", "words"), [({"robot_node": "kuka"}, "kuka"), ({"clock": "lockstep"}, "set clock to realtime")]
)
def test_a_robot_that_cannot_be_is_refused_with_one_sentence(tmp_path, changes, words):
    with pytest.raises(SettingError, match=words):
        nodes_of("teach", tmp_path, "panda", changes)


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
        ("juggle", "pick_cube", {}, "choose one of sim, collect, train"),
        ("train", "juggle", {}, "installed are arrange_boxes, panda, pick_cube"),
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


@pytest.mark.parametrize(
    ("job", "written_reward", "changes", "there"),
    [
        ("train", "classifier", {}, True),
        ("train", "ground_truth", {"reward": "classifier"}, True),
        ("train", "ground_truth", {}, False),
        ("train", "classifier", {"reward": "ground_truth"}, False),  # what the run changes stands above the file
        ("sim", "classifier", {}, False),
        ("sim", "ground_truth", {"reward": "classifier"}, False),  # no actor that would ask it
    ],
)
def test_the_reward_classifier_is_there_exactly_when_it_judges_an_actor(tmp_path, job, written_reward, changes, there):
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump({"/**": {"ros__parameters": {"task": "pick_cube", "reward": written_reward}}}))
    names = [node.name for node in nodes_of(job, tmp_path, str(file), changes)]
    assert ("reward_classifier" in names) is there


def test_collecting_needs_the_robot_the_operator_the_learners_log_and_the_actor(tmp_path):
    names = [node.name for node in nodes_of("collect", tmp_path, "pick_cube", {})]
    robot = ["safety", "mujoco_bridge", "state"]
    assert names == [*robot, "joy_teleop", "scripted_operator", "learner", "recorder", "policy_actor", "monitor"]


@pytest.mark.parametrize(("changes", "there"), [({}, True), ({"record": False}, False), ({"record": True}, True)])
def test_the_recorder_can_be_left_out(tmp_path, changes, there):
    names = [node.name for node in nodes_of("train", tmp_path, "pick_cube", changes)]
    assert ("recorder" in names) is there
    assert "recorder" not in [node.name for node in nodes_of("sim", tmp_path, "pick_cube", changes)]


def test_an_evaluation_of_a_taught_policy_waits_for_no_person(tmp_path):
    nodes_of("evaluate", tmp_path, "teach", {})
    assert written(tmp_path)["/**"]["ros__parameters"]["interactive"] is False


def test_each_of_several_robots_has_nodes_in_its_namespace_beside_one_learner_and_one_monitor(tmp_path):
    nodes = nodes_of("train", tmp_path, "pick_cube", {"robots": robot_names(2)})
    titles = [node.title for node in nodes]
    own = [name for name in JOBS["train"] if name not in ("learner", "monitor")]
    assert sorted(titles) == sorted(["learner", "monitor", *(f"robot_{k}/{name}" for k in range(2) for name in own)])
    actor = nodes[titles.index("robot_1/policy_actor")]
    assert actor.namespace() == "/robot_1"
    assert actor.namespace("lab") == "/lab/robot_1"
    assert ("weights", "/lab/weights") in actor.remapped("/lab")
    assert "/clock:=/robot_1/clock" in actor.command()
    assert nodes[titles.index("learner")].remapped() == []


def test_several_robots_share_out_the_work_and_each_has_a_seed_of_its_own(tmp_path):
    changes = {"robots": robot_names(3), "train_steps": 1000, "demonstrations": 10, "evaluate_episodes": 8, "seed": 5}
    nodes_of("train", tmp_path, "pick_cube", changes)
    own = [yaml.safe_load((tmp_path / f"robot_{k}.yaml").read_text())["/**"]["ros__parameters"] for k in range(3)]
    assert [one["robot"] for one in own] == robot_names(3)
    assert len({one["seed"] for one in own}) == 3
    assert sum(one["train_steps"] for one in own) == 1000
    assert sum(one["demonstrations"] for one in own) == 10
    worlds = [
        number for one in own for number in range(one["evaluate_from"], one["evaluate_from"] + one["evaluate_episodes"])
    ]
    assert worlds == list(range(8))
    assert written(tmp_path)["/**"]["ros__parameters"]["clock"] == "realtime"


@pytest.mark.parametrize(
    ("job", "changes", "words"),
    [
        ("train", {"robots": ["a", "b"], "clock": "lockstep"}, "several robots need clock:=realtime"),
        ("train", {"robots": ["a", "a"]}, "a name comes twice"),
        ("train", {"robots": ["a/b", "c"]}, "no name of a namespace"),
        ("teach", {"robots": ["a", "b"]}, "job teach is for one robot"),
        ("train", {"robots": 2}, "must be a list of names"),
    ],
)
def test_robots_that_cannot_share_a_learner_are_refused(tmp_path, job, changes, words):
    with pytest.raises(SettingError, match=words):
        nodes_of(job, tmp_path, "pick_cube", changes)
    assert not list(tmp_path.iterdir())


def test_with_a_real_robot_all_but_the_simulated_one_is_started(tmp_path):
    nodes = nodes_of("teach", tmp_path, "teach", {}, simulated=False)
    assert [node.name for node in nodes] == [name for name in JOBS["teach"] if name != SIMULATION]


def test_two_runs_in_two_namespaces_have_two_clocks(tmp_path):
    node = nodes_of("sim", tmp_path, "pick_cube", {})[0]
    assert node.remapped("left") == [("/clock", "/left/clock")]
    assert node.remapped() == []


def test_who_asks_for_a_recorder_alone_gets_it_whatever_the_configuration_says(tmp_path):
    assert [node.name for node in nodes_of("record", tmp_path, "pick_cube", {"record": False})] == ["recorder"]
