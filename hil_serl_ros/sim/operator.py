"""The scripted operator's brain: how to do a task, and when to take over from a policy that does not."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hil_serl_ros.settings import setting

STEP = 0.025  # m of the held target for a motion of 1
OPEN, KEEP, CLOSE = 0, 1, 2

AIMED = 0.008  # m between the held target and where it shall be
OVER = 0.03  # m beside an object at which the fingers start down around it, the target being aimed
GRASP = 0.022  # m above an object at which the fingers start to close, the target being at its height
NEAR = 0.035  # m beside an object at which lower flight hits nothing
HOVER = 0.05  # m above an object to fly to it
CARRY = 0.10  # m of flight above the floor with an object, over all others
HELD = 0.03  # m between tool and object in a closed gripper
PLACED = 0.03  # m of an object's centre from its goal's
RELEASE_STEPS = 2  # control periods that the fingers need to let go of an object that shall stay where it is


@dataclass(frozen=True)
class OperatorAction:
    """``delta`` (3,) in [-1, 1], each 1 a motion of 25 mm; ``gripper`` 0 open, 1 keep, 2 close."""

    delta: np.ndarray
    gripper: int


class Brain(Protocol):
    """Does one task; a task's entry in ``sim/tasks.py`` names its brain, which is made without arguments."""

    def reset(self) -> None:
        """Begin anew: nothing is remembered of the episode before."""

    def act(
        self, tool: np.ndarray, closure: float, objects: np.ndarray, goals: np.ndarray, held_target: np.ndarray
    ) -> OperatorAction:
        """The next motion and gripper command; arguments as ``Expert.act``'s."""


def towards(position: np.ndarray, held_target: np.ndarray, gripper: int) -> OperatorAction:
    """To ``position``, measured from the held target: the arm's lag is no reason to overshoot."""
    return OperatorAction(np.clip((position - held_target) / STEP, -1.0, 1.0), gripper)


class Expert:
    """Lifts the object, or with goals carries each object to its own, from any state that a policy may leave.

    For lifting it is a pure function of what it sees, so that a policy can learn it; for arranging it keeps
    in mind which object it is at and since when the fingers are open.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew: nothing is remembered of the episode before."""
        self._open_for = RELEASE_STEPS
        self._active = 0

    def act(
        self,
        tool: np.ndarray,
        closure: float,
        objects: np.ndarray,
        goals: np.ndarray,
        held_target: np.ndarray,
    ) -> OperatorAction:
        """The next motion and gripper command.

        Args:
            tool: (3,) m, the point between the fingers, in the base frame like all positions here.
            closure: of the gripper as commanded, 0 open to 1 closed.
            objects: (n, 3) m.
            goals: (n, 3) m, or (0, 3) where the task has no places.
            held_target: (3,) m, the target that the robot holds; the motion is added to it.
        """
        closed = closure > 0.5
        self._open_for = 0 if closed else self._open_for + 1
        index = self._next_object(objects, goals, closed)
        if index is None:
            # All done: leave upwards, so that nothing is knocked over.
            return towards(tool + np.array([0, 0, STEP]), held_target, OPEN)
        thing = objects[index]
        beside = float(np.linalg.norm((thing - tool)[:2]))
        holding = closed and beside < HELD and abs(thing[2] - tool[2]) < HELD
        if holding:
            return self._carry(tool, thing, goals[index] if len(goals) else None, held_target)
        if closed:
            # It closed on nothing: open, and go up before going on.
            return towards(
                np.array([tool[0], tool[1], max(tool[2], thing[2] + HOVER)]),
                held_target,
                OPEN,
            )
        if self._open_for < RELEASE_STEPS and len(goals):
            return towards(held_target, held_target, KEEP)
        return self._reach(tool, thing, beside, held_target, neighbours=len(goals) > 0)

    def _reach(
        self, tool: np.ndarray, thing: np.ndarray, beside: float, held_target: np.ndarray, neighbours: bool
    ) -> OperatorAction:
        """Fly over the object, go down around it, close."""
        above = tool[2] - thing[2]
        aimed = float(np.linalg.norm((thing - held_target)[:2])) < AIMED
        if aimed and beside < OVER:
            # The arm lags behind its target by a step: what is aimed at the object gets there while it goes down.
            grasped = above < GRASP and abs(held_target[2] - thing[2]) < AIMED
            return towards(thing, held_target, CLOSE if grasped else KEEP)
        # Neighbours are flown over; alone, an object is approached the short way.
        clear = thing[2] + (CARRY if neighbours and beside > 2 * NEAR else HOVER)
        if beside > NEAR and above < HOVER * 0.6:
            return towards(np.array([tool[0], tool[1], clear]), held_target, KEEP)
        return towards(np.array([thing[0], thing[1], clear]), held_target, KEEP)

    def _carry(
        self,
        tool: np.ndarray,
        thing: np.ndarray,
        goal: np.ndarray | None,
        held_target: np.ndarray,
    ) -> OperatorAction:
        if goal is None:
            # Lifted at once: to wait for the fingers, which nothing observed tells, could not be learned.
            return towards(tool + np.array([0, 0, 2 * STEP]), held_target, KEEP)
        offset = (goal - thing)[:2]
        if np.linalg.norm(offset) > 0.012:
            if thing[2] < CARRY - 0.03:
                return towards(np.array([tool[0], tool[1], tool[2] + 2 * STEP]), held_target, KEEP)
            return towards(
                np.array([tool[0] + offset[0], tool[1] + offset[1], CARRY]),
                held_target,
                KEEP,
            )
        if thing[2] > 0.024:
            down = np.array([tool[0] + offset[0], tool[1] + offset[1], tool[2] - (thing[2] - 0.02)])
            return towards(down, held_target, KEEP)
        return towards(held_target, held_target, OPEN)

    def _next_object(self, objects: np.ndarray, goals: np.ndarray, closed: bool) -> int | None:
        if not len(goals):
            return 0
        missing = np.linalg.norm(objects - goals, axis=1) >= PLACED
        if self._active < len(missing) and missing[self._active]:
            return self._active
        if closed and self._active < len(missing):
            # Placed but still gripped: let go of it first.
            return self._active
        if not missing.any():
            return None
        self._active = int(np.argmax(missing))
        return self._active


