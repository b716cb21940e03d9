"""A ring of steps that refer to observations in a store."""

from __future__ import annotations

import numpy as np

from hil_serl_ros.learning.layout import Layout
from hil_serl_ros.learning.step import Step
from hil_serl_ros.learning.store import Store

NONE = -1


class Ring:
    """Steps, sampleable once they know the row of their next observation; the oldest are overwritten first."""

    def __init__(self, layout: Layout, capacity: int, store: Store) -> None:
        self.capacity = capacity
        self.lost = 0
        self._store = store
        self._columns = {
            "action": np.zeros((capacity, layout.action_size), np.float32),
            "reward": np.zeros(capacity, np.float32),
            "terminated": np.zeros(capacity, np.float32),
            "penalty": np.zeros(capacity, np.float32),
            "operator": np.zeros(capacity, np.float32),
        }
        self._row = np.full(capacity, NONE, np.int64)
        self._next = np.full(capacity, NONE, np.int64)
        # Sampleable steps, dense: a draw is one integer. _place says where in it a step is.
        self._steps = np.zeros(capacity, np.int64)
        self._place = np.full(capacity, NONE, np.int64)
        self._count = 0
        self._head = 0
        self._tail = 0  # the oldest step, which goes first
        self._used = 0
        # Per robot: its newest step that waits for its next observation: (place, episode, step).
        self._open: dict[str, tuple[int, int, int]] = {}

    def __len__(self) -> int:
        """Steps that can be sampled."""
        return self._count

    @property
    def used(self) -> int:
        """Steps that are kept, those that wait for their next observation included."""
        return self._used

    @property
    def nbytes(self) -> int:
        """Memory of the ring's own arrays."""
        arrays: list[np.ndarray] = [*self._columns.values(), self._row, self._next, self._steps, self._place]
        return sum(array.nbytes for array in arrays)

    @property
    def waiting(self) -> int:
        """Steps whose next observation has not come yet."""
        return len(self._open)

    def add(self, step: Step, row: int) -> int:
        """Store a valid step whose observation is in ``row``; it closes its robot's step before it.

        Returns:
            The place of the step, for ``finish``.
        """
        self.follow(step, row)
        if self._used == self.capacity:
            self.drop_oldest()
        place, self._head = self._head, (self._head + 1) % self.capacity
        self._used += 1
        self._row[place] = row
        self._store.hold(row)
        for key, value in (
            ("action", step.action),
            ("reward", step.reward),
            ("terminated", step.terminated),
            ("penalty", step.discrete_penalty),
            ("operator", step.intervention or step.demonstration),
        ):
            self._columns[key][place] = value
        self._open[step.robot] = (place, step.episode, step.step)
        return place

    def follow(self, step: Step, row: int) -> None:
        """Let the robot's waiting step know that its next observation is in ``row``, if ``step`` follows it."""
        if step.robot not in self._open:
            return
        place, episode, number = self._open.pop(step.robot)
        if step.episode == episode and step.step == number + 1:
            self._link(place, row)
        else:
            self.lost += 1

    def finish(self, step: Step, row: int) -> None:
        """The episode ended with ``step``, stored last: its next observation is in ``row``."""
        if step.robot in self._open:
            self._link(self._open.pop(step.robot)[0], row)

    def drop_oldest(self) -> None:
        """Forget the oldest step and let go of its observations."""
        place, self._tail = self._tail, (self._tail + 1) % self.capacity
        self._used -= 1
        for robot in [name for name, (waiting, _, _) in self._open.items() if waiting == place]:
            del self._open[robot]
            self.lost += 1
        position = self._place[place]
        if position != NONE:
            self._count -= 1
            last = self._steps[self._count]
            self._steps[position] = last
            self._place[last] = position
            self._place[place] = NONE
        for rows in (self._row, self._next):
            if rows[place] != NONE:
                self._store.release(int(rows[place]))
                rows[place] = NONE

    def _link(self, place: int, following: int) -> None:
        self._next[place] = following
        self._store.hold(following)
        self._place[place] = self._count
        self._steps[self._count] = place
        self._count += 1

    def draw(self, count: int, random: np.random.Generator) -> np.ndarray:
        """``count`` sampleable steps with replacement, int64.

        Raises:
            ValueError: there are none.
        """
        if self._count == 0:
            raise ValueError("there is no step to sample")
        return self._steps[random.integers(0, self._count, count)]

    def rows(self, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows in the store of the steps' observations and of the next ones."""
        return self._row[steps], self._next[steps]

    def gather(self, steps: np.ndarray) -> dict[str, np.ndarray]:
        """Columns of the steps: those of ``__init__``."""
        return {name: array[steps] for name, array in self._columns.items()}

    def sampleable(self) -> np.ndarray:
        """All sampleable steps, oldest order not kept."""
        return self._steps[: self._count].copy()
