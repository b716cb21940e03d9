"""Node ``safety``: the last word on every command, in a process of its own.

Default deny: a command passes only when armed, fresh, finite and in the limits, otherwise the robot
holds. Each command is answered on `command_executed` with what became of it, and only that is obeyed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from std_msgs.msg import Empty
from std_srvs.srv import SetBool, Trigger

from hil_serl_ros.env.limits import CommandRefused, Limits, Pose, limited
from hil_serl_ros.msg import RobotCommand, RobotStatus, SafetyStatus, TeleopAction
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import nanoseconds, pose_message, position_array, quaternion_array
from hil_serl_ros.ros.diagnostics import Diagnostics
from hil_serl_ros.ros.parameters import declare
from hil_serl_ros.ros.run import main as run_node
from hil_serl_ros.settings import SettingError, setting


@dataclass
class SafetySettings:
    clock: str = setting("lockstep", "The robot's clock; watchdogs rest in lockstep.", choices=("lockstep", "realtime"))
    armed_at_start: bool = setting(False, "Start armed. For simulation only: a real arm is armed by a person.")
    workspace_low: list[float] = setting([0.2, -0.3, 0.0], "Low corner of the workspace in the base frame.", unit="m")
    workspace_high: list[float] = setting([0.6, 0.3, 0.5], "High corner of the workspace in the base frame.", unit="m")
    max_speed: float = setting(
        0.4331, "Largest speed of the tool's target; 25 mm on each axis in 0.1 s.", unit="m/s", minimum=0.0, maximum=2.0
    )
    max_rotation_speed: float = setting(
        1.0, "Largest angular speed of the tool's target.", unit="rad/s", minimum=0.0, maximum=6.0
    )
    max_command_age: float = setting(
        0.2, "Oldest observation that a command may answer; realtime only.", unit="s", minimum=0.01, maximum=5.0
    )
    max_silence: float = setting(
        0.2, "Longest time without a command or a robot state; realtime only.", unit="s", minimum=0.01, maximum=5.0
    )


class SafetyNode(Node):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__("safety")

        # -------------------- parameters --------------------
        self.settings = declare(self, SafetySettings)
        low, high = np.array(self.settings.workspace_low), np.array(self.settings.workspace_high)
        if low.shape != (3,) or high.shape != (3,) or (low >= high).any():
            raise SettingError("workspace_low and workspace_high are corners x y z, low below high")
        self.limits = Limits(low, high, self.settings.max_speed, self.settings.max_rotation_speed)
        self.lockstep = self.settings.clock == "lockstep"

        # -------------------- state --------------------
        self.state = SafetyStatus.ARMED if self.settings.armed_at_start else SafetyStatus.DISARMED
        self.reason = "" if self.settings.armed_at_start else "not armed yet"
        self.robot: RobotStatus | None = None
        self.held: Pose | None = None  # the target executed last: limits are measured from it
        self.gripper = 0.0
        self.executed: RobotCommand | None = None
        self.waiting: RobotCommand | None = None  # came before the state of its epoch
        self.robot_seen = self.command_seen = time.monotonic()
        self.silent = False
        self.counts = {"accepted": 0, "limited": 0, "held": 0}

        # -------------------- interfaces --------------------
        self.answers = self.create_publisher(RobotCommand, "command_executed", qos.COMMAND)
        self.status = self.create_publisher(SafetyStatus, "safety_status", qos.LATCHED)
        self.create_subscription(RobotCommand, "command", self.on_command, qos.COMMAND)
        self.create_subscription(RobotStatus, "robot_status", self.on_robot, qos.robot_status(lockstep=self.lockstep))
        self.create_subscription(TeleopAction, "teleop", self.on_teleop, qos.TELEOP)
        self.create_subscription(Empty, "stop", lambda _: self.stop("stop was published"), qos.TELEOP)
        self.create_service(SetBool, "arm", self.on_arm)
        self.create_service(Trigger, "emergency_stop", self.on_stop)
        self.create_service(Trigger, "clear_stop", self.on_clear)
        self.diagnostics = Diagnostics(self, lambda: {"state": self.state, "reason": self.reason} | self.counts)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1.0, self.publish_status, clock=steady)
        if not self.lockstep:
            self.create_timer(self.settings.max_silence / 4, self.on_watchdog, clock=steady)
        self.publish_status()

    # -------------------- commands --------------------
    def on_robot(self, status: RobotStatus) -> None:
        """Follow the robot; after a reset, limits are measured from the target that it holds then."""
        self.robot_seen = time.monotonic()
        # A robot's node that was started again counts from 0, perhaps in an epoch of the same number.
        if self.robot is None or status.epoch != self.robot.epoch or status.sequence < self.robot.sequence:
            self.held = Pose(position_array(status.target), quaternion_array(status.target))
            self.gripper = status.gripper
            self.executed = None
        self.robot = status
        if self.waiting is not None and self.waiting.epoch == status.epoch:
            command, self.waiting = self.waiting, None
            self.on_command(command)

    def on_command(self, command: RobotCommand) -> None:
        """Judge one command and answer it. A command that was answered is answered the same again."""
        self.command_seen = time.monotonic()
        if self.robot is None or (command.epoch - self.robot.epoch) % 2**32 in range(1, 2**31):
            self.waiting = command
            return
        if command.epoch != self.robot.epoch:
            self.diagnostics.fault("stale epoch", "a command of the time before the last reset; dropped")
            return
        if self.executed is not None and command.sequence <= self.executed.sequence:
            if command.sequence == self.executed.sequence:
                self.answers.publish(self.executed)
            else:
                self.diagnostics.fault("old command", "a command came after a newer one; dropped")
            return
        assert self.held is not None
        answer = RobotCommand(header=command.header, sequence=command.sequence, epoch=command.epoch)
        answer.source = command.source
        pose, answer.gripper = self.held, self.gripper
        try:
            refusal = self.refusal(command)
            if refusal:
                raise CommandRefused(refusal)
            wanted = Pose(position_array(command.target), quaternion_array(command.target))
            seconds = self.seconds()
            pose, answer.reason = limited(wanted, self.held, command.gripper, seconds, self.limits)
            answer.gripper = command.gripper
            answer.verdict = RobotCommand.VERDICT_LIMITED if answer.reason else RobotCommand.VERDICT_ACCEPTED
            self.counts["limited" if answer.reason else "accepted"] += 1
        except CommandRefused as refused:
            answer.verdict, answer.reason = RobotCommand.VERDICT_HELD, str(refused)
            answer.source = RobotCommand.SOURCE_HOLD
            self.counts["held"] += 1
            self.diagnostics.fault("held", f"command {command.sequence} held: {refused}")
        answer.target = pose_message(pose.position, pose.quaternion)
        self.execute(answer, pose)

    def execute(self, answer: RobotCommand, pose: Pose) -> None:
        """Send the answer; it is what the robot holds from now on."""
        self.held, self.gripper, self.executed = pose, answer.gripper, answer
        self.executed_at = time.monotonic()
        self.answers.publish(answer)
        self.diagnostics.event("commands")

    def refusal(self, command: RobotCommand) -> str:
        """Why the command may not pass at all, or nothing."""
        assert self.robot is not None
        if self.state == SafetyStatus.STOPPED:
            return f"stopped: {self.reason}"
        if self.state == SafetyStatus.DISARMED:
            return f"disarmed: {self.reason}"
        if self.lockstep:
            return ""
        age = (nanoseconds(self.robot.header.stamp) - nanoseconds(command.header.stamp)) * 1e-9
        if age > self.settings.max_command_age:
            return f"it answers an observation of {age:.2f} s ago"
        if age < -self.settings.max_command_age:
            return f"it answers an observation that is {-age:.2f} s ahead of the robot"
        if time.monotonic() - self.robot_seen > self.settings.max_silence:
            return "the robot's state is silent"
        return ""

    def seconds(self) -> float:
        """The time that a motion has: one period, in realtime no more than has passed since the last one."""
        assert self.robot is not None
        period = self.robot.control_period
        if self.lockstep or self.executed is None:
            return period
        # A tick may come a little early; a flood of commands gets no more speed than one.
        passed = time.monotonic() - self.executed_at
        return period if passed > 0.8 * period else passed

    # -------------------- arming --------------------
    def stop(self, reason: str) -> None:
        """Latch the emergency stop: the arm holds the target executed last, at most one step away."""
        if self.state == SafetyStatus.STOPPED:
            return
        self.state, self.reason = SafetyStatus.STOPPED, reason
        self.get_logger().error(f"emergency stop: {reason}")
        self.publish_status()

    def on_teleop(self, action: TeleopAction) -> None:
        """The operator's stop."""
        if action.event == TeleopAction.EVENT_STOP:
            self.stop("the operator pressed stop")

    def on_stop(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Service ``emergency_stop``."""
        self.stop("emergency_stop was called")
        response.success = True
        return response

    def on_clear(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Service ``clear_stop``: a person has looked; the arm must still be armed."""
        response.success = self.state == SafetyStatus.STOPPED
        response.message = "" if response.success else "there is no emergency stop to clear"
        if response.success:
            self.state, self.reason = SafetyStatus.DISARMED, "not armed since the emergency stop"
            self.publish_status()
        return response

    def on_arm(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        """Service ``arm``: true arms, false disarms; a stop must be cleared first."""
        if self.state == SafetyStatus.STOPPED:
            # Only clear_stop ends a stop: disarming must not be a way around it.
            response.success = not request.data
            response.message = f"stopped ({self.reason}); call clear_stop first"
            return response
        self.state = SafetyStatus.ARMED if request.data else SafetyStatus.DISARMED
        self.reason = "" if request.data else "disarmed by request"
        self.publish_status()
        response.success = True
        return response

    # -------------------- watch --------------------
    def on_watchdog(self) -> None:
        """Say so when the actor or the robot is silent; the arm holds the last target by itself."""
        now = time.monotonic()
        silent = self.executed is not None and now - min(self.command_seen, self.robot_seen) > self.settings.max_silence
        if silent != self.silent:
            self.silent = silent
            if silent:
                who = "robot" if self.robot_seen < self.command_seen else "actor"
                self.diagnostics.fault("silence", f"no word from the {who}; the arm holds")
            self.publish_status()

    def publish_status(self) -> None:
        """Publish the word of safety."""
        reason = self.reason or ("a peer is silent; the arm holds" if self.silent else "")
        message = SafetyStatus(state=self.state, reason=reason, **self.counts)
        message.header.stamp = self.get_clock().now().to_msg()
        self.status.publish(message)


def main() -> None:
    """Run the node."""
    run_node(SafetyNode)


if __name__ == "__main__":
    main()
