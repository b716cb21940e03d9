"""One camera's topics: picture, calibration and, where there is one, depth."""

from __future__ import annotations

from array import array

import numpy as np
from builtin_interfaces.msg import Time
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header


class CameraPublisher:
    """Publishes ``<camera>/image_raw``, ``<camera>/camera_info`` and ``<camera>/depth``.

    The frame is ``<camera>_optical_frame``: x right, y down, z forward (REP-103).
    """

    def __init__(self, node: Node, camera: str, profile: QoSProfile, *, depth: bool = False) -> None:
        self._frame = f"{camera}_optical_frame"
        self._images = node.create_publisher(Image, f"{camera}/image_raw", profile)
        self._infos = node.create_publisher(CameraInfo, f"{camera}/camera_info", profile)
        self._depths = node.create_publisher(Image, f"{camera}/depth", profile) if depth else None

    def publish(self, stamp: Time, picture: np.ndarray, info: CameraInfo, depth: np.ndarray | None = None) -> None:
        """A picture (height, width, 3) uint8 red first, and depth (height, width) float32 in m."""
        header = Header(stamp=stamp, frame_id=self._frame)
        info.header = header
        self._infos.publish(info)
        self._images.publish(image_message(header, picture))
        if self._depths is not None and depth is not None:
            self._depths.publish(image_message(header, depth, "32FC1"))


def image_message(header: Header, pixels: np.ndarray, encoding: str = "rgb8") -> Image:
    """A message of pixels: rgb8 (height, width, 3) uint8, red first, or 32FC1 (height, width) float32."""
    height, width = pixels.shape[:2]
    image = Image(header=header, height=height, width=width, encoding=encoding)
    # An array goes into the message as it is; a sequence of any other kind is looked at number by number.
    image.data = array("B", pixels.tobytes())
    image.step = len(image.data) // height
    return image


def pinhole(width: int, height: int, focal: float, center_x: float, center_y: float) -> CameraInfo:
    """Calibration of an ideal camera; lengths in pixels."""
    info = CameraInfo(width=width, height=height, distortion_model="plumb_bob", d=[0.0] * 5)
    info.k = [focal, 0.0, center_x, 0.0, focal, center_y, 0.0, 0.0, 1.0]
    info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    info.p = [focal, 0.0, center_x, 0.0, 0.0, focal, center_y, 0.0, 0.0, 0.0, 1.0, 0.0]
    return info
