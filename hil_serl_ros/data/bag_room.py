"""How much may still be recorded: a run's budget, and what the disk must keep free."""

from __future__ import annotations

import shutil
from pathlib import Path

from hil_serl_ros.data.bags import BAGS, DISCARDED, delete, folders, size_of

GB = 1e9  # bytes


class Room:
    """The room of the bags in ``run``.

    Args:
        run: folder of the run.
        budget: bytes that all bags of the run may have together.
        least_free: bytes of the disk that are left free.
    """

    def __init__(self, run: Path, budget: float, least_free: float) -> None:
        self._run, self._budget, self._least_free = run, budget, least_free
        self.used = self._sum()
        self.deleted = 0  # discarded bags that had to go

    def _sum(self) -> int:
        return sum(map(size_of, folders(self._run)))

    def refusal(self, writing: int) -> str:
        """Why nothing more is recorded, one sentence; empty: there is room. ``writing`` bytes are in open bags.

        The oldest discarded bags are deleted before the budget ends the recording.
        """
        free = shutil.disk_usage(self._run).free
        if free < self._least_free:
            return (
                f"the disk of {self._run} has {free / GB:.1f} GB left, and {self._least_free / GB:g} GB stay free: "
                "episodes are not recorded any more; the run goes on"
            )
        if self.used + writing <= self._budget:
            return ""
        self.used = self._sum()  # someone may have deleted some; the open ones are in it
        for path in folders(self._run):
            if self.used <= self._budget:
                return ""
            if path.parent.name == DISCARDED:
                self.used -= delete(path)
                self.deleted += 1
        if self.used <= self._budget:
            return ""
        return (
            f"the bags in {self._run / BAGS} have {self.used / GB:.1f} GB, their disk_budget is "
            f"{self._budget / GB:g} GB: episodes are not recorded any more; the run goes on"
        )
