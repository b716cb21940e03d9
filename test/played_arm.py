"""Plays an arm of another package: MuJoCo's Panda behind a Cartesian controller, with the community's topics.

It speaks as crisp_controllers on franka_ros2 do: `arm/target_pose` and a gripper's Float64MultiArray in,
`arm/joint_states` with the fingers among the joints and `arm/current_pose` out. On `play` a test says what goes wrong.
"""

from __future__ import annotations

import time

from geometry_msgs.msg import PoseStamped
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, Header, String

from hil_serl_ros.ros.convert import pose_message, position_array, quaternion_array
from hil_serl_ros.ros.run import main as run_node
from hil_serl_ros.sim.tasks import task_named
from hil_serl_ros.sim.world import World

PERIOD = 0.01  # s
MOST_LATE = 0.1  # s that it catches up with
SHOVE = 0.1  # m to the left, by hand


class PlayedArm(Node):
    """The parameter-free arm of `pick_cube`."""

    def __init__(self) -> None:
        super().__init__("played_arm")
        self.world = World(task_named("pick_cube"))
        self.wrong = ""  # silent, nan, frame, hang, limp or shove
        self.limp = False  # its controller is not active
        self.opening = 1.0
        self.behind = time.monotonic()
        self.stamp = self.get_clock().now().to_msg()
        self.joints = self.create_publisher(JointState, "arm/joint_states", 1)
        self.pose = self.create_publisher(PoseStamped, "arm/current_pose", 1)
        self.gripper = self.create_publisher(JointState, "arm/gripper_states", 1)
        self.create_subscription(PoseStamped, "arm/target_pose", self.on_target, 1)
        self.create_subscription(Float64MultiArray, "arm/gripper_command", self.on_gripper, 1)
        self.create_subscription(String, "play", self.on_play, 10)
        self.create_timer(PERIOD, self.on_timer, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def on_target(self, message: PoseStamped) -> None:
        """Follow, unless the controller is not active."""
        # crisp_controllers refuse the targets of two.
        if not self.limp and self.count_publishers("arm/target_pose") == 1:
            self.world.set_target(position_array(message.pose), quaternion_array(message.pose), 1.0 - self.opening)

    def on_gripper(self, message: Float64MultiArray) -> None:
        """1 opens, 0 closes."""
        self.opening = message.data[0]
        self.world.set_target(self.world.target_position, self.world.target_quaternion_wxyz, 1.0 - self.opening)

    def on_play(self, message: String) -> None:
        """Something goes wrong, or a hand pushes the arm."""
        self.wrong = message.data
        self.limp = self.wrong in ("limp", "shove") or (self.limp and self.wrong == "silent")
        if self.wrong == "shove":
            position = self.world.tool_position
            position[1] += SHOVE
            self.world.set_target(position, self.world.target_quaternion_wxyz, 1.0 - self.opening)

    def on_timer(self) -> None:
        """Let the physics come to now, and tell."""
        now = time.monotonic()
        self.world.advance(min(now - self.behind, MOST_LATE))
        self.behind = now
        if self.wrong == "silent":
            return
        if self.wrong != "hang":
            self.stamp = self.get_clock().now().to_msg()
        world = self.world
        header = Header(stamp=self.stamp, frame_id="elsewhere" if self.wrong == "frame" else "base")
        names = ["finger1", *(f"panda_joint{i}" for i in range(7, 0, -1)), "finger2"]
        joints = JointState(header=header, name=names)
        joints.position = [0.04, *world.joint_positions[::-1].tolist(), 0.04]
        joints.velocity = [0.0, *world.joint_velocities[::-1].tolist(), 0.0]
        self.joints.publish(joints)
        pose = pose_message(world.tool_position, world.tool_quaternion_wxyz)
        if self.wrong == "nan":
            pose.position.x = float("nan")
        self.pose.publish(PoseStamped(header=header, pose=pose))
        self.gripper.publish(JointState(header=header, name=["gripper_joint"], position=[self.opening]))


if __name__ == "__main__":
    run_node(PlayedArm)
