"""The actor's side of the transition stream: journal first, publish, send again what the learner lacks."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator

from rclpy.node import Node
from rclpy.serialization import serialize_message

from hil_serl_ros.data.journal import Journal
from hil_serl_ros.learning.agreement import differences
from hil_serl_ros.msg import ActorStatus, LearnerStatus, Transition
from hil_serl_ros.ros import qos
from hil_serl_ros.settings import SettingError

RESEND_AFTER = 1.0  # s in which the learner speaks and makes no progress before what is missing is sent again
# Sent again and not held yet, at most: more would be lost in the queue of a slow link, and hold up the control loop.
RESEND_MOST = 200  # steps
RESEND_BYTES = 512 * 1024


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
        self._progress = self._heard = time.monotonic()
        self._again: Iterator[tuple[int, bytes]] | None = None  # what is still to be sent again, while that goes on
        self._waited: deque[tuple[int, int]] = deque()  # sent again and not held yet: index and bytes
        self._publisher = node.create_publisher(Transition, "transitions", qos.TRANSITION)
        node.create_subscription(LearnerStatus, "learner_status", self._on_status, qos.LATCHED)
        node.create_subscription(ActorStatus, "actor_status", self._on_actor, qos.LATCHED_BY_SEVERAL)

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
        if now - self._heard > RESEND_AFTER:
            self._progress = now  # the link was cut: what the middleware kept comes first
        self._heard = now
        if held > self.sent:
            # The journal was lost, the learner's log was not: its count is the truth.
            self._journal.next_index = held
        if held > self.held:
            self.held = held
            self._progress = now
            self._journal.held(held)
            self._send_again(held)
        elif held >= self.sent:
            self._progress = now  # nothing is missing
        elif now - self._progress > RESEND_AFTER:
            self._progress = now
            self._again = self._journal.pending(held)
            self._waited.clear()
            self._send_again(held)

    def _send_again(self, held: int) -> None:
        """As many of the missing steps as may be on their way; the next ones when the learner holds some of them."""
        while self._waited and self._waited[0][0] < held:
            self._waited.popleft()
        room = RESEND_BYTES - sum(size for _, size in self._waited)
        while self._again is not None and room > 0 and len(self._waited) < RESEND_MOST:
            if (step := next(self._again, None)) is None:
                self._again = None
                break
            index, data = step
            if index < held:
                continue  # it came meanwhile
            self._publisher.publish(data)
            self._waited.append((index, len(data)))
            self.resent += 1
            room -= len(data)
