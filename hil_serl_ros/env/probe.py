"""Stands where `safety` stands, and looks at a robot's node from there: what it says, and what it makes of commands."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped, TwistStamped
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.executors import Executor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy
from rclpy.topic_endpoint_info import TopicEndpointInfo
from sensor_msgs.msg import JointState

from hil_serl_ros.msg import ResetStatus, RobotCommand, RobotStatus, SafetyStatus
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import nanoseconds, pose_message, position_array, quaternion_array
from hil_serl_ros.ros.run import turn
from hil_serl_ros.ros.talkers import with_info
from hil_serl_ros.srv import ResetWorld

PARTS = {"joint_states": JointState, "tool_pose": PoseStamped, "tool_twist": TwistStamped, "robot_status": RobotStatus}
DISCOVERY = 10.0  # s for which a robot's node is looked for
ANSWER = 2.0  # s for which a state is waited for
LOOK = 2.0  # s of the robot's time that are watched
RESET = 20.0  # s for which a reset may be silent
SPOKEN = 0.5  # s between two words of safety


class Broken(RuntimeError):
    """A rule is broken; the message says what was seen, in one sentence."""


class NoRobot(RuntimeError):
    """There is no robot's node to look at, or it is somebody else's; the message is one sentence."""


@dataclass(frozen=True)
class Part:
    """One message: its stamp and when it was sent by the sender's clock (0: not told), ns; when it came, s."""

    message: Any
    stamp: int
    sent: int
    came: float


