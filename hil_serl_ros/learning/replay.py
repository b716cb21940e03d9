"""Replay memory: each observation stored once, a transition sampleable as soon as its next observation is there."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from hil_serl_ros.learning.layout import Layout
from hil_serl_ros.learning.losses import Batch
from hil_serl_ros.learning.normalization import Normalizer
from hil_serl_ros.learning.ring import Ring
from hil_serl_ros.learning.settings import LearnerSettings


@dataclasses.dataclass(frozen=True)
class Step:
    """One executed step of one robot, as its message says.

    ``observation`` is before the action: float32 vectors and uint8 images (channels, height, width) by feature
    name, in the robot's own units. ``action`` is float32, each continuous element in [-1, 1], then the gripper
    class. ``final_observation`` is after the action and only where the episode ends.
    """

    index: int
    episode: int
    step: int
    observation: dict[str, np.ndarray]
    action: np.ndarray
    reward: float
    terminated: bool
    truncated: bool
    intervention: bool = False
    demonstration: bool = False
    discrete_penalty: float = 0.0
    final_observation: dict[str, np.ndarray] | None = None
    robot: str = "robot"


def check_step(step: Step, layout: Layout) -> None:
    """Refuse a step that must not be learned from.

    Raises:
        ValueError: naming the fault.
    """
    layout.check_observation(step.observation)
    layout.check_action(step.action)
    if not (np.isfinite(step.reward) and np.isfinite(step.discrete_penalty)):
        raise ValueError(f"reward {step.reward} and penalty {step.discrete_penalty} must be finite")
    if step.discrete_penalty > 0:
        raise ValueError(f"the gripper's penalty {step.discrete_penalty} must not be above 0")
    if step.terminated and step.truncated:
        raise ValueError("a step cannot be both terminated and truncated")
    ends = step.terminated or step.truncated
    if ends != (step.final_observation is not None):
        raise ValueError(f"the final observation is {'missing' if ends else 'there though the episode goes on'}")
    if step.final_observation is not None:
        layout.check_observation(step.final_observation)


class Replay:
    """Online steps in one ring; demonstrations and interventions in another; batches half and half.

    Steps driven by the operator while training are in both, as in HIL-SERL.
    """

    def __init__(self, layout: Layout, settings: LearnerSettings) -> None:
        self.layout = layout
        self.settings = settings
        self.online = Ring(layout, settings.online_buffer_capacity)
        self.offline = Ring(layout, settings.offline_buffer_capacity)
        self.normalizer = Normalizer(layout, torch.device(settings.device))
        self.random = np.random.default_rng(settings.seed)

    def add(self, step: Step) -> None:
        """Take in a step, in the order in which its robot made it.

        Raises:
            ValueError: the step is malformed; nothing was stored.
        """
        check_step(step, self.layout)
        if not step.demonstration:
            self.online.add(step)
        if step.demonstration or step.intervention:
            self.offline.add(step)
        else:
            self.offline.close(step)

    @property
    def lost(self) -> int:
        """Online steps whose next observation never came; they are never sampled."""
        return self.online.lost

    def __len__(self) -> int:
        return len(self.online)

    def ready(self) -> bool:
        """There is something to learn from."""
        return len(self.online) + len(self.offline) > 0

    def sample(self) -> Batch:
        """A batch drawn with replacement; from one ring alone while the other is empty.

        Raises:
            ValueError: nothing to draw from.
        """
        rows = self.settings.batch_size
        offline = round(rows * self.settings.demonstration_share)
        if len(self.online) == 0:
            offline = rows
        elif len(self.offline) == 0:
            offline = 0
        parts = [
            ring.gather(ring.draw(count, self.random))
            for ring, count in ((self.online, rows - offline), (self.offline, offline))
            if count > 0
        ]
        return self._batch({key: np.concatenate([part[key] for part in parts]) for key in parts[0]})

    def _batch(self, columns: Mapping[str, np.ndarray]) -> Batch:
        tensors = {key: torch.from_numpy(value).to(self.settings.device) for key, value in columns.items()}
        observation, following = (
            self.normalizer({name: tensors[prefix + name] for name in self.layout.shapes()}) for prefix in ("", "next.")
        )
        action = tensors["action"]
        return Batch(
            observation=observation,
            next_observation=following,
            action=action[:, :-1].contiguous(),
            gripper=action[:, -1].long(),
            reward=tensors["reward"],
            terminated=tensors["terminated"],
            penalty=tensors["penalty"],
            operator=tensors["operator"],
        )

    def random_state(self) -> dict[str, Any]:
        """State of the sampler, plain numbers and strings."""
        return dict(self.random.bit_generator.state)

    def set_random_state(self, state: Mapping[str, Any]) -> None:
        """Go on sampling from a state that ``random_state`` gave."""
        self.random.bit_generator.state = dict(state)
