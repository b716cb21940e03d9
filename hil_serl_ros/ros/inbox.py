"""The learner's side of the transition stream: each step on disk first, once and in order, then learned from."""

from __future__ import annotations

import threading
import time
from collections import deque

from rclpy.node import Node
from rclpy.serialization import deserialize_message

from hil_serl_ros.data.transition_log import TransitionLog
from hil_serl_ros.msg import Transition
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.diagnostics import Diagnostics


class Inbox:
    """Takes transitions from `transitions` in the executor's thread; another thread takes them out of it.

    ``held`` counts, per robot, the steps that are in the log without a gap; what comes twice or too early
    is left to the robot to send again.
    """

    def __init__(self, node: Node, log: TransitionLog, run: str, layout: str, diagnostics: Diagnostics) -> None:
        self.held: dict[str, int] = {}
        self.failed: OSError | None = None  # the disk refused a step: the learner must stop
        self._log = log
        self._run = run
        self._layout = layout
        self._diagnostics = diagnostics
        self._queue: deque[Transition] = deque()
        self._arrived = threading.Event()
        node.create_subscription(Transition, "transitions", self._on_bytes, qos.TRANSITION, raw=True)

    def _on_bytes(self, data: bytes) -> None:
        received = time.time_ns()
        try:
            message = deserialize_message(data, Transition)
        except (RuntimeError, ValueError) as error:
            self._diagnostics.fault("unreadable", f"bytes that are no Transition came; refused: {error}")
            return
        if message.run != self._run:
            self._diagnostics.fault("other run", f"a step of run {message.run!r} came to run {self._run!r}; refused")
            return
        if message.layout != self._layout:
            self._diagnostics.fault(
                "other layout", f"robot {message.robot!r} sends another layout (task, features or units); refused"
            )
            return
        expected = self.held.get(message.robot, 0)
        if message.index != expected:
            if message.index > expected:
                self._diagnostics.fault("gap", f"step {message.index} came before {expected}; waiting for it")
            return
        sent = message.sent.sec * 1_000_000_000 + message.sent.nanosec
        try:
            self._log.append(data, log_time=received, publish_time=sent)
        except OSError as error:
            self.failed = error
            self._arrived.set()
            return
        self.held[message.robot] = expected + 1
        self._queue.append(message)
        self._arrived.set()
        self._diagnostics.event("transitions")

    def take(self, seconds: float) -> Transition | None:
        """The oldest step not yet taken; None if there is none within ``seconds``.

        Raises:
            OSError: the log cannot be written.
        """
        if not self._queue:
            self._arrived.clear()
            if not self._queue:
                self._arrived.wait(seconds)
        if self.failed is not None:
            raise self.failed
        return self._queue.popleft() if self._queue else None

    def __len__(self) -> int:
        return len(self._queue)
