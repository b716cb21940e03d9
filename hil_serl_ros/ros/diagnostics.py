"""Rates, ages, queue lengths and counted faults of one node, on ``/diagnostics`` once a second."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node

from hil_serl_ros.ros.peers import complaints

PERIOD = 1.0  # s
LOOK = 5  # reports between two looks at the other nodes


class Diagnostics:
    """Counts events and faults of ``node`` and reports them; looks now and then who else is there (``ros/peers.py``).

    Args:
        node: reports under the node's full name.
        values: called at each report for more figures, name to value.
        problem: called at each report for what stops the node from doing its work, one sentence; empty: nothing.
    """

    def __init__(
        self, node: Node, values: Callable[[], dict[str, object]] = dict, problem: Callable[[], str] = str
    ) -> None:
        self._node = node
        self._values = values
        self._problem = problem
        self._events: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._reported: Counter[str] = Counter()
        self._reports = 0
        self._since = time.monotonic()
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        # Steady time: a paused simulation still reports.
        self._timer = node.create_timer(PERIOD, self.report, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def event(self, name: str) -> None:
        """Count one ``name``; its rate in Hz is reported."""
        self._events[name] += 1

    def fault(self, name: str, sentence: str) -> None:
        """Count one ``name``, log ``sentence`` the first time and then with every tenfold of the count."""
        self._faults[name] += 1
        count = self._faults[name]
        if count == 10 ** (len(str(count)) - 1):
            times = "" if count == 1 else f" ({count} times now)"
            self._node.get_logger().warning(f"{sentence}{times}")

    def faults(self, name: str) -> int:
        """How often ``name`` was counted."""
        return self._faults[name]

    def report(self) -> None:
        """Publish one status; WARN while faults are being counted, ERROR while there is a problem."""
        if self._reports % LOOK == 0:
            for name, sentence in complaints(self._node):
                self.fault(name, sentence)
        self._reports += 1
        now = time.monotonic()
        seconds, self._since = max(now - self._since, 1e-9), now
        new = {name: n - self._reported[name] for name, n in list(self._faults.items()) if n > self._reported[name]}
        self._reported = Counter(self._faults)
        status = DiagnosticStatus(
            level=DiagnosticStatus.WARN if new else DiagnosticStatus.OK,
            name=self._node.get_fully_qualified_name(),
            message=", ".join(f"{name}: {n} new" for name, n in new.items()) or "ok",
            hardware_id="",
        )
        if problem := self._problem():
            status.level, status.message = DiagnosticStatus.ERROR, problem
        figures: dict[str, object] = {f"{name} [Hz]": round(n / seconds, 1) for name, n in self._events.items()}
        figures |= {f"{name} [count]": n for name, n in self._faults.items()}
        figures |= self._values()
        status.values = [KeyValue(key=key, value=str(value)) for key, value in figures.items()]
        self._events = Counter(dict.fromkeys(self._events, 0))
        message = DiagnosticArray(status=[status])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)
