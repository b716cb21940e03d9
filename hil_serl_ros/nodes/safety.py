"""Node ``safety``: the last word on every command, in a process of its own.

Default deny: a command passes only when armed, fresh, finite and in the limits, otherwise the robot
holds. Each command is answered on `command_executed` with what became of it, and only that is obeyed.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Any

import numpy as np
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from std_msgs.msg import Empty
from std_srvs.srv import SetBool, Trigger

from hil_serl_ros.env.limits import CommandRefused, Held, Limits, Pose, limited
from hil_serl_ros.env.safety_settings import SafetySettings
from hil_serl_ros.env.watch import Watch
from hil_serl_ros.msg import RobotCommand, RobotStatus, SafetyStatus, TeleopAction
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import pose_message, position_array, quaternion_array
from hil_serl_ros.ros.diagnostics import Diagnostics
from hil_serl_ros.ros.hands_listening import listen_to_hands
from hil_serl_ros.ros.parameters import declare
from hil_serl_ros.ros.run import main as run_node
from hil_serl_ros.ros.talkers import Talkers, with_info
from hil_serl_ros.ros.urgency import UrgencySettings, claim
from hil_serl_ros.settings import SettingError

REST = 2.0  # control periods without a command after which the arm has come to rest
TOGETHER = 0.5  # s within which two that speak on one topic are both there; no process is started again sooner
OWN = 32  # answers
WATCH_PERIOD = 0.02  # s between two looks at who is silent
NEXT = {
    SafetyStatus.DISARMED: "; when nobody is in reach of the arm, call the service arm (data: true)",
    SafetyStatus.STOPPED: "; look at the arm, then call the services clear_stop and arm",
}
STATES = {SafetyStatus.DISARMED: "disarmed", SafetyStatus.ARMED: "armed", SafetyStatus.STOPPED: "stopped"}


class SafetyNode(Node):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__("safety")

        # -------------------- parameters --------------------
        self.settings = declare(self, SafetySettings)
        low, high = np.array(self.settings.workspace_low), np.array(self.settings.workspace_high)
        if low.shape != (3,) or high.shape != (3,) or (low >= high).any():
            raise SettingError("workspace_low and workspace_high are corners x y z, low below high")
        if self.settings.gripper_low > self.settings.gripper_high:
            raise SettingError("gripper_low must not be above gripper_high")
        self.limits = Limits(
            low,
            high,
            self.settings.max_speed,
            self.settings.max_rotation_speed,
            self.settings.soft_edge,
            self.settings.max_acceleration,
            self.settings.gripper_low,
            self.settings.gripper_high,
            self.settings.max_gripper_speed,
        )
        self.lockstep = self.settings.clock == "lockstep"

        # -------------------- state --------------------
        self.watch = Watch(
            self.settings.max_command_age,
            self.settings.max_silence,
            self.settings.max_operator_silence,
            require_operator=self.settings.require_operator,
        )
        # What was latched before a kill is not known any more: where time goes on, a person looks first.
        killed = self.settings.restarts > 0 and not self.lockstep
        armed = self.settings.armed_at_start and not killed
        self.state = SafetyStatus.ARMED if armed else SafetyStatus.DISARMED
        self.reason = "" if armed else "safety was killed and started again" if killed else "not armed yet"
        self.robot: RobotStatus | None = None
        self.held: Held | None = None  # what was executed last: limits are measured from it
        self.executed: RobotCommand | None = None
        self.executed_at = 0.0  # s, monotonic
        self.waiting: RobotCommand | None = None  # came before the state of its epoch
        self.said: tuple[int, str, int] | None = None  # state, reason and driver published last
        self.silence = ""  # who is silent, realtime only
        self.actors, self.robots = Talkers(TOGETHER), Talkers(TOGETHER)
        self.own: deque[RobotCommand] = deque(maxlen=OWN)  # answers of this node, which it hears too
        self.counts = {"accepted": 0, "limited": 0, "held": 0}

        # -------------------- interfaces --------------------
        self.answers = self.create_publisher(RobotCommand, "command_executed", qos.COMMAND)
        self.status = self.create_publisher(SafetyStatus, "safety_status", qos.LATCHED)
        self.create_subscription(RobotCommand, "command", with_info(self.on_asked), qos.COMMAND)
        self.create_subscription(RobotCommand, "command_executed", self.on_answer, qos.COMMAND)
        robot = qos.robot_status(lockstep=self.lockstep)
        self.create_subscription(RobotStatus, "robot_status", with_info(self.on_state), robot)
        listen_to_hands(self, self.on_word, self.on_press, lockstep=self.lockstep)
        self.create_subscription(Empty, "stop", lambda _: self.stop("stop was published"), qos.TELEOP)
        self.create_service(SetBool, "arm", self.on_arm)
        self.create_service(Trigger, "emergency_stop", self.on_stop)
        self.create_service(Trigger, "clear_stop", self.on_clear)
        self.diagnostics = Diagnostics(
            self,
            lambda: {"state": STATES[self.state], "reason": self.now()[1], **self.counts},
            problem=lambda: self.reason if self.state == SafetyStatus.STOPPED else "",
        )
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1.0, lambda: self.tell(always=True), clock=steady)
        if not self.lockstep:
            self.watchdog = self.create_timer(WATCH_PERIOD, self.on_watchdog, clock=steady)
            self.watchdog.cancel()  # it looks from the first command on: before, nobody can fall silent
        self.tell()
        claim(self, declare(self, UrgencySettings), realtime=not self.lockstep, quick=True)

    # -------------------- who speaks --------------------
    def on_asked(self, command: RobotCommand, info: dict[str, Any]) -> None:
        """A command came. Of two actors none moves the arm."""
        self.actors.hear("", info["publication_sequence_number"], time.monotonic())
        if len(self.actors.present) > 1:
            self.stop("two nodes publish `command`; end one of them, then call clear_stop")
        self.on_command(command)

    def on_state(self, status: RobotStatus, info: dict[str, Any]) -> None:
        """A state came. Two robots would both do what one is told."""
        self.robots.hear("", info["publication_sequence_number"], time.monotonic())
        if len(self.robots.present) > 1:
            self.stop("two nodes publish `robot_status`; end one of them, or give it a namespace, then call clear_stop")
        self.on_robot(status)

    def on_answer(self, answer: RobotCommand) -> None:
        """An answer was given; if not by this node, then there is another word that the robot obeys."""
        if answer not in self.own:
            self.stop("another node publishes `command_executed`; end it, then call clear_stop")

    def answer(self, answer: RobotCommand) -> None:
        """Publish an answer."""
        self.own.append(answer)
        self.answers.publish(answer)

    # -------------------- commands --------------------
    def on_robot(self, status: RobotStatus) -> None:
        """Follow the robot; after a reset, limits are measured from the target that it holds then."""
        self.watch.on_robot(status)
        # A robot's node that was started again counts from 0, perhaps in an epoch of the same number.
        if self.robot is None or status.epoch != self.robot.epoch or status.sequence < self.robot.sequence:
            pose = Pose(position_array(status.target), quaternion_array(status.target))
            self.held = Held(pose, status.gripper, np.zeros(3))
            self.executed = None
        self.robot = status
        if self.waiting is not None and self.waiting.epoch == status.epoch:
            command, self.waiting = self.waiting, None
            self.on_command(command)

    def on_command(self, command: RobotCommand) -> None:
        """Judge one command and answer it. A command that was answered is answered the same again."""
        if not self.lockstep and not self.watch.commanded:
            self.watchdog.reset()
        self.watch.on_command()
        if self.robot is None or (command.epoch - self.robot.epoch) % 2**32 in range(1, 2**31):
            self.waiting = command
            return
        if command.epoch != self.robot.epoch:
            self.diagnostics.fault(
                "stale epoch",
                "a command of the time before the last reset; dropped: if it goes on, start policy_actor anew",
            )
            return
        if self.executed is not None and command.sequence <= self.executed.sequence:
            if command.sequence == self.executed.sequence:
                self.answer(self.executed)
            else:
                self.diagnostics.fault(
                    "old command",
                    "a command came after a newer one; dropped: if it goes on, two nodes publish `command`",
                )
            return
        assert self.held is not None
        answer = RobotCommand(header=command.header, sequence=command.sequence, epoch=command.epoch)
        answer.source = command.source
        if self.settings.restarts and self.executed is None and command.sequence == self.robot.sequence:
            # It was answered before this process was started: what the robot holds is what became of it.
            answer.target, answer.gripper = self.robot.target, self.robot.gripper
            answer.verdict, answer.reason = RobotCommand.VERDICT_LIMITED, "executed before safety was started"
            self.answer(answer)
            return
        try:
            refusal = self.refusal(command)
            if refusal:
                raise CommandRefused(refusal)
            wanted = Pose(position_array(command.target), quaternion_array(command.target))
            self.held, answer.reason = limited(wanted, command.gripper, *self.start(), self.limits)
            answer.verdict = RobotCommand.VERDICT_LIMITED if answer.reason else RobotCommand.VERDICT_ACCEPTED
            self.counts["limited" if answer.reason else "accepted"] += 1
        except CommandRefused as refused:
            self.held = self.held.at_rest()
            answer.verdict, answer.reason = RobotCommand.VERDICT_HELD, str(refused)
            answer.source = RobotCommand.SOURCE_HOLD
            self.counts["held"] += 1
            self.diagnostics.fault("held", f"command {command.sequence} held: {refused}{NEXT.get(self.state, '')}")
        answer.target = pose_message(self.held.pose.position, self.held.pose.quaternion)
        answer.gripper = self.held.gripper
        self.executed, self.executed_at = answer, time.monotonic()
        self.answer(answer)
        self.diagnostics.event("commands")
        self.tell()

    def refusal(self, command: RobotCommand) -> str:
        """Why the command may not pass at all, or nothing."""
        assert self.robot is not None
        if self.state == SafetyStatus.STOPPED:
            return f"stopped: {self.reason}"
        if self.state == SafetyStatus.DISARMED:
            return f"disarmed: {self.reason}"
        return "" if self.lockstep else self.watch.refusal(command)

    def start(self) -> tuple[Held, float]:
        """What a motion is measured from, and its time (s): one period, in realtime no more than has passed."""
        assert self.robot is not None
        assert self.held is not None
        period = self.robot.control_period
        if self.lockstep or self.executed is None:
            return self.held, period
        # A tick may come a little early; a flood of commands gets no more speed than one. A pause is a rest.
        passed = time.monotonic() - self.executed_at
        held = self.held.at_rest() if passed > REST * period else self.held
        return held, period if passed > 0.8 * period else passed

    # -------------------- arming --------------------
    def stop(self, reason: str) -> None:
        """Latch the emergency stop: the arm holds the target executed last, at most one step away."""
        if self.state == SafetyStatus.STOPPED:
            return
        self.state, self.reason = SafetyStatus.STOPPED, reason
        self.get_logger().error(f"emergency stop: {reason}{'' if 'clear_stop' in reason else NEXT[self.state]}")
        self.tell()

    def on_press(self, action: TeleopAction) -> None:
        """The operator's stop."""
        if action.event == TeleopAction.EVENT_STOP:
            self.stop("the operator pressed stop" + (f" on {action.source}" if action.source else ""))
        self.watch.on_press(action)

    def on_word(self, action: TeleopAction) -> None:
        """The heartbeat of the operator's hands; their stop by this way too, whichever is the sooner."""
        if action.event == TeleopAction.EVENT_STOP:
            self.on_press(action)
        self.watch.on_word(action)

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
            self.tell()
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
        self.tell()
        response.success = True
        return response

    # -------------------- watch --------------------
    def on_watchdog(self) -> None:
        """Say so when the actor, the robot or the hands that drive are silent; the arm holds by itself."""
        before, self.silence = self.silence, self.watch.complaint()
        if self.silence and not before:
            self.diagnostics.fault("silence", self.silence)
        if self.silence != before:
            self.tell()

    def now(self) -> tuple[int, str, int]:
        """State, why the arm holds, and who moves it."""
        if self.state != SafetyStatus.ARMED:
            return self.state, self.reason, RobotCommand.SOURCE_HOLD
        if self.silence:
            return self.state, self.silence, RobotCommand.SOURCE_HOLD
        if self.executed is None:
            return self.state, "", RobotCommand.SOURCE_HOLD
        held = self.executed.verdict == RobotCommand.VERDICT_HELD
        return self.state, self.executed.reason if held else "", self.executed.source

    def tell(self, *, always: bool = False) -> None:
        """Publish the word of safety if it is another one than before."""
        word = self.now()
        if word == self.said and not always:
            return
        self.said = word
        message = SafetyStatus(state=word[0], reason=word[1], driver=word[2], **self.counts)
        message.header.stamp = self.get_clock().now().to_msg()
        self.status.publish(message)


def main() -> None:
    """Run the node."""
    run_node(SafetyNode)


if __name__ == "__main__":
    main()
