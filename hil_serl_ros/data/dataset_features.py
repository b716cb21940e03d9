"""The columns of a LeRobotDataset that holds our steps, by the names that lerobot 0.6.1 reads and writes itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from hil_serl_ros.data.dataset_step import DatasetStep
from hil_serl_ros.learning.layout import Layout

ACTION = "action"
REWARD = "next.reward"
DONE = "next.done"
SUCCESS = "next.success"
TERMINATED = "next.terminated"  # ours: lerobot knows only `next.done`
TRUNCATED = "next.truncated"
# lerobot's RL replay takes every column with this prefix along.
INTERVENTION = "complementary_info.is_intervention"
PENALTY = "complementary_info.discrete_penalty"


class DatasetError(ValueError):
    """A dataset that cannot be written or read; the message is one sentence that names the place."""


def features(layout: Layout, *, videos: bool) -> dict[str, dict[str, Any]]:
    """lerobot's description of the columns.

    Args:
        layout: what is observed and done.
        videos: pictures are in video files, else PNG in the table.
    """
    columns: dict[str, dict[str, Any]] = {}
    for name, vector in layout.vectors.items():
        columns[name] = {"dtype": "float32", "shape": (vector.size,), "names": list(vector.names)}
    for name, (channels, height, width) in layout.images.items():
        kind = "video" if videos else "image"
        columns[name] = {"dtype": kind, "shape": (height, width, channels), "names": ["height", "width", "channels"]}
    columns[ACTION] = {
        "dtype": "float32",
        "shape": (layout.action_size,),
        "names": [*(f"delta_{name}" for name in layout.continuous), "gripper"],
    }
    for name in (REWARD, PENALTY):
        columns[name] = {"dtype": "float32", "shape": (1,), "names": None}
    for name in (DONE, SUCCESS, TERMINATED, TRUNCATED, INTERVENTION):
        columns[name] = {"dtype": "bool", "shape": (1,), "names": None}
    return columns


def frame_of(step: DatasetStep) -> dict[str, np.ndarray]:
    """The row of one step: its observation, what was done, and what came of it."""

    def flag(value: bool) -> np.ndarray:
        return np.array([value], bool)

    return {
        **{k: v.transpose(1, 2, 0) if v.ndim == 3 else v for k, v in step.observation.values.items()},
        ACTION: step.action,
        REWARD: np.array([step.reward], np.float32),
        PENALTY: np.array([step.discrete_penalty], np.float32),
        DONE: flag(step.terminated or step.truncated),
        SUCCESS: flag(step.success),
        TERMINATED: flag(step.terminated),
        TRUNCATED: flag(step.truncated),
        INTERVENTION: flag(step.intervention),
    }


def frames_per_second(layout: Layout) -> int:
    """The rate of a dataset of ``layout``.

    Raises:
        DatasetError: the rate is no whole number, which LeRobotDataset cannot say.
    """
    rate = 1.0 / layout.control_period
    if abs(rate - round(rate)) > 1e-6:
        raise DatasetError(f"a LeRobotDataset has a whole number of frames a second; this robot makes {rate:.3f} steps")
    return round(rate)
