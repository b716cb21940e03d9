"""TF. It needs ``tf2_msgs``, which stock ROS 2 has and its wheels lack; without it nothing is published."""

from __future__ import annotations

import importlib.util

from geometry_msgs.msg import Pose, TransformStamped
from rclpy.node import Node
from std_msgs.msg import Header

from hil_serl_ros.ros import qos

AVAILABLE = importlib.util.find_spec("tf2_msgs") is not None


def transform(header: Header, child: str, pose: Pose) -> TransformStamped:
    """``child``'s frame stands at ``pose`` in the frame of ``header``."""
    message = TransformStamped(header=header, child_frame_id=child)
    translation = message.transform.translation
    translation.x, translation.y, translation.z = pose.position.x, pose.position.y, pose.position.z
    message.transform.rotation = pose.orientation
    return message


class TransformPublisher:
    """Publishes ``tf`` and ``tf_static``, where it can.

    The names are relative: robots in namespaces have frames of the same names, and must not share a tree.
    """

    def __init__(self, node: Node) -> None:
        self._moving = self._still = None
        if AVAILABLE:
            from tf2_msgs.msg import TFMessage

            self._moving = node.create_publisher(TFMessage, "tf", qos.TRANSFORMS)
            self._still = node.create_publisher(TFMessage, "tf_static", qos.LATCHED)

    @property
    def watchers(self) -> int:
        """How many listen."""
        return self._moving.get_subscription_count() if self._moving is not None else 0

    def send(self, transforms: list[TransformStamped]) -> None:
        """What moves, with its instant."""
        if self._moving is not None:
            from tf2_msgs.msg import TFMessage

            self._moving.publish(TFMessage(transforms=transforms))

    def send_static(self, transforms: list[TransformStamped]) -> None:
        """What never moves, all of it at once: latecomers get the last message only."""
        if self._still is not None:
            from tf2_msgs.msg import TFMessage

            self._still.publish(TFMessage(transforms=transforms))
