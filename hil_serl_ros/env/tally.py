"""Counts of episodes that outlive the actor's process."""

from __future__ import annotations

import json
import os
from pathlib import Path

from hil_serl_ros.env.modes import EVALUATE, NAMES, RECORDED


class Tally:
    """Counts of episodes and the operator's steps that outlive the actor's process.

    Saved when an episode begins, so that a restart never uses an episode's number or seed twice.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._episodes = {str(mode): 0 for mode in NAMES}
        self.total = -1  # number of the present episode among those that are recorded
        self.operator_steps = 0
        self.demonstrations = 0  # that succeeded
        if path.exists():
            saved = json.loads(path.read_text())
            # Evaluation begins anew, on the seeds that every evaluation has.
            self._episodes |= saved["episodes"] | {str(EVALUATE): 0}
            self.total = saved["total"]
            self.operator_steps, self.demonstrations = saved["operator_steps"], saved["demonstrations"]

    def of(self, mode: int) -> int:
        """Episodes begun in ``mode``."""
        return self._episodes[str(mode)]

    def begin(self, mode: int) -> int:
        """Begin an episode in ``mode``; its number among those of the mode, from 0."""
        number = self._episodes[str(mode)]
        self._episodes[str(mode)] += 1
        if mode in RECORDED:
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
