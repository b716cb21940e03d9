"""Node ``cartesian_robot``: the robot, where a Cartesian controller of another package drives a real arm.

It obeys `command_executed`, leads the controller's target to it in small steps, and publishes the driver's state as the
graph knows it. While that state is stale or wrong it publishes none, and the arm holds. Realtime only.
"""

from __future__ import annotations

import time

import numpy as np
from geometry_msgs.msg import PoseStamped, TwistStamped
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Header

from hil_serl_ros.env.arm_driver import ArmDriver
from hil_serl_ros.env.arm_reset import ArmReset
from hil_serl_ros.env.arm_settings import ArmSettings, ResetSettings
from hil_serl_ros.env.arm_state import ArmSenses, ArmState, BadState, closure_of
from hil_serl_ros.env.arm_target import ArmTarget
from hil_serl_ros.env.limits import CommandRefused, Pose
from hil_serl_ros.msg import RobotCommand, RobotStatus
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import pose_message, position_array, quaternion_array, stamp_of
from hil_serl_ros.ros.diagnostics import Diagnostics
from hil_serl_ros.ros.parameters import declare
from hil_serl_ros.ros.run import main as run_node
from hil_serl_ros.ros.urgency import UrgencySettings, claim

EARLY = 0.75  # publish periods after which a timer's call counts as the next one
EPOCHS = 1_000_000  # of one life: after a restart no epoch comes twice
START = 3.0  # s for which a driver that says nothing is waited for without a word
LONG = 1.0  # s without a state after which nobody knows where the arm has been


