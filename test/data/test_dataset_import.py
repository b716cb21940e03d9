"""Somebody else's LeRobotDataset as demonstrations: ends, ranges, sizes and rates right, or refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lerobot.datasets import LeRobotDataset
from made_episodes import STATES, episode, export

from hil_serl_ros.data.dataset_features import DatasetError
from hil_serl_ros.data.dataset_import import ROBOT, Choices, Importer
from hil_serl_ros.data.dataset_step import DEMONSTRATE, DatasetStep
from hil_serl_ros.learning.layout import STATE, Layout, panda_layout

SIZE = 16
CAMERA = "observation.images.front"
SEEING = panda_layout(environment_state=False, images={"front": (3, SIZE, SIZE)})
PLAIN = panda_layout(environment_state=False)


def state(frame: int) -> np.ndarray:
    return np.full(18, frame, np.float32)


def foreign(
    path: Path,
    rewards: list[float] | None,
    done: list[bool] | None,
    *,
    fps: int = 10,
    picture: tuple[str, tuple[int, ...]] | None = None,
    pixels: np.ndarray | None = None,
    change: dict[str, Any] | None = None,
) -> Path:
    """A dataset as lerobot's gym_manipulator records it from gym_hil: one episode, frame n's state is all n."""
    features: dict[str, Any] = {
        STATE: {"dtype": "float32", "shape": (18,), "names": None},
        "action": {"dtype": "float32", "shape": (4,), "names": ["delta_x", "delta_y", "delta_z", "gripper"]},
    }
    columns: dict[str, Any] = {}
    for name, kind, values in (("next.reward", "float32", rewards), ("next.done", "bool", done)):
        if values is not None:
            features[name] = {"dtype": kind, "shape": (1,), "names": None}
            columns[name] = [np.array([value], kind) for value in values]
    if picture is not None:
        features[CAMERA] = {"dtype": picture[0], "shape": picture[1], "names": ["channels", "height", "width"]}
    dataset = LeRobotDataset.create("theirs", fps, features, root=path, use_videos=False, video_backend="pyav")
    for frame in range(len(rewards or done or range(4))):
        row = {STATE: state(frame), "action": np.array([0.5, -1.0, 0.0, 2.0], np.float32), "task": "pick"}
        row |= {name: values[frame] for name, values in columns.items()}
        if pixels is not None:
            row[CAMERA] = pixels
        dataset.add_frame(row | (change or {}))
    dataset.save_episode()
    dataset.finalize()
    return path


def read(path: Path, layout: Layout = PLAIN, choices: Choices = Choices()) -> list[DatasetStep]:  # noqa: B008
    importer = Importer(path, layout, choices)
    assert importer.count == 1
    return importer.steps(0, 0, "theirs")


def refused(path: Path, layout: Layout = PLAIN, choices: Choices = Choices()) -> str:  # noqa: B008
    with pytest.raises(DatasetError) as error:
        read(path, layout, choices)
    return str(error.value)


def test_a_success_is_a_terminal_step(tmp_path):
    steps = read(foreign(tmp_path / "set", [0, 0, 0, 1], [False, False, False, True]))
    assert [step.terminated for step in steps] == [False, False, False, True]
    assert not any(step.truncated for step in steps)
    assert [step.success for step in steps] == [False, False, False, True]
    assert [step.reward for step in steps] == [0, 0, 0, 1]
    assert {(step.robot, step.mode, step.seed) for step in steps} == {(ROBOT, DEMONSTRATE, -1)}


def test_a_time_limit_is_not_a_terminal_step_and_its_next_observation_is_the_true_one(tmp_path):
    steps = read(foreign(tmp_path / "set", [0, 0, 0, 0], [False, False, False, True]))
    # The last action's result was never recorded: the step before it ends where that one began.
    assert [step.observation.values[STATE][0] for step in steps] == [0, 1, 2]
    assert [step.truncated for step in steps] == [False, False, True]
    assert not any(step.terminated for step in steps)
    assert steps[-1].final is not None
    assert steps[-1].final.values[STATE][0] == 3


def test_a_row_after_the_end_is_the_observation_after_the_last_action(tmp_path):
    for number, reward in enumerate((1, 0)):
        steps = read(foreign(tmp_path / str(number), [0, 0, reward, reward], [False, False, True, True]))
        assert len(steps) == 3
        assert (steps[-1].terminated, steps[-1].truncated) == (bool(reward), not reward)
        assert steps[-1].final is not None
        assert steps[-1].final.values[STATE][0] == 3


def test_without_done_an_episode_ends_with_its_rows(tmp_path):
    assert read(foreign(tmp_path / "good", [0, 0, 1], None))[-1].terminated
    assert read(foreign(tmp_path / "cut", [0, 0, 0], None))[-1].truncated


def test_demonstrations_without_rewards_can_be_called_successes(tmp_path):
    path = foreign(tmp_path / "set", None, None)
    assert "it lacks next.reward" in refused(path)
    steps = read(path, PLAIN, Choices(all_successes=True))
    assert [step.reward for step in steps] == [0, 0, 0, 1]
    assert steps[-1].terminated
    assert steps[-1].success


@pytest.mark.parametrize("shape", [(3, SIZE, SIZE), (SIZE, SIZE, 3)])
def test_stored_pictures_are_uint8_as_they_were(tmp_path, shape):
    pixels = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    path = foreign(tmp_path / "set", [0, 1], [False, True], picture=("image", shape), pixels=pixels)
    (found,) = {step.observation.values[CAMERA].tobytes() for step in read(path, SEEING)}
    assert found == (pixels if shape[0] == 3 else pixels.transpose(2, 0, 1)).tobytes()


def test_pictures_stored_as_numbers_from_0_to_1_are_scaled_once(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE), np.uint8)
    path = foreign(
        tmp_path / "set",
        [0, 1],
        [False, True],
        picture=("float32", (3, SIZE, SIZE)),
        pixels=(pixels / 255).astype(np.float32),
    )
    found = read(path, SEEING)[0].observation.values[CAMERA]
    assert found.dtype == np.uint8
    assert np.array_equal(found, pixels)


def test_pictures_of_another_range_are_refused(tmp_path):
    pixels = np.full((3, SIZE, SIZE), 3.0, np.float32)
    path = foreign(tmp_path / "set", [0, 1], [False, True], picture=("float32", (3, SIZE, SIZE)), pixels=pixels)
    assert f"episode 0, frame 0: {CAMERA} holds numbers from 3 to 3" in refused(path, SEEING)


def test_pictures_of_another_size_are_refused_by_name_or_scaled(tmp_path):
    pixels = np.full((24, 40, 3), 200, np.uint8)
    path = foreign(tmp_path / "set", [0, 1], [False, True], picture=("image", (24, 40, 3)), pixels=pixels)
    assert f"{CAMERA} is 40x24 pixels; the layout says 16x16 (--resize" in refused(path, SEEING)
    found = read(path, SEEING, Choices(resize=True))[0].observation.values[CAMERA]
    assert found.shape == (3, SIZE, SIZE)
    assert (found == 200).all()


def test_another_rate_is_refused(tmp_path):
    said = refused(foreign(tmp_path / "set", [0, 1], [False, True], fps=30))
    assert "it has 30 frames a second; the robot makes 10 steps" in said


def test_missing_features_are_named_with_what_there_is(tmp_path):
    said = refused(foreign(tmp_path / "set", [0, 1], [False, True]), SEEING)
    assert f"it lacks {CAMERA} (it has action, " in said


def test_a_vector_of_another_size_is_named(tmp_path):
    said = refused(export(tmp_path / "set", STATES, episode()), PLAIN)
    assert "vectors observation.environment_state is missing here, there there" in said


def test_a_feature_of_another_name_can_be_renamed(tmp_path):
    path = foreign(
        tmp_path / "set",
        [0, 1],
        [False, True],
        picture=("image", (3, SIZE, SIZE)),
        pixels=np.zeros((3, SIZE, SIZE), np.uint8),
    )
    layout = panda_layout(environment_state=False, images={"eye": (3, SIZE, SIZE)})
    assert "it lacks observation.images.eye" in refused(path, layout)
    steps = read(path, layout, Choices(rename={CAMERA: "observation.images.eye"}))
    assert "observation.images.eye" in steps[0].observation.values


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ([0, 0, 1.5, 1], "episode 0, frame 0: action [0.0, 0.0, 1.5] lies outside [-1, 1]"),
        ([0, 0, 0, 0.4], "gripper class"),
    ],
)
def test_actions_that_are_not_in_the_policys_units_are_refused(tmp_path, action, said):
    path = foreign(tmp_path / "set", [0, 1], [False, True], change={"action": np.array(action, np.float32)})
    assert said in refused(path)


def test_a_dataset_of_an_older_version_is_refused_with_what_helps(tmp_path):
    path = foreign(tmp_path / "set", [0, 1], [False, True])
    info = json.loads((path / "meta" / "info.json").read_text())
    (path / "meta" / "info.json").write_text(json.dumps(info | {"codebase_version": "v2.1"}))
    assert "is a LeRobotDataset v2.1" in refused(path)


def test_a_folder_that_is_no_dataset_is_refused_and_left_empty(tmp_path):
    assert "is no LeRobotDataset" in refused(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_cut_table_is_named(tmp_path):
    path = foreign(tmp_path / "set", [0, 1], [False, True])
    (table,) = (path / "data").rglob("*.parquet")
    table.write_bytes(table.read_bytes()[:-40])
    assert "episode 0 of" in refused(path)
    assert "cannot be read" in refused(path)


def test_a_foreign_dataset_needs_a_layout(tmp_path):
    with pytest.raises(DatasetError, match="was not exported from here; say by --config"):
        Importer(foreign(tmp_path / "set", [0, 1], [False, True]), None, Choices())