class Probe:
    """Hears and commands the robot in the node's namespace.

    Args:
        node: whose relative names are the robot's.
        executor: has the node.
        quiet: s for which is listened whether something happens that must not, and twice that for who else is there.
    """

    def __init__(self, node: Node, executor: Executor, quiet: float = 0.35) -> None:
        self.node, self.quiet = node, quiet
        self._repeats = True  # the robot says its state again where its command comes again
        self._executor = executor
        self.heard: dict[str, list[Part]] = {topic: [] for topic in PARTS}  # of those that are published
        self.said = ""  # by the robot, of a reset that goes on
        self.told: Callable[[str], None] = lambda said: None
        self._reset_heard = 0.0
        self.travels: list[dict[str, list[Part]]] = []  # what was heard while the tool moved
        self.commands = node.create_publisher(RobotCommand, "command_executed", qos.COMMAND)
        self.requests = node.create_publisher(RobotCommand, "command", qos.COMMAND)
        self._safety = node.create_publisher(SafetyStatus, "safety_status", qos.LATCHED)
        self.word = SafetyStatus.ARMED
        node.create_subscription(ResetStatus, "reset_status", self._on_reset, qos.LATCHED)
        self._resets = node.create_client(ResetWorld, "reset_world")
        node.create_timer(SPOKEN, self.speak, clock=Clock(clock_type=ClockType.STEADY_TIME))

    # -------------------- who is there --------------------
    def begin(self) -> None:
        """Find the robot and listen to it as it offers it.

        Raises:
            NoRobot: nobody is there within some seconds, or `safety` is.
        """
        space = self.node.get_namespace()
        if not self.until(lambda: self.publishers("robot_status"), DISCOVERY):
            raise NoRobot(
                f"nobody publishes robot_status in the namespace {space}; start the robot's node, and look at "
                "ROS_DOMAIN_ID and --namespace"
            )
        self.spin(2 * self.quiet)  # so that the rest is discovered too
        if others := [info for info in self.publishers("command_executed") if info.node_name != self.node.get_name()]:
            raise NoRobot(
                f"{others[0].node_name} publishes command_executed in the namespace {space}; end the job, and start "
                "the robot's node alone: this test commands it itself"
            )
        for topic, kind in PARTS.items():
            if offered := self.publishers(topic):
                profile = qos.record(offered[0].qos_profile)
                self.node.create_subscription(kind, topic, with_info(self._hearing(topic)), profile)
            else:
                del self.heard[topic]
        self.speak()
        self.until(lambda: self.heard["robot_status"], ANSWER)

    @property
    def lockstep(self) -> bool:
        """The robot's time stands still until it is commanded."""
        if self.heard["robot_status"]:
            return bool(self.status.lockstep)
        return self.latched

    @property
    def latched(self) -> bool:
        """Its status is kept for who comes late."""
        offered = self.publishers("robot_status")
        return bool(offered) and offered[0].qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL

    def publishers(self, topic: str) -> list[TopicEndpointInfo]:
        """Who publishes the relative ``topic``."""
        return list(self.node.get_publishers_info_by_topic(self.node.resolve_topic_name(topic)))

    def subscribers(self, topic: str) -> list[TopicEndpointInfo]:
        """Who listens to the relative ``topic``."""
        return list(self.node.get_subscriptions_info_by_topic(self.node.resolve_topic_name(topic)))

    # -------------------- hearing --------------------
    def _hearing(self, topic: str) -> Callable[[Any, dict[str, Any]], None]:
        def hear(message: Any, info: dict[str, Any]) -> None:
            sent = int(info.get("source_timestamp", 0))
            self.heard[topic].append(Part(message, nanoseconds(message.header.stamp), sent, time.monotonic()))

        return hear

    def _on_reset(self, status: ResetStatus) -> None:
        if not status.running:
            return
        self._reset_heard = time.monotonic()
        if status.doing != self.said:
            self.said = status.doing
            self.told(status.doing)

    def speak(self) -> None:
        """The word of safety, for a robot whose reset moves it."""
        message = SafetyStatus(state=self.word, reason="" if self.word == SafetyStatus.ARMED else "by the test")
        message.header.stamp = self.node.get_clock().now().to_msg()
        self._safety.publish(message)

    def spin(self, seconds: float) -> None:
        """Serve callbacks for so long."""
        self.until(lambda: False, seconds)

    def until(self, condition: Callable[[], Any], seconds: float) -> Any:
        """What ``condition`` gives once it is true; its last word after ``seconds``."""
        end = time.monotonic() + seconds
        while not (found := condition()) and time.monotonic() < end:
            turn(self._executor, self.node, 0.02)
        return found

    @property
    def status(self) -> RobotStatus:
        """The newest status.

        Raises:
            Broken: there is none.
        """
        if not self.heard["robot_status"]:
            raise Broken("there is no robot_status")
        return self.heard["robot_status"][-1].message

    @property
    def period(self) -> float:
        """Time between two commands, s."""
        period = float(self.status.control_period)
        return period if 0.005 <= period <= 2.0 else 0.1

    @cached_property
    def watched(self) -> dict[str, list[Part]]:
        """What it says for some seconds while it is told nothing new; listened to once."""
        return self.listen(LOOK)

    def listen(self, seconds: float) -> dict[str, list[Part]]:
        """What is said within ``seconds`` of the robot's time: a lockstep robot is told to hold meanwhile."""
        for parts in self.heard.values():
            parts[:-1] = []  # the newest is still true
        marks = {topic: len(parts) for topic, parts in self.heard.items()}
        if self.lockstep:
            for _ in range(max(1, round(seconds / self.period))):
                self.obey(self.command())
            self.spin(self.quiet)
        else:
            self.spin(seconds)
        return {topic: parts[marks[topic] :] for topic, parts in self.heard.items()}

    def fresh(self) -> RobotStatus:
        """A status that was sent after this call; a lockstep robot repeats its own when its command comes again."""
        count = len(self.heard["robot_status"])
        if self.lockstep:
            self.commands.publish(self._same(self.status))
        patience = ANSWER if self._repeats else self.quiet
        self._repeats = bool(self.until(lambda: len(self.heard["robot_status"]) > count, patience))
        return self.status

    # -------------------- commanding --------------------
    @staticmethod
    def _same(status: RobotStatus) -> RobotCommand:
        command = RobotCommand(header=status.header, sequence=status.sequence, epoch=status.epoch)
        command.target, command.gripper = status.target, status.gripper
        command.verdict = RobotCommand.VERDICT_ACCEPTED
        return command

    def command(self, *away: float, gripper: float | None = None) -> RobotCommand:
        """The next command: ``away`` (m) from the target that is held."""
        status = self.status
        command = self._same(status)
        command.sequence += 1
        position = position_array(status.target)
        position[: len(away)] += np.array(away)
        command.target = pose_message(position, quaternion_array(status.target))
        command.gripper = status.gripper if gripper is None else gripper
        return command

    def obey(self, command: RobotCommand) -> RobotStatus:
        """Send ``command``, which must be taken; the status with it.

        Raises:
            Broken: it is not.
        """
        self.commands.publish(command)
        if not self.until(lambda: self.status.sequence >= command.sequence, ANSWER):
            raise Broken(
                f"command {command.sequence} was sent, and {ANSWER:.0f} s later its status says {self.status.sequence}"
            )
        return self.status

    def go(self, target: np.ndarray, steps: int, gripper: float | None = None) -> None:
        """Go to ``target`` (3,) m in so many commands, one each control period."""
        for step in range(steps, 0, -1):
            away = (target - position_array(self.status.target)) / step
            self.obey(self.command(*away, gripper=gripper))
            if not self.lockstep:
                self.spin(self.period)

    def settle(self, target: np.ndarray, near: float, periods: int = 20) -> np.ndarray:
        """Wait until the tool is within ``near`` m of ``target``, some ``periods`` at most; where it is (3,)."""
        for _ in range(periods):
            if float(np.linalg.norm(self.tool() - target)) < near:
                break
            if self.lockstep:
                self.obey(self.command())
                self.spin(0.02)
            else:
                self.spin(self.period)
        return self.tool()

    def tool(self) -> np.ndarray:
        """Where the tool is, (3,) m.

        Raises:
            Broken: nothing is known of it.
        """
        if not self.heard.get("tool_pose"):
            raise Broken("there is no tool_pose")
        return position_array(self.heard["tool_pose"][-1].message.pose)

    def reset(self, seed: int = 0) -> ResetWorld.Response:
        """Reset; a robot that says that it goes on is waited for.

        Raises:
            Broken: there is no answer.
        """
        if not self.until(self._resets.service_is_ready, ANSWER):
            raise Broken("there is no service reset_world")
        future = self._resets.call_async(ResetWorld.Request(seed=seed))
        began = time.monotonic()
        while not future.done():
            self.spin(0.02)
            if time.monotonic() - max(began, self._reset_heard) > RESET:
                raise Broken(f"reset_world gave no answer for {RESET:.0f} s, nor did reset_status say that it goes on")
        return future.result()
