"""One executed step with all that its message says, as a dataset keeps it."""

from __future__ import annotations

import dataclasses

import numpy as np

from hil_serl_ros.learning.layout import Layout
from hil_serl_ros.learning.step import Step, check_step

DEMONSTRATE, TRAIN, COLLECT = 1, 2, 4  # Transition.MODE_*
MODES = {"demonstrate": DEMONSTRATE, "train": TRAIN, "collect": COLLECT}


@dataclasses.dataclass(frozen=True)
class Seen:
    """An observation and its stamps.

    ``values`` are float32 vectors and uint8 images (channels, height, width) by lerobot's feature name; stamps are
    ns. ``image_stamps`` and ``image_frames`` are those of the cameras' pictures, by feature name.
    """

    values: dict[str, np.ndarray]
    stamp: int = 0
    frame: str = ""
    sequence: int = 0
    epoch: int = 0
    image_stamps: dict[str, int] = dataclasses.field(default_factory=dict)
    image_frames: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class DatasetStep:
    """One step; the fields are those of ``Transition.msg``. ``sent`` is ns of the wall clock."""

    robot: str
    run: str
    index: int
    episode: int
    step: int
    layout: str
    mode: int
    observation: Seen
    action: np.ndarray
    reward: float
    discrete_penalty: float
    terminated: bool
    truncated: bool
    discarded: bool
    success: bool
    intervention: bool
    weights_version: int
    seed: int
    sent: int
    final: Seen | None

    def follows(self, before: DatasetStep) -> bool:
        """This is the step after ``before`` and begins in the observation that ``before`` led to."""
        same = (self.robot, self.run, self.episode) == (before.robot, before.run, before.episode)
        open_ = not (before.terminated or before.truncated)
        return same and open_ and (self.index, self.step) == (before.index + 1, before.step + 1)


def check(step: DatasetStep, layout: Layout, layout_hash: str) -> None:
    """Refuse a step that is not of ``layout``, whose hash is given since it takes its time.

    Raises:
        ValueError: naming the fault.
    """
    if step.layout != layout_hash:
        raise ValueError("it was recorded with another layout (task, features, units or rate)")
    check_step(
        Step(
            index=step.index,
            episode=step.episode,
            step=step.step,
            observation=step.observation.values,
            action=step.action,
            reward=step.reward,
            terminated=step.terminated,
            truncated=step.truncated,
            discrete_penalty=step.discrete_penalty,
            final_observation=step.final.values if step.final is not None else None,
        ),
        layout,
    )