class CartesianRobot(Node):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__("cartesian_robot")

        # -------------------- parameters --------------------
        self.settings = settings = declare(self, ArmSettings)
        resets = declare(self, ResetSettings)

        # -------------------- state --------------------
        self.senses = ArmSenses(settings.joint_names, settings.base_frame, settings.max_state_age)
        self.target = ArmTarget(settings)
        self.state: ArmState | None = None
        self.closure: float | None = None  # of the gripper, as it says itself
        self.sequence, self.epoch = 0, EPOCHS * settings.restarts
        self.status = RobotStatus()  # as published last
        self.stamped = 0  # ns, of the last state
        self.published = -np.inf  # s, when the last state was due
        self.problem = "no word of the arm's driver yet"  # why there is no good state; empty: there is
        self.lost, self.complained = time.monotonic(), False  # since when, s; whether that was said

        # -------------------- interfaces --------------------
        self.driver = ArmDriver(self, settings)
        self.create_subscription(JointState, settings.arm_joint_states, self.on_joints, qos.DRIVER)
        self.create_subscription(PoseStamped, settings.arm_pose, self.on_pose, qos.DRIVER)
        if settings.gripper_states:
            self.create_subscription(JointState, settings.gripper_states, self.on_gripper, qos.DRIVER)
        state = qos.publish_state(lockstep=False)
        self.joints = self.create_publisher(JointState, "joint_states", state)
        self.pose = self.create_publisher(PoseStamped, "tool_pose", state)
        self.twist = self.create_publisher(TwistStamped, "tool_twist", state)
        self.statuses = self.create_publisher(RobotStatus, "robot_status", qos.robot_status(lockstep=False))
        self.create_subscription(RobotCommand, "command_executed", self.on_command, qos.COMMAND)
        self.reset = ArmReset(self, resets, self.target, self.driver, self.over, dry=settings.dry_run)
        self.diagnostics = Diagnostics(self, self.figures, problem=lambda: self.problem)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.timer = self.create_timer(settings.target_period, self.on_timer, clock=steady)
        said = "a dry run: nothing moves" if settings.dry_run else f"targets go to {settings.arm_target}"
        self.get_logger().info(f"the arm of {settings.arm_pose}; {said}")
        claim(self, declare(self, UrgencySettings), realtime=True)

    # -------------------- from the driver --------------------
    def on_joints(self, message: JointState) -> None:
        """Keep the joints."""
        try:
            self.senses.on_joints(message, time.monotonic())
        except BadState as bad:
            self.diagnostics.fault(bad.kind, f"{bad}; the arm holds")

    def on_pose(self, message: PoseStamped) -> None:
        """Keep the tool's pose."""
        try:
            self.senses.on_pose(message, time.monotonic())
        except BadState as bad:
            self.diagnostics.fault(bad.kind, f"{bad}; the arm holds")

    def on_gripper(self, message: JointState) -> None:
        """Keep the closure."""
        settings = self.settings
        try:
            self.closure = closure_of(
                message, settings.gripper_joint, settings.gripper_state_open, settings.gripper_state_closed
            )
        except BadState as bad:
            self.diagnostics.fault(f"gripper: {bad.kind}", str(bad))

    # -------------------- from the graph --------------------
    def on_command(self, command: RobotCommand) -> None:
        """Take a target. The same number again asks for nothing."""
        number = command.sequence
        if command.epoch != self.epoch or self.reset.going:
            self.diagnostics.fault(
                "stale epoch", f"command {number} is of another epoch, or of before a reset that goes on; dropped"
            )
        elif number < self.sequence:
            self.diagnostics.fault(
                "old command",
                f"command {number} came after {self.sequence}; dropped: if it goes on, two nodes command",
            )
        elif number > self.sequence and not self.problem:
            self.sequence = number
            self.diagnostics.event("commands")
            try:
                if command.header.frame_id not in ("", self.settings.base_frame):
                    raise CommandRefused(f"it is in the frame {command.header.frame_id}")
                pose = Pose(position_array(command.target), quaternion_array(command.target))
                self.target.command(pose, command.gripper)
            except CommandRefused as refused:
                self.diagnostics.fault("bad command", f"command {number} refused, holding: {refused}")

    # -------------------- the loop --------------------
    def on_timer(self) -> None:
        """Look at the arm, go on with a reset, tell the controller its target, and now and then the graph the state."""
        now = time.monotonic()
        if not self.sense(now):
            return
        assert self.state is not None, "it was sensed"
        self.target.tick(now)
        self.reset.step(self.state.pose)
        if self.target.asked:
            self.driver.lead(self.target.lead(self.state.pose))
            if self.target.behind():
                self.diagnostics.fault(
                    "behind",
                    f"the tool stays more than {self.settings.max_lead} m or {self.settings.max_turn} rad behind its "
                    "target: look what is in its way, and whether its controller is active",
                )
        period = self.settings.publish_period
        if now - self.published > EARLY * period:
            # Due times are a grid: a state that comes late does not make the next ones late.
            self.published = self.published + period if now - self.published < 2 * period else now
            if self.target.gripped:
                self.driver.grip(self.target.closure)
            self.publish()

    def sense(self, now: float) -> bool:
        """Whether there is a good state; without one the arm holds, and after a while nobody knows where it was."""
        try:
            self.state = self.senses.at(now)
        except BadState as bad:
            if not self.problem:
                self.lost = now
            self.problem = str(bad)
            if not self.complained and (self.state is not None or now - self.lost > START):
                self.complained = True
                self.diagnostics.fault(bad.kind, f"{bad}; the arm holds")
            return False  # nor does the target's time go on
        if not self.target.there:
            self.take_back()
        elif self.problem and (now - self.lost > LONG or self.target.far(self.state.pose)):
            self.get_logger().warning("the arm's state is there again; it holds where it is, in a new epoch")
            self.take_back()
            self.epoch += 1
            self.reset.break_off("the arm's state was silent on the way back")
        self.problem, self.complained = "", False
        return True

    def publish(self) -> RobotStatus:
        """Publish the whole state with one stamp."""
        state, settings = self.state, self.settings
        assert state is not None, "it was sensed"
        nanosecond = self.get_clock().now().nanoseconds
        if nanosecond == self.stamped:
            return self.status  # a simulated time that stands still
        if nanosecond < self.stamped:
            self.diagnostics.fault("clock", "the clock went back; a new epoch begins: is the time being set?")
            self.epoch += 1
        self.stamped = nanosecond
        header = Header(stamp=stamp_of(nanosecond), frame_id=settings.base_frame)
        joints = JointState(header=header, name=settings.joint_names)
        joints.position, joints.velocity = state.positions.tolist(), state.velocities.tolist()
        joints.effort = state.efforts.tolist()
        self.joints.publish(joints)
        self.pose.publish(PoseStamped(header=header, pose=pose_message(state.pose.position, state.pose.quaternion)))
        twist = TwistStamped(header=header)
        linear, angular = twist.twist.linear, twist.twist.angular
        linear.x, linear.y, linear.z = state.linear.tolist()
        angular.x, angular.y, angular.z = state.angular.tolist()
        self.twist.publish(twist)
        status = RobotStatus(header=header, sequence=self.sequence, epoch=self.epoch, lockstep=False)
        status.target = pose_message(self.target.held.position, self.target.held.quaternion)
        status.gripper, status.control_period = self.target.closure, settings.control_period
        # The status goes last: who has it has the rest, or will.
        self.statuses.publish(status)
        self.status = status
        self.diagnostics.event("states")
        return status

    def over(self, epoch: bool) -> RobotStatus:
        """A reset ended: hold what it came to, in a new ``epoch`` if it moved anything; the status as published."""
        if self.settings.dry_run or (self.state is not None and self.target.far(self.state.pose)):
            self.take_back()
        self.epoch += epoch
        return self.status if self.problem else self.publish()

    def take_back(self) -> None:
        """Hold where the tool is, and the closure that the gripper has."""
        assert self.state is not None, "it was sensed"
        self.target.hold(self.state.pose)
        if not self.target.gripped:
            self.target.closure = self.closure or 0.0

    def figures(self) -> dict[str, object]:
        """Where it stands, for the diagnostics."""
        figures: dict[str, object] = {"epoch": self.epoch, "sequence": self.sequence, "dry run": self.settings.dry_run}
        return figures | {"reset": self.reset.doing.text or "none goes on"}


def main() -> None:
    """Run the node."""
    run_node(CartesianRobot)


if __name__ == "__main__":
    main()