@dataclass
class TakeoverSettings:
    patience: int = setting(
        25,
        "Steps of the policy without success before the operator may take over.",
        unit="steps",
        minimum=0,
        dynamic=True,
    )
    least_probability: float = setting(
        0.1,
        "Probability of taking over in a stalled episode when the policy always succeeds.",
        minimum=0.0,
        maximum=1.0,
        dynamic=True,
    )
    window: int = setting(20, "Recent episodes whose success rate counts.", unit="episodes", minimum=1)
    budget: int = setting(
        1000, "Steps that the operator gives at most in training.", unit="steps", minimum=0, dynamic=True
    )
    only_when_called: bool = setting(
        False, "Take over when the policy asks for help, and hand back when it does no more; watch for nothing else."
    )
    least_help: int = setting(3, "Steps that a called operator drives at least.", unit="steps", minimum=1, dynamic=True)


class TakeoverRule:
    """Takes over when the policy stalls, and less as it succeeds by itself.

    In each episode the operator decides by chance, with probability one minus the recent success rate of
    unaided episodes, whether to help; helping begins after ``patience`` steps and lasts to the episode's end,
    or until the budget is spent. The same seed and history give the same decisions.
    """

    def __init__(self, settings: TakeoverSettings, seed: int) -> None:
        self.settings = settings
        self.driving = False
        self._random = np.random.default_rng(seed)
        self._alone: deque[bool] = deque(maxlen=settings.window)
        self._willing = False
        self._steps = 0
        self._given = 0
        self._driven = 0
        self._began = False
        self._helped = False

    def begin(self, succeeded: bool) -> None:
        """A training episode begins; ``succeeded`` is how the one before ended."""
        if self._began:
            self._alone.append(succeeded and not self._helped)
        rate = sum(self._alone) / len(self._alone) if self._alone else 0.0
        # Drawn in every episode, so that the stream does not depend on history.
        self._willing = bool(self._random.random() < max(self.settings.least_probability, 1.0 - rate))
        self.driving = self._helped = False
        self._steps = 0
        self._began = True

    def update(self, called: bool = False) -> bool:
        """One step of the policy's episode has come: whether the operator drives it. ``called``: it asked for help."""
        if self.settings.only_when_called:
            self._driven = self._driven + 1 if self.driving else 0
            still = self.driving and self._driven < self.settings.least_help
            self.driving = (called or still) and self._given < self.settings.budget
            self._given += self.driving
            return self.driving
        stalled = self._steps >= self.settings.patience
        self.driving = self._willing and stalled and self._given < self.settings.budget
        self._helped = self._helped or self.driving
        self._steps += 1
        self._given += self.driving
        return self.driving
