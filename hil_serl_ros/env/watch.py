"""What must be fresh for a command to pass in real time: the robot, the command, and the hands it comes from."""

from __future__ import annotations

import time

from hil_serl_ros.env.teleop import Teleop
from hil_serl_ros.msg import RobotCommand, RobotStatus, TeleopAction
from hil_serl_ros.ros.convert import nanoseconds


class Watch:
    """Counts steady time between the words of robot, actor and operator.

    Args:
        max_command_age: oldest observation that a command may answer, control periods.
        max_silence: longest time without a command or a robot state, control periods.
        max_operator_silence: silence after which an operator's device is lost, s.
        require_operator: nothing passes unless some operator's device is there.
    """

    def __init__(
        self, max_command_age: float, max_silence: float, max_operator_silence: float, *, require_operator: bool
    ) -> None:
        self.teleop = Teleop(max_operator_silence)
        self.robot: RobotStatus | None = None
        self._max_command_age, self._max_silence = max_command_age, max_silence
        self._require_operator = require_operator
        self._robot_seen = self._command_seen = time.monotonic()
        self.commanded = False

    def on_word(self, action: TeleopAction) -> None:
        """The operator's hands spoke."""
        self.teleop.on_word(action)

    def on_press(self, action: TeleopAction) -> None:
        """The operator pressed something; their labels are the actor's."""
        self.teleop.on_event(action)
        self.teleop.take_events()

    def on_robot(self, status: RobotStatus) -> None:
        """The robot spoke."""
        self.robot, self._robot_seen = status, time.monotonic()

    def on_command(self) -> None:
        """The actor spoke."""
        self._command_seen, self.commanded = time.monotonic(), True

    def refusal(self, command: RobotCommand) -> str:
        """Why ``command`` may not pass, or nothing."""
        assert self.robot is not None
        age = (nanoseconds(self.robot.header.stamp) - nanoseconds(command.header.stamp)) * 1e-9
        oldest = self._max_command_age * self.robot.control_period
        if age > oldest:
            return f"it answers an observation of {age:.2f} s ago"
        if age < -oldest:
            return f"it answers an observation that is {-age:.2f} s ahead of the robot"
        if time.monotonic() - self._robot_seen > self._max_silence * self.robot.control_period:
            return "the robot's state is silent"
        return self._operator(command.source)

    def _operator(self, source: int) -> str:
        self.teleop.watch()
        if self.teleop.lost:
            return self.teleop.lost
        if not self.teleop.available and (self._require_operator or source == RobotCommand.SOURCE_HUMAN):
            return "no operator's device is there"
        return ""

    def complaint(self) -> str:
        """Why the arm holds though nobody has commanded anything wrong, or nothing."""
        if not self.commanded or self.robot is None:
            return ""
        now, longest = time.monotonic(), self._max_silence * self.robot.control_period
        if now - self._robot_seen > longest:
            return "no word from the robot; the arm holds"
        if now - self._command_seen > longest:
            return "no word from the actor; the arm holds"
        return self._operator(RobotCommand.SOURCE_POLICY)
