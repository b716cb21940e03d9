"""A ring of observations and steps in single arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hil_serl_ros.learning.layout import Layout

if TYPE_CHECKING:
    from hil_serl_ros.learning.replay import Step

NONE = -1


class Ring:
    """Rows of observations; a row may also be a step, sampleable once it knows the row of its next observation.

    An episode's final observation is a row of its own. Rows are overwritten oldest first; a step is older than
    its next observation, so it goes first and no step ever points to another episode's row.
    """

    def __init__(self, layout: Layout, capacity: int) -> None:
        self.capacity = capacity
        self.lost = 0
        self._names = list(layout.shapes())
        self._observations = {
            name: np.zeros((capacity, *shape), np.uint8 if name in layout.images else np.float32)
            for name, shape in layout.shapes().items()
        }
        self._columns = {
            "action": np.zeros((capacity, layout.action_size), np.float32),
            "reward": np.zeros(capacity, np.float32),
            "terminated": np.zeros(capacity, np.float32),
            "penalty": np.zeros(capacity, np.float32),
            "operator": np.zeros(capacity, np.float32),
        }
        self._next = np.full(capacity, NONE, np.int64)
        # Sampleable rows, dense: a draw is one integer. _place says where in it a row is.
        self._rows = np.zeros(capacity, np.int64)
        self._place = np.full(capacity, NONE, np.int64)
        self._count = 0
        self._head = 0
        # Per robot: its newest step that waits for its next observation: (row, episode, step).
        self._open: dict[str, tuple[int, int, int]] = {}

    def __len__(self) -> int:
        """Steps that can be sampled."""
        return self._count

    @property
    def waiting(self) -> int:
        """Steps whose next observation has not come yet."""
        return len(self._open)

    def add(self, step: Step) -> None:
        """Store a valid step; it closes its robot's step before it, if it follows that one."""
        row = self._claim(step.observation)
        self._finish(step, row)
        for key, value in (
            ("action", step.action),
            ("reward", step.reward),
            ("terminated", step.terminated),
            ("penalty", step.discrete_penalty),
            ("operator", step.intervention or step.demonstration),
        ):
            self._columns[key][row] = value
        if step.final_observation is None:
            self._open[step.robot] = (row, step.episode, step.step)
        else:
            # The claim may overwrite this very row in a ring of one.
            self._link(row, self._claim(step.final_observation))

    def close(self, step: Step) -> None:
        """Store only the observation of ``step``, and only where a stored step waits for it."""
        if step.robot in self._open:
            if self._follows(step):
                self._finish(step, self._claim(step.observation))
            else:
                self._drop(step.robot)

    def _follows(self, step: Step) -> bool:
        _, episode, number = self._open[step.robot]
        return step.episode == episode and step.step == number + 1

    def _finish(self, step: Step, row: int) -> None:
        if step.robot not in self._open:
            return
        if self._follows(step):
            self._link(self._open.pop(step.robot)[0], row)
        else:
            self._drop(step.robot)

    def _drop(self, robot: str) -> None:
        del self._open[robot]
        self.lost += 1

    def _claim(self, observation: dict[str, np.ndarray]) -> int:
        row, self._head = self._head, (self._head + 1) % self.capacity
        self._unlink(row)
        for robot in [name for name, (waiting, _, _) in self._open.items() if waiting == row]:
            self._drop(robot)
        for name in self._names:
            self._observations[name][row] = observation[name]
        return row

    def _link(self, row: int, following: int) -> None:
        self._next[row] = following
        self._place[row] = self._count
        self._rows[self._count] = row
        self._count += 1

    def _unlink(self, row: int) -> None:
        place = self._place[row]
        if place == NONE:
            return
        self._count -= 1
        last = self._rows[self._count]
        self._rows[place] = last
        self._place[last] = place
        self._place[row] = self._next[row] = NONE

    def draw(self, count: int, random: np.random.Generator) -> np.ndarray:
        """``count`` sampleable rows with replacement, int64.

        Raises:
            ValueError: there are none.
        """
        if self._count == 0:
            raise ValueError("there is no step to sample")
        return self._rows[random.integers(0, self._count, count)]

    def gather(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Columns of the steps in ``rows``: features, ``next.`` features, and the columns of ``__init__``."""
        following = self._next[rows]
        out = {name: array[rows] for name, array in self._observations.items()}
        out |= {f"next.{name}": array[following] for name, array in self._observations.items()}
        return out | {name: array[rows] for name, array in self._columns.items()}

    def sampleable(self) -> np.ndarray:
        """All sampleable rows, oldest order not kept."""
        return self._rows[: self._count].copy()
