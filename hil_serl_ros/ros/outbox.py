"""The actor's side of the transition stream: journal first, publish, send again what the learner lacks."""

from __future__ import annotations

import itertools
import time

from rclpy.node import Node
from rclpy.serialization import serialize_message

from hil_serl_ros.data.journal import Journal
from hil_serl_ros.msg import LearnerStatus, Transition
from hil_serl_ros.ros import qos

RESEND_AFTER = 1.0  # s without progress of the learner before what is missing is sent again
RESEND_MOST = 200  # steps sent again at once


class Outbox:
    """Sends this robot's transitions, each durable before it leaves, until the learner holds it."""

    def __init__(self, node: Node, journal: Journal, robot: str, run: str) -> None:
        self.robot = robot
        self.run = run
        self.held = 0  # steps that the learner has on disk
        self.resent = 0
        self.learner: LearnerStatus | None = None
        self._journal = journal
        self._progress = time.monotonic()
        self._publisher = node.create_publisher(Transition, "transitions", qos.TRANSITION)
        node.create_subscription(LearnerStatus, "learner_status", self._on_status, qos.LATCHED)

    @property
    def sent(self) -> int:
        """Number of steps made so far; the index of the next one."""
        return self._journal.next_index

    def send(self, transition: Transition) -> None:
        """Give ``transition`` its index, write it to the journal, then publish it."""
        transition.index = self._journal.next_index
        data = serialize_message(transition)
        self._journal.append(transition.index, data)
        self._publisher.publish(data)

    def _on_status(self, status: LearnerStatus) -> None:
        if status.run != self.run:
            return
        self.learner = status
        held = next((h.count for h in status.held if h.robot == self.robot), 0)
        now = time.monotonic()
        if held > self.sent:
            # The journal was lost, the learner's log was not: its count is the truth.
            self._journal.next_index = held
        if held > self.held:
            self.held = held
            self._progress = now
            self._journal.held(held)
        elif held < self.sent and now - self._progress > RESEND_AFTER:
            self._progress = now
            for _, data in itertools.islice(self._journal.pending(held), RESEND_MOST):
                self._publisher.publish(data)
                self.resent += 1
