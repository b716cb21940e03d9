"""What the episode loop does next, and what it has done: modes, episodes and steps."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from hil_serl_ros.msg import ActorStatus

IDLE, DEMONSTRATE = ActorStatus.MODE_IDLE, ActorStatus.MODE_DEMONSTRATE
TRAIN, EVALUATE = ActorStatus.MODE_TRAIN, ActorStatus.MODE_EVALUATE
ENDLESS = 2**62


@dataclass(frozen=True)
class Progress:
    """One episode done in ``mode``."""

    mode: int
    success: bool


class Schedule:
    """Demonstrate, train, evaluate, in that order; a request replaces what is left.

    Args:
        demonstrations: successful demonstrations to record first.
        train_steps: steps of the robot in all, demonstrations included, until which to train then.
        evaluate_episodes: greedy episodes at the end.
    """

    def __init__(self, demonstrations: int, train_steps: int, evaluate_episodes: int) -> None:
        self.interrupted = False
        self._demonstrations = demonstrations
        self._train_steps = train_steps
        self._evaluations = evaluate_episodes
        self._train_episodes = ENDLESS
        self._more_steps = 0  # asked for by a request, from the next look on

    def ask(self, mode: int, episodes: int, steps: int) -> None:
        """Do ``episodes`` in ``mode`` (0: no limit), training ``steps`` more steps (0: no limit); cut the present one.

        Raises:
            ValueError: an unknown mode.
        """
        if mode not in (IDLE, DEMONSTRATE, TRAIN, EVALUATE):
            raise ValueError(f"mode {mode} is unknown; 0 is idle, 1 demonstrate, 2 train, 3 evaluate")
        many = episodes or ENDLESS
        self._demonstrations = many if mode == DEMONSTRATE else 0
        self._evaluations = many if mode == EVALUATE else 0
        self._train_steps = 0
        self._train_episodes = many
        self._more_steps = (steps or ENDLESS) if mode == TRAIN else 0
        self.interrupted = True

    def mode(self, robot_steps: int) -> int:
        """What to do next after ``robot_steps`` of demonstrations and training."""
        self.interrupted = False
        if self._more_steps:
            self._train_steps, self._more_steps = robot_steps + self._more_steps, 0
        if self._demonstrations > 0:
            return DEMONSTRATE
        if robot_steps < self._train_steps and self._train_episodes > 0:
            return TRAIN
        return EVALUATE if self._evaluations > 0 else IDLE

    def done(self, progress: Progress) -> None:
        """Count one finished episode; a demonstration that failed does not count, nor one that a request cut."""
        if self.interrupted:
            return
        if progress.mode == DEMONSTRATE:
            self._demonstrations -= progress.success
        elif progress.mode == TRAIN:
            self._train_episodes -= 1
        elif progress.mode == EVALUATE:
            self._evaluations -= 1


class Tally:
    """Counts of episodes and the operator's steps that outlive the actor's process.

    Saved when an episode begins, so that a restart never uses an episode's number or seed twice.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._episodes = {str(mode): 0 for mode in (DEMONSTRATE, TRAIN, EVALUATE)}
        self.total = -1  # number of the present episode among demonstrations and training
        self.operator_steps = 0
        self.demonstrations = 0  # that succeeded
        if path.exists():
            saved = json.loads(path.read_text())
            # Evaluation begins anew, on the seeds that every evaluation has.
            self._episodes, self.total = saved["episodes"] | {str(EVALUATE): 0}, saved["total"]
            self.operator_steps, self.demonstrations = saved["operator_steps"], saved["demonstrations"]

    def begin(self, mode: int) -> int:
        """Begin an episode in ``mode``; its number among those of the mode, from 0."""
        number = self._episodes[str(mode)]
        self._episodes[str(mode)] += 1
        if mode != EVALUATE:
            self.total += 1
        self.save()
        return number

    def save(self) -> None:
        """Write the counts, whole or not at all."""
        data = {"episodes": self._episodes, "total": self.total}
        data |= {"operator_steps": self.operator_steps, "demonstrations": self.demonstrations}
        part = self._path.with_suffix(".part")
        part.write_text(json.dumps(data))
        os.replace(part, self._path)
