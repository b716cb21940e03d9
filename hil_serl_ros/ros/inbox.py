"""The learner's side of the transition stream: each step on disk first, once and in order, then learned from."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from functools import partial

from rclpy.node import Node
from rclpy.serialization import deserialize_message

from hil_serl_ros.data.transition_log import TransitionLog
from hil_serl_ros.learning.agreement import differences
from hil_serl_ros.msg import ActorStatus, Transition
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.diagnostics import Diagnostics
from hil_serl_ros.ros.robot_line import RobotLine
from hil_serl_ros.settings import SettingError


class Inbox:
    """Takes transitions in the executor's thread; another thread takes them out of it.

    Each of ``robots`` has topics of its own, ``<robot>/transitions`` and ``<robot>/actor_status``, so that none fills
    another one's queue; the empty name stands for one robot of any name on ``transitions``.

    What comes twice or too early, or while a robot's queue is full, is left to the robot to send again. Steps of
    another ``layout`` (its hash) are refused; where it differs from ``configuration`` the robot's `actor_status` says.
    """

    def __init__(
        self,
        node: Node,
        log: TransitionLog,
        run: str,
        layout: str,
        configuration: str,
        diagnostics: Diagnostics,
        robots: Iterable[str] = ("",),
    ) -> None:
        self.robots: dict[str, RobotLine] = {name: RobotLine(name) for name in robots if name}
        self.failed: OSError | None = None  # the disk refused a step: the learner must stop
        self._log = log
        self._run = run
        self._layout = layout
        self._configuration = configuration
        self._diagnostics = diagnostics
        self._turn: list[RobotLine] = []  # whose steps are taken next
        self._arrived = threading.Event()
        for name in robots:
            space = f"{name}/" if name else ""
            on_bytes, on_actor = partial(self._on_bytes, name), partial(self._on_actor, name)
            node.create_subscription(Transition, f"{space}transitions", on_bytes, qos.TRANSITION, raw=True)
            node.create_subscription(ActorStatus, f"{space}actor_status", on_actor, qos.LATCHED)

    # -------------------- in --------------------
    def _line(self, topic: str, robot: str) -> RobotLine | None:
        """The line of ``robot``; None: it speaks on the topics of another one."""
        if topic and robot != topic:
            self._diagnostics.fault(
                "other name",
                f"a robot that calls itself {robot!r} speaks on the topics of {topic!r}; refused: "
                f"set its parameter robot to {topic!r}, or start it in its own namespace",
            )
            return None
        if robot not in self.robots:
            self.robots[robot] = RobotLine(robot)
        return self.robots[robot]

    def _on_actor(self, topic: str, status: ActorStatus) -> None:
        if status.run != self._run or (line := self._line(topic, status.robot)) is None:
            return
        line.heard()
        line.status = status
        line.different = differences(self._configuration, status.configuration)
        if line.different:
            words = "; ".join(line.different)
            self._diagnostics.fault("other configuration", f"robot {status.robot!r} is configured differently: {words}")

    def _on_bytes(self, topic: str, data: bytes) -> None:
        received = time.time_ns()
        try:
            message = deserialize_message(data, Transition)
        except (RuntimeError, ValueError) as error:
            self._diagnostics.fault(
                "unreadable", f"bytes that are no Transition came; refused, install one version on both sides: {error}"
            )
            return
        if message.run != self._run:
            self._diagnostics.fault(
                "other run", f"a step of run {message.run!r} came to run {self._run!r}; refused: give both one `run`"
            )
            return
        if (line := self._line(topic, message.robot)) is None:
            return
        if message.layout != self._layout:
            words = "; ".join(line.different) or "task, features or units"
            self._diagnostics.fault(
                "other layout",
                f"robot {message.robot!r} sends another layout ({words}); refused: start both with one configuration",
            )
            return
        line.heard()
        if message.index >= line.held and line.full:
            line.seen = max(line.seen, message.index + 1)
            self._diagnostics.fault(
                "full",
                f"robot {line.name!r} sends faster than is learned from; it keeps its steps until there is room",
            )
            return
        if message.index != line.held:
            self._out_of_order(line, message.index, data)
            return
        sent = message.sent.sec * 1_000_000_000 + message.sent.nanosec
        try:
            self._log.append(data, log_time=received, publish_time=sent)
        except OSError as error:
            self.failed = error
            self._arrived.set()
            return
        line.hold(message, data, (time.time_ns() - sent) / 1e9)
        line.queue.append(message)
        self._arrived.set()
        self._diagnostics.event("transitions")

    def _out_of_order(self, line: RobotLine, index: int, data: bytes) -> None:
        line.seen = max(line.seen, index + 1)
        if index > line.held:
            self._diagnostics.fault("gap", f"step {index} came before {line.held}; waiting for it")
        elif line.is_another(index, data):
            self._diagnostics.fault(
                "two of one name",
                f"another step {index} of {line.name!r} came than is in the log: two robots call themselves so; "
                "refused: give one of them another name (parameter robot)",
            )

    def look(self) -> None:
        """Report robots that have fallen silent; called now and then."""
        for line in list(self.robots.values()):
            if line.silent and not line.silence_told:
                line.silence_told = True
                self._diagnostics.fault(
                    "silent robot", f"robot {line.name!r} says nothing more; look at its node policy_actor"
                )

    # -------------------- after a restart --------------------
    def logged(self, message: Transition, data: bytes) -> None:
        """Count a step that is in the log from before.

        Raises:
            SettingError: it is of another run or layout, or does not follow its robot's step before.
        """
        line = self.robots.setdefault(message.robot, RobotLine(message.robot))
        step = f"step {message.index} of robot {message.robot!r} in the log"
        if message.run != self._run or message.layout != self._layout:
            raise SettingError(f"{step} is of another run or layout: run {message.run!r}, here {self._run!r}")
        if message.index != line.held:
            raise SettingError(f"{step} comes where step {line.held} should: files of the log are missing")
        line.hold(message, data)

    def put(self, message: Transition) -> None:
        """Let a logged step be taken."""
        self.robots[message.robot].queue.append(message)

    # -------------------- out --------------------
    def take(self, seconds: float) -> Transition | None:
        """The oldest step of the robot whose turn it is; None if there is no step within ``seconds``.

        Raises:
            OSError: the log cannot be written.
        """
        message = self._next()
        if message is None and seconds:
            self._arrived.clear()
            if (message := self._next()) is None:
                self._arrived.wait(seconds)
                message = self._next()
        if self.failed is not None:
            raise self.failed
        return message

    def _next(self) -> Transition | None:
        """One step of each robot that has some, in turn: who sends much waits for its own steps only."""
        for _ in range(2):
            while self._turn:
                line = self._turn.pop()
                if line.queue:
                    return line.queue.popleft()
            self._turn = [line for line in reversed(list(self.robots.values())) if line.queue]
        return None

    @property
    def held(self) -> dict[str, int]:
        """Steps of each robot that are in the log without a gap."""
        return {name: line.held for name, line in list(self.robots.items())}

    @property
    def training(self) -> int:
        """Robots whose steps are still to come."""
        return sum(line.trains for line in list(self.robots.values()))

    def figures(self) -> dict[str, object]:
        """For the diagnostics: each robot's, under its name."""
        lines = list(self.robots.items())
        return {f"{name} {key}": value for name, line in lines for key, value in line.figures().items()}

    def __len__(self) -> int:
        return sum(len(line.queue) for line in list(self.robots.values()))
