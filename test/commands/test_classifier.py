"""``hil-serl classifier train`` on a recorded log."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image

from hil_serl_ros.commands.classifier import add_arguments, run
from hil_serl_ros.data.classifier_folder import load
from hil_serl_ros.data.labels import NAME, write_labels
from hil_serl_ros.data.transition_log import TransitionLog
from hil_serl_ros.msg import Observation, Transition

SIZE = 96


def observation(success: bool, seed: int, size: int = SIZE) -> Observation:
    """Two cameras with noise, blue where the task is done."""
    message = Observation(image_names=["front", "wrist"])
    for camera in range(2):
        pixels = np.random.default_rng([seed, camera]).integers(0, 80, (size, size, 3), np.uint8)
        pixels[:, :, 2] += 150 * success
        message.images.append(Image(height=size, width=size, step=3 * size, encoding="rgb8", data=pixels.tobytes()))
    return message


def record(folder: Path, *, episodes: int = 4, successes: bool = True, pictures: bool = True, size: int = SIZE) -> Path:
    """A run's folder: in each episode of 8 steps the task is done from the fourth on."""
    log = TransitionLog(folder / "log")
    for episode in range(episodes):
        for step in range(8):
            done = [successes and s >= 4 for s in (step, step + 1)]
            seen = [observation(d, 100 * episode + step + i, size) for i, d in enumerate(done)]
            message = Transition(robot="arm", run="run", episode=episode, step=step, mode=4, success=done[1])
            message.observation = seen[0] if pictures else Observation()
            if step == 7:
                message.truncated = True
                message.final_observation = [seen[1] if pictures else Observation()]
            log.append(serialize_message(message), 1, 1)
    log.close()
    return folder


def command(*words: str | Path) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args([str(word) for word in words]))


def test_a_recorded_run_becomes_a_classifier_that_says_how_good_it_is(tmp_path, capsys):
    output = tmp_path / "classifier"
    assert command(record(tmp_path / "run"), "--output", output, "--epochs", "5") == 0
    said = capsys.readouterr().out
    assert "is a success" in said
    assert said.splitlines()[-1].startswith("result: precision=1.000 recall=1.000 threshold=0.")
    assert (output / "mistakes.png").is_file()
    assert load(output).cameras == ("front", "wrist")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"successes": False}, "all 36 frames have one label: none shows a success"),
        ({"pictures": False}, "holds observations without pictures"),
        ({"episodes": 1}, "only 5 of 9 frames show a success; 10 at least are needed"),
    ],
)
def test_recordings_that_cannot_teach_are_refused(tmp_path, capsys, options, sentence):
    assert command(record(tmp_path / "run", **options), "--output", tmp_path / "classifier") == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "classifier").exists()


def test_a_persons_table_of_labels_overrides(tmp_path, capsys):
    run_folder = record(tmp_path / "run", episodes=2, successes=False)
    write_labels(run_folder / NAME, {("arm", 0): {3: 1, 4: 1, 5: -1}})
    assert command(run_folder, "--output", tmp_path / "classifier") == 2
    assert "only 2 of 17 frames show a success" in capsys.readouterr().err
    (run_folder / NAME).write_text("nonsense")
    assert command(run_folder, "--output", tmp_path / "classifier") == 2
    assert "line 1 is 'nonsense'" in capsys.readouterr().err


def test_runs_with_other_cameras_are_refused(tmp_path, capsys):
    runs = record(tmp_path / "one", episodes=2), record(tmp_path / "two", episodes=2, size=64)
    assert command(*runs, "--output", tmp_path / "classifier") == 2
    assert "the recordings differ in their cameras" in capsys.readouterr().err


def test_a_missing_run_and_an_existing_output_are_refused(tmp_path, capsys):
    assert command(tmp_path / "nowhere", "--output", tmp_path / "classifier") == 2
    assert "there is no folder" in capsys.readouterr().err
    assert command(tmp_path / "nowhere", "--output", tmp_path) == 2
    assert "exists already" in capsys.readouterr().err
