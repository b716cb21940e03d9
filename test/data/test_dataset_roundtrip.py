"""Steps to a LeRobotDataset and back: numbers exactly, pictures exactly as PNG and nearly as video."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lerobot.datasets import video_utils
from lerobot.datasets.video_utils import StreamingVideoEncoder
from made_episodes import PICTURES, SIZE, STATES, episode, export, same

from hil_serl_ros.data import dataset_speed
from hil_serl_ros.data.dataset_episodes import Episode
from hil_serl_ros.data.dataset_features import DatasetError
from hil_serl_ros.data.dataset_import import Choices, Importer
from hil_serl_ros.data.dataset_step import COLLECT, DEMONSTRATE, TRAIN, DatasetStep
from hil_serl_ros.data.dataset_writer import new_dataset
from hil_serl_ros.learning.layout import IMAGE_PREFIX, Layout, panda_layout

FRONT = f"{IMAGE_PREFIX}front"


def imported(path: Path) -> list[DatasetStep]:
    importer = Importer(path, None, Choices())
    return [step for position in range(importer.count) for step in importer.steps(position, 0, "other")]


@st.composite
def recordings(draw: st.DrawFn) -> tuple[Layout, list[DatasetStep]]:
    """A few episodes of any mode and ending, some of them paused."""
    layout = draw(st.sampled_from([STATES, PICTURES]))
    steps: list[DatasetStep] = []
    for number in range(draw(st.integers(1, 3))):
        mode = draw(st.sampled_from([DEMONSTRATE, TRAIN, COLLECT]))
        start = 0
        if draw(st.booleans()):
            start = draw(st.integers(1, 3))
            steps += episode(layout, number=number, length=start, index=len(steps), ends="cut", mode=mode)
        ends = draw(st.sampled_from(["success", "failure", "cut", "again"]))
        length, seed = draw(st.integers(1, 6)), draw(st.integers(0, 99))
        steps += episode(
            layout, number=number, length=length, index=len(steps), start=start, ends=ends, mode=mode, seed=seed
        )
    return layout, steps


@settings(max_examples=20)
@given(recordings())
def test_what_was_recorded_comes_back_exactly(tmp_path_factory, recording):
    layout, steps = recording
    back = imported(export(tmp_path_factory.mktemp("sets") / "set", layout, steps))
    assert len(back) == len(steps)
    assert all(same(one, other) for one, other in zip(steps, back, strict=True))


def test_pictures_come_back_as_video_within_what_the_codec_loses(tmp_path):
    steps = [*episode(PICTURES, length=1), *episode(PICTURES, number=1, length=17, index=1)]
    back = imported(export(tmp_path / "set", PICTURES, steps, videos=True))
    assert len(back) == len(steps)
    for one, other in zip(steps, back, strict=True):
        assert np.array_equal(one.action, other.action)
        assert one.observation.stamp == other.observation.stamp
        for name in PICTURES.images:
            # Each frame is 7 grey levels off the one before: a frame out of place would show.
            error = one.observation.values[name].astype(float) - other.observation.values[name]
            assert np.abs(error).mean() < 2.5
    finals = [(one.final, other.final) for one, other in zip(steps, back, strict=True) if one.final]
    assert all(np.array_equal(a.values[FRONT], b.values[FRONT]) for a, b in finals if a and b)
    assert len(finals) == 2


def test_no_frame_is_dropped_however_late_the_encoder_is(tmp_path, monkeypatch):
    whole, finish = threading.Event(), StreamingVideoEncoder.finish_episode
    run = video_utils._CameraEncoderThread.run

    def late(self: threading.Thread) -> None:
        whole.wait(10)
        run(self)

    def finished(self: StreamingVideoEncoder) -> dict:
        whole.set()
        return finish(self)

    monkeypatch.setattr(video_utils._CameraEncoderThread, "run", late)
    monkeypatch.setattr(StreamingVideoEncoder, "finish_episode", finished)
    steps = episode(PICTURES, length=32)
    back = imported(export(tmp_path / "set", PICTURES, steps, videos=True))
    last = back[-1].observation.values[FRONT].astype(float)
    assert np.abs(last - steps[-1].observation.values[FRONT]).mean() < 2.5


def test_stock_lerobot_opens_it_offline(tmp_path):
    from lerobot.datasets import LeRobotDataset

    steps = [*episode(PICTURES, length=5), *episode(PICTURES, number=1, index=5, ends="cut")]
    path = export(tmp_path / "set", PICTURES, steps, videos=True)
    dataset = LeRobotDataset("set", root=path, video_backend="pyav")
    assert (dataset.num_episodes, len(dataset), dataset.fps) == (2, 9, 10)
    assert dataset.meta.robot_type == "panda"
    item = dataset[4]
    assert item[FRONT].shape == (3, SIZE, SIZE)
    assert item["task"] == "pick_cube"
    assert item["next.done"].item()
    assert item["next.terminated"].item()
    assert not item["next.truncated"].item()
    assert dataset[8]["next.truncated"].item()
    assert not dataset[8]["next.terminated"].item()
    assert np.array_equal(item["action"].numpy(), steps[4].action)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's, when lerobot.rl is imported
def test_lerobots_own_replay_takes_interventions_and_penalties_from_it(tmp_path):
    from lerobot.datasets import LeRobotDataset
    from lerobot.rl.buffer import ReplayBuffer

    steps = episode(STATES, length=6)
    dataset = LeRobotDataset("set", root=export(tmp_path / "set", STATES, steps))
    buffer = ReplayBuffer.from_lerobot_dataset(
        dataset, device="cpu", state_keys=["observation.state"], capacity=6, use_drq=False, optimize_memory=True
    )
    assert buffer.complementary_info["is_intervention"].bool().tolist() == [step.intervention for step in steps]
    assert buffer.complementary_info["discrete_penalty"].tolist() == [step.discrete_penalty for step in steps]
    assert buffer.dones.tolist() == [False] * 5 + [True]


def test_statistics_from_some_of_the_pixels_are_those_of_all(tmp_path, monkeypatch):
    steps = episode(PICTURES, length=12)
    found = []
    for rows in (SIZE, dataset_speed.ROWS):
        monkeypatch.setattr(dataset_speed, "ROWS", rows)
        path = export(tmp_path / str(rows), PICTURES, steps, videos=True)
        found.append(json.loads((path / "meta" / "stats.json").read_text())[FRONT])
    exact, sparse = found
    assert exact["count"] == [12 * SIZE * SIZE]
    assert sparse["count"][0] < exact["count"][0] / 3
    for name in ("mean", "std", "q10", "q90"):
        assert np.allclose(exact[name], sparse[name], atol=0.02), name


def test_an_interrupted_export_leaves_nothing(tmp_path):
    def interrupted() -> None:
        with new_dataset(tmp_path / "set", PICTURES, robot="panda", videos=True) as writer:
            writer.add(Episode([episode(PICTURES)]))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_an_export_of_nothing_leaves_nothing(tmp_path):
    with (
        pytest.raises(DatasetError, match="no episode to export"),
        new_dataset(tmp_path / "set", STATES, robot="panda", videos=False),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_rate_that_a_dataset_cannot_say_is_refused(tmp_path):
    layout = panda_layout(control_period=0.15)
    with (
        pytest.raises(DatasetError, match=r"whole number of frames a second; this robot makes 6\.667"),
        new_dataset(tmp_path / "set", layout, robot="panda", videos=False),
    ):
        pass
    assert list(tmp_path.iterdir()) == []
