"""Plays robots' nodes, each of which keeps the contract but for one rule: the parameter ``faults`` names the faults.

Each has a namespace of its own, ``/<fault>``. The tool is at its target within a control period of each command; the
"joints" are its coordinates.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import PoseStamped, TwistStamped
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.executors import Executor
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Header

from hil_serl_ros.msg import RobotCommand, RobotStatus, SafetyStatus
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import pose_message, position_array, quaternion_array, stamp_of
from hil_serl_ros.ros.run import main as run_node
from hil_serl_ros.ros.run import spin
from hil_serl_ros.srv import ResetWorld

PERIOD = 0.1  # s
TICK = 0.02  # s
HOME = np.array([0.4, 0.0, 0.2])
DOWN = np.array([0.0, 1.0, 0.0, 0.0])
IDLE = 1.5  # s


class WrongRobot(Node):
    """A tool that flies."""

    def __init__(self, fault: str, *, lockstep: bool) -> None:
        super().__init__("wrong_robot", namespace=fault, start_parameter_services=False)
        self.fault = fault.replace("_", " ")
        self.lockstep = lockstep
        self.time = 10.0
        self.sequence, self.epoch, self.gripper = 0, 7, 0.0
        self.target, self.quaternion = HOME.copy(), DOWN.copy()
        self.tool, self.velocity = HOME.copy(), np.zeros(3)
        self.commanded = self.told = time.monotonic()
        self.count = 0
        self.armed = True
        state = qos.publish_state(lockstep=self.lockstep and self.fault != "best effort")
        self.joints = self.create_publisher(JointState, "joint_states", state)
        self.pose = self.create_publisher(PoseStamped, "tool_pose", state)
        if self.fault != "no twist":
            self.twist = self.create_publisher(TwistStamped, "tool_twist", state)
        kept = qos.robot_status(lockstep=self.lockstep)
        self.status = self.create_publisher(RobotStatus, "robot_status", kept)
        self.create_subscription(RobotCommand, "command_executed", self.on_command, qos.COMMAND)
        self.create_subscription(SafetyStatus, "safety_status", self.on_safety, qos.LATCHED)
        if self.fault == "requested":
            self.create_subscription(RobotCommand, "command", self.on_command, qos.COMMAND)
        self.create_service(ResetWorld, "reset_world", self.on_reset)
        if not self.lockstep:
            self.create_timer(TICK, self.on_timer, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.publish()

    # -------------------- commands --------------------
    def on_command(self, command: RobotCommand) -> None:
        """Obey, or not."""
        self.commanded = time.monotonic()
        if command.epoch != self.epoch and self.fault != "any epoch":
            return
        again, old = command.sequence == self.sequence, command.sequence < self.sequence
        if again and command.epoch == self.epoch:
            if self.fault == "again":
                self.obey(command)
            if self.lockstep and self.fault != "no repeat":
                self.publish()
            return
        if old and self.fault != "old":
            return
        self.sequence = command.sequence + (self.fault == "number")
        self.obey(command)
        if self.lockstep:
            self.step(PERIOD * (2 if self.fault == "two steps" else 1))
            self.publish()

    def obey(self, command: RobotCommand) -> None:
        """Take the target."""
        target, quaternion = position_array(command.target), quaternion_array(command.target)
        if np.isfinite([*target, *quaternion, command.gripper]).all() or self.fault == "nan":
            self.target, self.quaternion = target, quaternion
            if self.fault != "gripper":
                self.gripper = command.gripper

    def on_safety(self, status: SafetyStatus) -> None:
        """Heed a stop."""
        self.armed = status.state == SafetyStatus.ARMED

    def on_reset(self, request: ResetWorld.Request, response: ResetWorld.Response) -> ResetWorld.Response:
        """Home."""
        if request.seed < 0 and self.fault != "seed":
            response.message = "a seed is 0 or more"
            return response
        if not self.armed and self.fault != "moves when stopped":
            response.message = "stopped"
            return response
        away = np.array([0.0, 0.1, 0.0])
        self.target = HOME + (away if self.fault == "far" or not self.armed else 0.0)
        self.tool, self.velocity = HOME.copy() if self.armed else self.target.copy(), np.zeros(3)
        self.epoch += self.fault != "same epoch"
        self.time += PERIOD
        response.success, response.status = True, self.publish()
        return response

    # -------------------- time --------------------
    def on_timer(self) -> None:
        """Time passes."""
        passed, self.told = time.monotonic() - self.told, time.monotonic()
        self.step(passed / 2 if self.fault == "slow clock" else passed)
        self.count += 1
        if self.fault != "rare" or self.count % 12 == 0:
            self.publish()

    def step(self, seconds: float) -> None:
        """Fly towards the target, in a control period."""
        before = self.tool.copy()
        target = self.target.copy()
        if self.fault == "mirrored":
            target[1] = 2 * HOME[1] - target[1]
        self.tool = before + (target - before) * min(seconds / (PERIOD / 2), 1.0)
        self.velocity = (self.tool - before) / seconds
        self.time += seconds
        if self.fault == "wanders" and time.monotonic() - self.commanded > IDLE:
            self.target[1] += 1e-4

    def publish(self) -> RobotStatus:
        """Say all of it."""
        header = Header(stamp=self.stamp(), frame_id="base")
        status = RobotStatus(header=header, sequence=self.sequence, epoch=self.epoch, lockstep=self.lockstep)
        status.target = pose_message(self.target, self.quaternion)
        status.gripper = self.gripper
        status.control_period = 0.0 if self.fault == "no period" else PERIOD
        parts: list[Callable[[], None]] = [self.say_joints, self.say_pose, self.say_twist]
        parts.insert(0 if self.fault == "status first" else 3, lambda: self.status.publish(status))
        self.header = header
        for say in parts:
            say()
        return status

    def stamp(self) -> Time:
        """The instant."""
        back = 0.15 if self.fault == "back" and self.count % 10 == 9 else 0.0
        return stamp_of(round((self.time - back) * 1e9))

    def say_joints(self) -> None:
        """Three joints."""
        names = ["a", "b", "b" if self.fault == "names" else "c"]
        joints = JointState(header=self.header, name=names, position=self.tool.tolist())
        joints.velocity = (self.velocity * (180 / np.pi if self.fault == "degrees" else 1.0)).tolist()
        self.joints.publish(joints)

    def say_pose(self) -> None:
        """The tool."""
        header = Header(stamp=self.header.stamp, frame_id="/base" if self.fault == "slash" else "base")
        if self.fault == "apart":
            header.stamp = stamp_of(round((self.time + 0.001) * 1e9))
        self.pose.publish(PoseStamped(header=header, pose=pose_message(self.tool, DOWN * self.norm)))

    @property
    def norm(self) -> float:
        """Of its quaternion."""
        return 2.0 if self.fault == "norm" else 1.0

    def say_twist(self) -> None:
        """Its velocity."""
        if self.fault == "no twist":
            return
        twist = TwistStamped(header=self.header)
        sign = -1.0 if self.fault == "twist of the tool" else 1.0
        linear = twist.twist.linear
        linear.x, linear.y, linear.z = (self.velocity * np.array([1.0, sign, sign])).tolist()
        self.twist.publish(twist)


class WrongRobots(Node):
    """All of one clock."""

    def run(self, executor: Executor) -> None:
        """Bring them up."""
        faults = self.declare_parameter("faults", [""]).value
        lockstep = self.declare_parameter("clock", "lockstep").value == "lockstep"
        robots = [WrongRobot(fault, lockstep=lockstep) for fault in faults]
        for robot in robots:
            executor.add_node(robot)
        spin(executor, self)


if __name__ == "__main__":
    run_node(lambda: WrongRobots("wrong_robots"))
