"""One executed step of a robot, and what makes it fit to be learned from."""

from __future__ import annotations

import dataclasses

import numpy as np

from hil_serl_ros.learning.layout import Layout


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

    @property
    def outcome_known(self) -> bool:
        """False where the robot died in the step: the episode ends, and nothing was observed after it."""
        return self.final_observation is not None or not self.truncated


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
