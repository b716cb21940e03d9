"""``hil-serl dataset export`` and ``import``: a run to a dataset and back."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest
from compressing import compressed_step
from made_episodes import PICTURES, STATES, episode, record, same
from rclpy.serialization import deserialize_message

from hil_serl_ros.cli import main
from hil_serl_ros.data.dataset_source import Source, files_of
from hil_serl_ros.data.dataset_step import COLLECT, TRAIN, DatasetStep
from hil_serl_ros.data.demonstrations import Demonstrations, read_demonstrations
from hil_serl_ros.data.log_index import log_index
from hil_serl_ros.data.transition_log import TransitionLog
from hil_serl_ros.learning.layout import Layout
from hil_serl_ros.msg import Transition
from hil_serl_ros.ros.dataset_steps import dataset_step_of, transition_of


def several(layout: Layout = STATES) -> list[DatasetStep]:
    """A good demonstration, one that was thrown away, an episode of training, and one for the classifier."""
    parts = (("success", 1), ("again", 1), ("cut", TRAIN), ("success", COLLECT))
    steps: list[DatasetStep] = []
    for number, (ends, mode) in enumerate(parts):
        steps += episode(layout, number=number, index=len(steps), ends=ends, mode=mode)
    return steps


def logged(folder: Path) -> list[DatasetStep]:
    return [dataset_step_of(deserialize_message(data, Transition)) for data in Source(files_of(folder)).read()]


def exported(source: Path, *options: str) -> Path:
    path = source.parent / f"set{len(list(source.parent.iterdir()))}"
    assert main(["dataset", "export", str(source), str(path), *options]) == 0
    return path


def imported(path: Path, *options: str) -> Path:
    folder = path.with_name(f"{path.name}-log")
    assert main(["dataset", "import", str(path), str(folder), *options]) == 0
    return folder


@pytest.mark.parametrize("layout", [STATES, PICTURES])
def test_a_run_comes_back_from_its_dataset_as_it_was(tmp_path, capsys, layout):
    steps = several(layout)
    path = exported(record(tmp_path / "run", layout, steps), "--images")
    said = capsys.readouterr().out
    assert "exported 4 episodes (1 collect, 2 demonstrate, 1 train; 2 successes; 0 not asked for), 16 frames" in said
    back = logged(imported(path))
    assert all(same(one, other) for one, other in zip(steps, back, strict=True))
    assert "1 of 2 demonstrations are successes" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_a_run_that_recorded_compressed_pictures_comes_back_with_those_that_were_learned_from(tmp_path, kind):
    def change(message: Transition) -> Transition:
        return compressed_step(message, kind)

    steps = several(PICTURES)
    back = logged(imported(exported(record(tmp_path / "run", PICTURES, steps, change), "--images")))
    learned = [dataset_step_of(change(transition_of(step))) for step in steps]
    assert all(same(one, other) for one, other in zip(learned, back, strict=True))
    assert all(same(one, other) for one, other in zip(steps, back, strict=True)) == (kind == "png")


def test_what_is_imported_is_what_a_training_starts_from(tmp_path):
    folder = imported(exported(record(tmp_path / "run", STATES, several())))
    demonstrations: Demonstrations[Transition] = Demonstrations()
    messages = [deserialize_message(data, Transition) for data in read_demonstrations(folder)]
    learned = [s for m in messages if m.mode == Transition.MODE_DEMONSTRATE for s in demonstrations.add(m)]
    assert [step.index for step in learned] == [0, 1, 2, 3]
    assert {message.layout for message in messages} == {STATES.hash}


@pytest.mark.parametrize(
    ("options", "episodes"),
    [(["--modes", "demonstrate"], [0, 1]), (["--success"], [0, 3]), (["--modes", "demonstrate", "--success"], [0])],
)
def test_only_the_episodes_that_were_asked_for(tmp_path, options, episodes):
    path = exported(record(tmp_path / "run", STATES, several()), *options)
    assert sorted({step.episode for step in logged(imported(path))}) == episodes


def test_a_torn_log_is_exported_up_to_the_tear_and_said(tmp_path, capsys):
    run = record(tmp_path / "run", STATES, several())
    (file,) = (run / "log").glob("*.mcap")
    os.truncate(file, log_index(run).places[14].offset + 10)
    back = logged(imported(exported(run)))
    said = capsys.readouterr()
    assert f"warning: {file} cannot be read after its transition" in said.err or f"{file} is cut off" in said.err
    assert "1 torn episodes end early, as truncated" in said.out
    assert back[-1].truncated
    assert back[-1].final is not None


def test_bytes_that_are_no_transition_are_named_and_the_rest_is_exported(tmp_path, capsys):
    log = TransitionLog(tmp_path / "run" / "log")
    log.append(b"nothing", 0, 0)
    log.close()
    back = logged(imported(exported(record(tmp_path / "run", STATES, several()))))
    assert len(back) == 16
    assert "warning: transition 0 of" in capsys.readouterr().err


def test_an_episode_that_does_not_fit_the_layout_is_left_out_and_named(tmp_path, capsys):
    steps = several()
    steps[5] = dataclasses.replace(steps[5], action=steps[5].action + 9)
    back = logged(imported(exported(record(tmp_path / "run", STATES, steps))))
    assert {step.episode for step in back} == {0, 2, 3}
    said = capsys.readouterr().err
    assert "warning: episode 1 of robot arm in run run is left out: step 1: action" in said


@pytest.mark.parametrize("command", ["export", "import"])
def test_a_folder_that_exists_is_refused_and_left_alone(tmp_path, capsys, command):
    run = record(tmp_path / "run", STATES, several())
    source = run if command == "export" else exported(run)
    target = tmp_path / "mine"
    target.mkdir()
    (target / "file").write_text("mine")
    assert main(["dataset", command, str(source), str(target)]) == 2
    assert f"error: {target} exists already" in capsys.readouterr().err
    assert [path.name for path in target.iterdir()] == ["file"]


def test_a_run_without_its_layout_is_refused_until_it_is_named(tmp_path, capsys):
    run = record(tmp_path / "run", STATES, several())
    kept = (run / "layout.json").rename(tmp_path / "kept.json")
    assert main(["dataset", "export", str(run), str(tmp_path / "set")]) == 2
    assert "name the run's by --layout" in capsys.readouterr().err
    exported(run, "--layout", str(kept))


def test_a_dataset_of_another_configuration_is_refused_with_the_difference(tmp_path, capsys):
    path = exported(record(tmp_path / "run", STATES, several()))
    words = ["dataset", "import", str(path), str(tmp_path / "log"), "--config", "pick_cube"]
    assert main([*words, "--set", "environment_state=false"]) == 2
    assert "observation.environment_state" in capsys.readouterr().err
    assert not (tmp_path / "log").exists()
    assert main(words) == 0


def test_an_export_that_is_interrupted_leaves_nothing(tmp_path, monkeypatch):
    run = record(tmp_path / "run", STATES, several())
    whole = Source.read

    def interrupted(self: Source):
        yield from list(whole(self))[:10]
        raise KeyboardInterrupt

    monkeypatch.setattr(Source, "read", interrupted)
    with pytest.raises(KeyboardInterrupt):
        main(["dataset", "export", str(run), str(tmp_path / "set")])
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.slow
def test_stock_lerobot_train_trains_act_on_an_export_offline(tmp_path):
    path = exported(record(tmp_path / "run", STATES, [*several(), *episode(number=4, index=16)]), "--success")
    output = tmp_path / "act"
    words = [
        f"--dataset.root={path}",
        "--dataset.repo_id=set",
        f"--output_dir={output}",
        "--policy.type=act",
        "--policy.device=cpu",
        "--policy.push_to_hub=false",
        "--policy.pretrained_backbone_weights=null",
        "--policy.dim_model=16",
        "--policy.n_heads=2",
        "--policy.dim_feedforward=16",
        "--policy.chunk_size=4",
        "--policy.n_action_steps=4",
        "--batch_size=8",
        "--num_workers=0",
        "--steps=2",
        "--save_freq=2",
        "--wandb.enable=false",
    ]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "lerobot.scripts.lerobot_train", *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=110,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (output / "checkpoints" / "last" / "pretrained_model" / "model.safetensors").is_file()
