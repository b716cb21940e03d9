"""The environment's end of the graph: one command out, the observation after it in."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from rclpy.executors import Executor, ExternalShutdownException
from rclpy.node import Node

from hil_serl_ros.msg import Observation, ResetStatus, Reward, RobotCommand
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import nanoseconds
from hil_serl_ros.ros.run import turn
from hil_serl_ros.srv import ResetWorld

T = TypeVar("T")
KEPT = 16
CLASSIFIED = "reward"  # topic of the reward classifier: one word for each observation
PULL = 0.05  # part of the time that a command would be early by which it is
JUMP_NS = 1_000_000_000  # by which a stamp in one epoch lies back where a clock was set back
QUIET = 0.5  # s without a new listener after which all that are there are known
REFUSED = 1.0  # s after which a robot that refused to reset may be asked again
SPACING = 0.75  # control periods between two observations at least: each comes at the robot's nearest state


def paced(sent: float, period: float, ready: float) -> float:
    """When to send a command that is ``ready``, after one that was ``sent``; all in s.

    About one ``period`` later, so that a late step is not followed by a short one: the phase follows slow steps at once
    and quick ones slowly, and the period hardly varies.
    """
    return ready + (1 - PULL) * max(sent + period - ready, 0.0)


class LinkLost(RuntimeError):
    """A peer did not answer in time; the message names what is missing."""


@dataclass(frozen=True)
class Arrived:
    """What came of a command: as executed, the observation a period later, and its reward."""

    executed: RobotCommand
    observation: Observation
    reward: Reward


class RobotLink:
    """Publishes commands and waits for what they lead to, spinning the executor meanwhile.

    Args:
        node: whose topics these are.
        executor: has the node; nobody else may spin it.
        lockstep: the robot's clock.
        patience: wall time after which a missing answer is an error, s.
        resend: wall time after which an unanswered command is sent again (it is idempotent), s.
        rewards: topics on which observations are judged. The attribute ``judge`` says which one counts now, the
            first at the beginning; "" waits for none and gives a reward of 0.
    """

    def __init__(
        self,
        node: Node,
        executor: Executor,
        *,
        lockstep: bool,
        patience: float = 20.0,
        resend: float = 1.0,
        rewards: tuple[str, ...] = ("ground_truth",),
    ) -> None:
        self.node = node
        self.lockstep = lockstep
        self.observation: Observation | None = None
        self.resent = 0
        self._executor = executor
        self._patience = patience
        self._resend = resend
        self._executed: RobotCommand | None = None
        self._last = RobotCommand()
        self._settled = False  # everybody who listens from the start on has been found
        self._sent = 0.0  # when the last command was, s, monotonic
        self._resetting = 0.0  # when the robot said last that its reset goes on, s, monotonic
        self.resetting: Callable[[str], None] = lambda doing: None  # told what a reset does that takes its time
        self.judge = rewards[0] if rewards else ""
        self._rewards: dict[str, OrderedDict[int, Reward]] = {topic: OrderedDict() for topic in rewards}
        state = qos.receive_state(lockstep=lockstep)
        self._commands = node.create_publisher(RobotCommand, "command", qos.COMMAND)
        node.create_subscription(RobotCommand, "command_executed", self._on_executed, qos.COMMAND)
        node.create_subscription(Observation, "observation", self._on_observation, state)
        for topic in rewards:
            profile = qos.REWARD if topic == CLASSIFIED else state
            node.create_subscription(
                Reward, topic, lambda message, topic=topic: self._on_reward(topic, message), profile
            )
        node.create_subscription(ResetStatus, "reset_status", self._on_reset_status, qos.LATCHED)
        self._reset = node.create_client(ResetWorld, "reset_world")

    # -------------------- callbacks --------------------
    def _on_executed(self, message: RobotCommand) -> None:
        self._executed = message

    def _on_observation(self, message: Observation) -> None:
        self.observation = message

    def _on_reset_status(self, message: ResetStatus) -> None:
        if message.running:
            self._resetting = time.monotonic()
            self.resetting(message.doing)

    def _on_reward(self, topic: str, message: Reward) -> None:
        rewards = self._rewards[topic]
        rewards[nanoseconds(message.header.stamp)] = message
        while len(rewards) > KEPT:
            rewards.popitem(last=False)

    # -------------------- waiting --------------------
    def spin_once(self, seconds: float) -> None:
        """Serve callbacks for at most ``seconds``.

        Raises:
            ExternalShutdownException: the process is told to end.
        """
        turn(self._executor, self.node, seconds)
        if not self.node.context.ok():
            raise ExternalShutdownException

    def wait(
        self,
        ready: Callable[[], T | None],
        missing: str,
        again: Callable[[], None] | None = None,
        patience: float | None = None,
    ) -> T:
        """Spin until ``ready`` returns something, and return that; call ``again`` now and then meanwhile.

        ``patience`` (s) replaces the link's own; a reset that goes on, as the robot says, is waited for.

        Raises:
            LinkLost: nothing came in time; the message names ``missing``.
        """
        patience = self._patience if patience is None else patience
        started = sent = time.monotonic()
        while (found := ready()) is None:
            self.spin_once(0.05)
            now = time.monotonic()
            if now - max(started, self._resetting) > patience:
                raise LinkLost(f"no {missing} for {patience:.0f} s")
            if again is not None and now - sent > self._resend:
                sent = now
                self.resent += 1
                again()
        return found

    def _settle(self) -> None:
        """Wait until nobody new listens to `command`: who is found a moment later (the recorder) lacks the start."""
        count, since = 0, time.monotonic()

        def quiet() -> bool | None:
            nonlocal count, since
            heard = self._commands.get_subscription_count()
            if heard != count:
                count, since = heard, time.monotonic()
            return time.monotonic() - since > QUIET or None

        self.wait(quiet, "quiet graph: nodes come and go")

    # -------------------- robot --------------------
    def reset(self, seed: int) -> tuple[Observation, ResetWorld.Response]:
        """Reset the world and return the first observation of the new epoch with the robot's answer.

        A real arm's way back, and a person who sets up the scene, take as long as they take: the robot says that it
        goes on (topic `reset_status`), and one that falls silent is lost.

        Raises:
            LinkLost: the robot is not there, refused, or was not observed after the reset.
        """
        self.wait(lambda: self._reset.service_is_ready() or None, "service reset_world (the robot's node)")
        if not self._settled:
            self._settle()
            self._settled = True
        future = self._reset.call_async(ResetWorld.Request(seed=seed))
        answer = self.wait(lambda: future.result() if future.done() else None, "answer of reset_world")
        if not answer.success:
            due = time.monotonic() + REFUSED
            self.wait(lambda: time.monotonic() > due or None, "end of a second")
            raise LinkLost(f"the robot refused to reset: {answer.message}")
        status = answer.status

        def observed() -> Observation | None:
            seen = self.observation
            return seen if seen is not None and seen.epoch == status.epoch else None

        # A late joiner missed the state: the command that was executed last asks for it again.
        self._last = RobotCommand(header=status.header, sequence=status.sequence, epoch=status.epoch)
        self._last.target, self._last.gripper = status.target, status.gripper
        return self.wait(observed, "observation after the reset", self.ask_again), answer

    def ask_again(self) -> None:
        """Send the last command again: a lockstep robot only repeats its state, for whoever missed it."""
        self._commands.publish(self._last)

    def exchange(self, command: RobotCommand, period: float) -> Arrived:
        """Send ``command`` and wait one ``period`` (s) for the observation that contains its effect, and its reward.

        A reward that is late holds the step; it is never taken for 0.

        Raises:
            LinkLost: an answer is missing for too long.
        """
        before = nanoseconds(command.header.stamp)
        due = before + round(SPACING * period * 1e9)
        self._last = command
        if not self.lockstep:
            self._pace(period)
        self.ask_again()

        def executed() -> RobotCommand | None:
            answer = self._executed
            same = answer is not None and (answer.epoch, answer.sequence) == (command.epoch, command.sequence)
            return answer if same else None

        def observed() -> Observation | None:
            seen = self.observation
            if seen is not None and seen.epoch > command.epoch:
                raise LinkLost("the world was reset, or the robot's node was started again")
            if seen is not None and nanoseconds(seen.header.stamp) < before - JUMP_NS:
                raise LinkLost("the robot's clock went back; is something else publishing its states?")
            if seen is None or seen.epoch != command.epoch or nanoseconds(seen.header.stamp) < due:
                return None
            return seen if seen.sequence >= command.sequence else None

        answer = self.wait(executed, "answer of safety", self.ask_again)
        observation = self.wait(observed, "observation (nodes robot and state)", self.ask_again)
        stamp = nanoseconds(observation.header.stamp)
        if not self.judge:
            return Arrived(answer, observation, Reward())
        missing = f"reward of the observation on topic {self.judge}"
        reward = self.wait(lambda: self._reward_for(stamp), missing, self.ask_again)
        return Arrived(answer, observation, reward)

    def _pace(self, period: float) -> None:
        """Wait until the next command is due."""
        due = paced(self._sent, period, time.monotonic())
        while (early := due - time.monotonic()) > 0:
            self.spin_once(early)
        self._sent = time.monotonic()

    def _reward_for(self, stamp: int) -> Reward | None:
        rewards = self._rewards[self.judge]
        if self.lockstep or self.judge == CLASSIFIED:
            return rewards.get(stamp)
        # The simulator's word comes at 50 Hz, best effort: a dropped sample is covered by the next one.
        return next((reward for when, reward in rewards.items() if when >= stamp), None)
