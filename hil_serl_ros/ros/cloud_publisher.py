"""One camera's point cloud: picture, depth and calibration of one instant, joined while somebody wants to see it."""

from __future__ import annotations

import time
from typing import Any

from rclpy.node import Node
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import nanoseconds
from hil_serl_ros.ros.diagnostics import Diagnostics
from hil_serl_ros.ros.points import cloud_of

KEPT = 4  # messages of one topic that wait for those of the others
TOPICS: dict[str, type] = {"image_raw": Image, "depth": Image, "camera_info": CameraInfo}


class CloudPublisher:
    """Publishes ``<camera>/points`` from ``image_raw``, ``depth`` and ``camera_info``, while somebody listens.

    Args:
        node: whose topics they are.
        camera: prefix of the topics.
        period: least time between two clouds, s.
        farthest: depth beyond which there is no point, m.
        diagnostics: counts clouds, and pictures that give none.
    """

    def __init__(self, node: Node, camera: str, period: float, farthest: float, diagnostics: Diagnostics) -> None:
        self._node, self._camera = node, camera
        self._period, self._farthest = period, farthest
        self._diagnostics = diagnostics
        self._clouds = node.create_publisher(PointCloud2, f"{camera}/points", qos.SHOWN)
        self._subscriptions: list[Subscription] = []
        self._waiting: dict[str, dict[int, Any]] = {}
        self._last = (0, -float("inf"))  # stamp and time of the last cloud

    def look(self) -> None:
        """Begin or end to listen, as somebody wants a cloud or nobody."""
        wanted = self._clouds.get_subscription_count() > 0
        if wanted and not self._subscriptions:
            self._waiting = {topic: {} for topic in TOPICS}
            # Best effort hears both kinds of publisher, and cannot hold a lockstep one up.
            profile = qos.receive_state(lockstep=False)
            for topic, kind in TOPICS.items():
                take = lambda message, topic=topic: self._take(topic, message)  # noqa: E731
                name = f"{self._camera}/{topic}"
                self._subscriptions.append(self._node.create_subscription(kind, name, take, profile))
            if not self._node.count_publishers(f"{self._camera}/depth"):
                self._diagnostics.fault(
                    "no depth",
                    f"nobody publishes {self._camera}/depth, so there are no {self._camera}/points; the simulated "
                    "robot does with the parameters cameras and depth: true",
                )
        elif not wanted and self._subscriptions:
            for subscription in self._subscriptions:
                self._node.destroy_subscription(subscription)
            self._subscriptions = []

    def _take(self, topic: str, message: Any) -> None:
        stamp = nanoseconds(message.header.stamp)
        waiting = self._waiting[topic]
        waiting[stamp] = message
        while len(waiting) > KEPT:
            waiting.pop(next(iter(waiting)))
        now = time.monotonic()
        complete = all(stamp in messages for messages in self._waiting.values())
        if not complete or stamp == self._last[0] or now - self._last[1] < self._period:
            return
        self._last = stamp, now
        picture, depth, info = (self._waiting[topic][stamp] for topic in TOPICS)
        try:
            self._clouds.publish(cloud_of(depth, picture, info, self._farthest))
        except ValueError as error:
            self._diagnostics.fault("no cloud", f"{self._camera}: {error}; no points")
            return
        self._diagnostics.event(f"{self._camera} clouds")
