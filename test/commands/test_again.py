"""``hil-serl replay`` and ``rerun``: which graph they start with what, and what they refuse with one sentence."""

from __future__ import annotations

from typing import Any

import logged_run
import numpy as np
import pytest
import yaml
from logged_run import DEMONSTRATE, TRAIN

import hil_serl_ros.ros.discovery
import hil_serl_ros.supervise
from hil_serl_ros.cli import main
from hil_serl_ros.data.log_index import log_index
from hil_serl_ros.graph import JOBS
from hil_serl_ros.learning.weights import pack
from hil_serl_ros.ros.recorded import recorded_steps
from hil_serl_ros.ros.relearned import FOLDER, Versions
from hil_serl_ros.ros.steps import step_of

PLAN = [(DEMONSTRATE, 4, True), (TRAIN, 12, True), (TRAIN, 7, False)]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run of three episodes; its last checkpoint has 22 of its 23 steps."""
    monkeypatch.chdir(tmp_path)
    made = logged_run.steps(PLAN)
    folder = logged_run.write(tmp_path / "run", made, max_episode_steps=40)
    logged_run.save(folder, logged_run.learned(made[:22]))
    return folder


@pytest.fixture
def started(monkeypatch) -> list[Any]:
    """What would be started: nodes, folder, parameters; nothing is."""
    calls: list[Any] = []

    def take(nodes: Any, log_file: Any, environment: Any, remappings: Any) -> int:
        parameters = yaml.safe_load((log_file.parent / "parameters.yaml").read_text())["/**"]["ros__parameters"]
        calls.append(([node.name for node in nodes], log_file.parent, parameters))
        return 0

    monkeypatch.setattr(hil_serl_ros.supervise, "supervise", take)
    monkeypatch.setattr(hil_serl_ros.ros.discovery, "names", lambda seconds: [])
    return calls


def test_a_replay_has_the_episode_alone_in_a_folder_of_its_own(run, started):
    assert main(["replay", str(run), "1"]) == 0
    ((nodes, folder, parameters),) = started
    assert nodes == list(JOBS["replay"])
    assert [step.index for step in recorded_steps(log_index(folder), "robot", 1)] == list(range(4, 16))
    assert len(log_index(folder).places) == 12
    assert (parameters["episode"], parameters["clock"], parameters["operator"]) == (1, "lockstep", False)
    assert (parameters["train_steps"], parameters["demonstrations"], parameters["resume"]) == (0, 0, False)
    assert parameters["run_folder"] == str(folder) != str(run)


def test_on_a_robot_a_person_arms_it_can_take_over_and_no_simulation_is_started(run, started):
    assert main(["replay", str(run), "1", "--on-robot"]) == 0
    ((nodes, _, parameters),) = started
    assert "mujoco_bridge" not in nodes
    assert {"safety", "state", "joy_teleop", "policy_actor"} <= set(nodes)
    assert (parameters["clock"], parameters["armed_at_start"]) == ("realtime", False)
    assert parameters.get("operator", True)


def acting(folder: Any, version: int, observation: dict[str, np.ndarray]) -> list[float]:
    versions = Versions(folder / FOLDER, logged_run.LAYOUT)
    versions.use(version)
    return versions.policy.act(observation, deterministic=True).tolist()


def seen() -> dict[str, np.ndarray]:
    random = np.random.default_rng(5)
    return {
        "observation.state": random.uniform(0.2, 0.5, 18).astype(np.float32),
        "observation.environment_state": random.uniform(0.2, 0.5, 3).astype(np.float32),
    }


def test_an_episode_is_run_again_under_the_versions_that_acted(run, started):
    assert main(["rerun", str(run), "2"]) == 0
    ((nodes, folder, parameters),) = started
    assert nodes == list(JOBS["rerun"])
    assert (parameters["version"], parameters["hands"], parameters["greedy"]) == (-1, True, False)
    assert parameters["max_episode_steps"] == 40
    assert Versions(folder / FOLDER, logged_run.LAYOUT).there == {15, 20}
    for version in (15, 20):
        sac = logged_run.learned(logged_run.steps(PLAN)[:version]).sac
        data, _ = pack(sac.trunk.values, sac.actor.values, sac.shape)
        assert (folder / FOLDER / f"{version}.safetensors").read_bytes() == data
    assert acting(folder, 15, seen()) != acting(folder, 20, seen())


def test_a_checkpoints_version_is_the_very_one_that_is_learned_again(run, started):
    assert main(["rerun", str(run), "0", "--weights", "22", "--greedy"]) == 0
    for path in (run / "checkpoints").iterdir():
        path.rename(path.with_name(f"{path.name}.away"))
    assert main(["rerun", str(run), "0", "--weights", "22", "--run-folder", str(run.parent / "second")]) == 0
    (_, taken, parameters), (_, relearned, _) = started
    assert (parameters["version"], parameters["hands"], parameters["greedy"]) == (22, False, True)
    assert acting(taken, 22, seen()) == acting(relearned, 22, seen())


def test_a_checkpoint_amid_the_updates_of_a_step_is_not_taken_for_its_version(run, started, capsys):
    made = logged_run.steps(PLAN)
    (run / "log" / "000000.mcap").unlink()
    logged_run.write(run, made, updates_per_step=2)
    trainer = logged_run.learned(made[:20], updates_per_step=2)
    trainer.add(step_of(made[20]))
    trainer.update()
    assert trainer.owed
    logged_run.save(run, trainer)
    assert main(["rerun", str(run), "0", "--weights", "21"]) == 0
    assert "weights of 21 steps, learned again from the log" in capsys.readouterr().out


def test_a_run_in_realtime_gives_the_version_of_its_nearest_checkpoint_and_says_so(run, started, capsys):
    logged_run.write(run, [], clock="realtime")
    assert main(["rerun", str(run), "1", "--weights", "12"]) == 0
    assert started[0][2]["version"] == 22
    assert "the version nearest to 12 that it kept is 22" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["replay", "nowhere", "0"], "there is no folder nowhere"),
        (["replay", "run", "3"], "there is no episode 3 of robot robot in run/log; its episodes are 0 to 2"),
        (["replay", "run", "0", "--robot", "other"], "its robots are ['robot']"),
        (["replay", "run", "0", "--set", "clok=realtime"], "no node has a parameter clok"),
        (["rerun", "run", "0"], "a person showed something, and no policy acted"),
        (["rerun", "run", "1", "--weights", "best"], "--weights best is no version"),
        (["rerun", "run", "1", "--weights", "24"], "there is no version 24 of the weights: run/log has 23 steps"),
    ],
)
def test_what_cannot_be_done_again_is_refused_with_one_sentence(run, started, capsys, arguments, words):
    assert main(arguments) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("error: ")
    assert words in said
    assert started == []
    assert not (run.parent / "runs").exists()


@pytest.mark.parametrize("command", ["replay", "rerun"])
def test_an_episode_with_a_missing_step_is_refused_with_its_place(run, started, capsys, command):
    made = logged_run.steps(PLAN)
    (run / "log" / "000000.mcap").unlink()
    logged_run.write(run, [*made[:6], *made[7:]])
    assert main([command, str(run), "1"]) == 2
    assert "step 2 is missing before run/log/000000.mcap, message 6" in capsys.readouterr().err.replace(
        f"{run.parent}/", ""
    )


def test_versions_of_a_run_in_realtime_that_nobody_kept_cannot_be_had(run, started, capsys):
    logged_run.write(run, [], clock="realtime")
    assert main(["rerun", str(run), "1"]) == 2
    assert "those of its checkpoints are, 22" in capsys.readouterr().err


def test_another_run_in_the_folder_is_left_alone(run, started, capsys):
    assert main(["replay", str(run), "0", "--run-folder", str(run)]) == 2
    assert "holds a run already" in capsys.readouterr().err
    assert started == []
