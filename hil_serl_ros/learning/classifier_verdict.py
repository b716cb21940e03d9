"""When a success probability becomes a success: enough in a row, in one epoch, each observation counted once."""

from __future__ import annotations


class Verdict:
    """Counts observations in a row that look like success.

    A reset of the world (another epoch) or a stamp that goes back starts anew. A stamp that comes again, as a
    lockstep robot repeats its state, gets the same count.

    Args:
        consecutive: how many in a row make a success.
    """

    def __init__(self, consecutive: int) -> None:
        self._needed = consecutive
        self._count = self._before = 0
        self._last: tuple[int, int] | None = None

    def update(self, epoch: int, stamp: int, positive: bool) -> bool:
        """Whether it is a success, this observation of ``stamp`` ns in ``epoch`` included."""
        now = (epoch, stamp)
        if self._last is None or epoch != self._last[0] or stamp < self._last[1]:
            self._before = 0
        elif now != self._last:
            self._before = self._count
        self._last = now
        self._count = self._before + 1 if positive else 0
        return self._count >= self._needed
