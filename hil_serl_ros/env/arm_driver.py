"""What is sent to another package's arm: the target of its Cartesian controller, and its gripper's command."""

from __future__ import annotations

from typing import Any

from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from std_msgs.msg import Float64MultiArray, Header

from hil_serl_ros.env.arm_settings import ArmSettings
from hil_serl_ros.env.limits import Pose
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import pose_message

DRY = ("dry_run/target_pose", "dry_run/gripper_command")


class ArmDriver:
    """Publishes for ``node``; in a dry run to topics that no arm listens to.

    The publishers are not there while somebody else brings the arm back: controllers refuse the targets of two.
    """

    def __init__(self, node: Node, settings: ArmSettings) -> None:
        self._node = node
        self._settings = settings
        self._topics = DRY if settings.dry_run else (settings.arm_target, settings.gripper_command)
        self._targets: Any = None
        self._grippers: Any = None
        self.let_go(False)

    def let_go(self, yes: bool) -> None:
        """End the publishers, or make them."""
        if yes:
            for publisher in filter(None, (self._targets, self._grippers)):
                self._node.destroy_publisher(publisher)
            self._targets = self._grippers = None
            return
        target, gripper = self._topics
        self._targets = self._node.create_publisher(PoseStamped, target, qos.TARGET)
        if self._settings.gripper_command:
            self._grippers = self._node.create_publisher(Float64MultiArray, gripper, qos.TARGET)

    def lead(self, target: Pose) -> None:
        """Tell the controller where the tool shall be."""
        if self._targets is not None:
            header = Header(stamp=self._node.get_clock().now().to_msg(), frame_id=self._settings.base_frame)
            pose = pose_message(target.position, target.quaternion)
            self._targets.publish(PoseStamped(header=header, pose=pose))

    def grip(self, closure: float) -> None:
        """Tell the gripper how far to close, 0 open to 1 closed."""
        if self._grippers is not None:
            settings = self._settings
            value = settings.gripper_open + closure * (settings.gripper_closed - settings.gripper_open)
            self._grippers.publish(Float64MultiArray(data=[value]))
