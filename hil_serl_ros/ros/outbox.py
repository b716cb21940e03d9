"""The actor's side of the transition stream: journal first, publish, send again what the learner lacks."""

from __future__ import annotations

import itertools
import time

from rclpy.node import Node
from rclpy.serialization import serialize_message

from hil_serl_ros.data.journal import Journal
from hil_serl_ros.learning.agreement import differences
from hil_serl_ros.msg import ActorStatus, LearnerStatus, Transition
from hil_serl_ros.ros import qos
from hil_serl_ros.settings import SettingError

RESEND_AFTER = 1.0  # s without progress of the learner before what is missing is sent again
RESEND_MOST = 200  # steps sent again at once


class Outbox:
    """Sends this robot's transitions, each durable before it leaves, until the learner holds it.

    ``configuration`` is what the learner must have too (``learning/agreement.py``); one that differs is refused:
    a SettingError comes out of the executor. So does one where another actor of this name was there before.
    """

    def __init__(self, node: Node, journal: Journal, robot: str, run: str, configuration: str) -> None:
        self.robot = robot
        self.run = run
        self.configuration = configuration
        self.held = 0  # steps that the learner has on disk
        self.resent = 0
        self.learner: LearnerStatus | None = None
        self.started = time.time_ns()
        self._agreed = ""  # the learner's configuration that was compared last
        self._journal = journal
        self._progress = time.monotonic()
        self._publisher = node.create_publisher(Transition, "transitions", qos.TRANSITION)
        node.create_subscription(LearnerStatus, "learner_status", self._on_status, qos.LATCHED)
        node.create_subscription(ActorStatus, "actor_status", self._on_actor, qos.LATCHED_OF_SEVERAL)

    @property
    def sent(self) -> int:
        """Number of steps made so far; the index of the next one."""
        return self._journal.next_index

    def name(self, transition: Transition) -> None:
        """Give ``transition`` robot, run and the next index."""
        transition.robot, transition.run, transition.index = self.robot, self.run, self._journal.next_index

    def send(self, transition: Transition) -> None:
        """Write ``transition`` to the journal, then publish it."""
        self.name(transition)
        transition.sent.sec, transition.sent.nanosec = divmod(time.time_ns(), 1_000_000_000)
        data = serialize_message(transition)
        self._journal.append(transition.index, data)
        self._publisher.publish(data)

    def _on_actor(self, status: ActorStatus) -> None:
        """Two actors of one name would mix their steps: the one that came later ends."""
        if (status.run, status.robot) == (self.run, self.robot) and 0 < status.started < self.started:
            raise SettingError(
                f"another actor of run {self.run!r} calls itself {self.robot!r}; give this one another name "
                "(parameter robot), or start it in a namespace of its own"
            )

    def _on_status(self, status: LearnerStatus) -> None:
        if status.run != self.run:
            return
        if status.configuration != self._agreed:
            if different := differences(self.configuration, status.configuration):
                raise SettingError(f"the learner of run {self.run} is configured differently: {'; '.join(different)}")
            self._agreed = status.configuration
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
        elif held >= self.sent:
            self._progress = now  # nothing is missing
        elif now - self._progress > RESEND_AFTER:
            self._progress = now
            for _, data in itertools.islice(self._journal.pending(held), RESEND_MOST):
                self._publisher.publish(data)
                self.resent += 1
