"""Large messages that replace one another, over a link that may be slow: one leaves when the one before has arrived."""

from __future__ import annotations

import time

from rclpy.duration import Duration
from rclpy.publisher import Publisher

from hil_serl_ros.ros.diagnostics import Diagnostics

LARGE = 256 * 1024  # bytes; smaller messages wait for nothing. Fast DDS asks at once whether so many have arrived
PATIENCE = 5.0  # s for a message to arrive everywhere before the next one follows all the same
LATE = 10.0  # s without an arrival after which that is a fault
NOW = Duration()


class Pace:
    """When the next message of ``publisher`` may leave.

    With more than a link carries none would arrive: each would be pushed out of the queue by a newer one before it is
    whole. A reader that is gone without a word is waited for until the middleware forgets it, ``PATIENCE`` each time.
    """

    def __init__(self, publisher: Publisher, diagnostics: Diagnostics) -> None:
        self._publisher, self._diagnostics = publisher, diagnostics
        self._left = self._arrived = time.monotonic()  # when the last message did
        self._size = 0
        self._told = False

    @property
    def seconds(self) -> float:
        """Since the last message left."""
        return time.monotonic() - self._left

    def left(self, size: int) -> None:
        """A message of ``size`` bytes left now."""
        self._left, self._size = time.monotonic(), size

    def may_follow(self, period: float) -> bool:
        """The next one may leave: ``period`` s after the one before, or when that has arrived."""
        if self._size < LARGE or self._publisher.wait_for_all_acked(NOW):
            self._arrived, self._told = time.monotonic(), False
            return self.seconds > period
        if time.monotonic() - self._arrived > LATE and not self._told:
            self._told = True
            self._diagnostics.fault(
                "late weights",
                f"an actor has not got the weights for {LATE:.0f} s; if its link is up, start both sides with the file "
                "config/network/fastdds_link.xml (docs/two_machines.md)",
            )
        return self.seconds > max(period, PATIENCE)
