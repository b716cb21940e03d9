"""When a node that died is started again: one rule for ``hil-serl`` and for launch files."""

from __future__ import annotations

import time

SHORT_LIFE = 10.0  # s; a node that is killed so soon, so often in a row, is not started again
SHORT_LIVES = 5


class Lives:
    """The lives of one node. One that a signal kills is started again; one that ends by itself has its reason.

    Attributes:
        restarts: how often it was started again until now; the node's parameter of that name.
    """

    def __init__(self) -> None:
        self.restarts = 0
        self._short = 0
        self._began = time.monotonic()

    def begin(self) -> None:
        """It is started now."""
        self._began = time.monotonic()

    def again(self, code: int) -> bool:
        """Whether it is to be started again, now that it ended with ``code``, negative for a signal."""
        self._short = self._short + 1 if time.monotonic() - self._began < SHORT_LIFE else 0
        if code >= 0 or self._short >= SHORT_LIVES:
            return False
        self.restarts += 1
        return True
