"""What the scripted operator shows to the reward classifier: the task done, nearly done and not done."""

from __future__ import annotations

import numpy as np

from hil_serl_ros.sim.operator import HELD, KEEP, STEP, Expert, OperatorAction
from hil_serl_ros.sim.tasks import Task

DONE, STOPPED, BESIDE, WANDER = "done", "stopped", "beside", "wander"
# In this order, so that any few episodes have each kind; a third shows success.
KINDS = (DONE, STOPPED, BESIDE, DONE, STOPPED, WANDER)
HELD_ABOVE = (0.14, 0.28)  # m of the held target between which a lifted object is shown, clear of the limit of success
STOPPED_BELOW = 0.07  # m of the held target up to which an object is moved about where it is not to be a success


class Examples:
    """Hands that show one kind of example an episode, the same for the same seed and episode.

    ``done``: the task, and then its result from all sides. ``stopped``: the task broken off, the object perhaps
    in the gripper, never high. ``beside``: all the motions of the task next to the object, so that the arm's
    posture says nothing. ``wander``: anywhere.
    """

    def __init__(self, task: Task) -> None:
        self._expert = task.brain()
        self._lifts = isinstance(self._expert, Expert) and not task.goals
        self.begin(0, 0)

    def begin(self, seed: int, episode: int) -> None:
        """Choose what to show in ``episode``."""
        self._random = np.random.default_rng([seed, episode, 4])
        self.kind = KINDS[episode % len(KINDS)]
        self._expert.reset()
        self._steps = 0
        self._break_off = int(self._random.integers(6, 16))
        angle = self._random.uniform(0, 2 * np.pi)
        self._offset = 0.07 * np.array([np.cos(angle), np.sin(angle), 0.0])
        self._drift: np.ndarray = np.zeros(3)

    def act(
        self, tool: np.ndarray, closure: float, objects: np.ndarray, goals: np.ndarray, held_target: np.ndarray
    ) -> OperatorAction:
        """The next motion and gripper command; arguments as ``Expert.act``'s."""
        self._steps += 1
        if self.kind == WANDER:
            return OperatorAction(
                self._wandering(held_target, 0.02, 0.30), int(self._random.choice(3, p=(0.1, 0.8, 0.1)))
            )
        if self.kind == BESIDE:
            imagined = objects + self._offset
            near = np.linalg.norm(imagined[:, :2] - tool[:2], axis=1) < HELD
            imagined[near & (closure > 0.5), 2] = tool[2]  # as if it came along in the closed fingers
            return self._expert.act(tool, closure, imagined, goals, held_target)
        if self.kind == STOPPED and self._steps > self._break_off:
            return OperatorAction(self._wandering(held_target, 0.02, STOPPED_BELOW), KEEP)
        action = self._expert.act(tool, closure, objects, goals, held_target)
        low, high = HELD_ABOVE
        if self._lifts and held_target[2] >= low and closure > 0.5:
            return OperatorAction(self._wandering(held_target, low, high), KEEP)
        if self.kind == STOPPED and self._lifts and held_target[2] >= STOPPED_BELOW and closure > 0.5:
            return OperatorAction(self._wandering(held_target, 0.02, STOPPED_BELOW), KEEP)
        return action

    def _wandering(self, held_target: np.ndarray, low: float, high: float) -> np.ndarray:
        """A smooth random motion (3,) in [-1, 1] that keeps the target's height from ``low`` to ``high`` m."""
        self._drift = 0.7 * self._drift + self._random.normal(0, 0.5, 3)
        # Back to the middle of the table, not to its edge.
        middle = (np.array([0.4, 0.0]) - held_target[:2]) / 0.2
        delta = np.clip(self._drift + np.array([*(0.5 * middle), 0.0]), -1, 1)
        height = np.clip(held_target[2] + STEP * delta[2], low, high)
        delta[2] = np.clip((height - held_target[2]) / STEP, -1, 1)
        return delta
