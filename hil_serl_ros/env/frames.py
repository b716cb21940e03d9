"""An image message as the frame that `images.py` judges."""

from __future__ import annotations

from sensor_msgs.msg import Image

from hil_serl_ros.env.images import Frame
from hil_serl_ros.ros.convert import nanoseconds


def frame_of(message: Image) -> Frame:
    """What the message says of its picture; the bytes are shared with it."""
    stamp = nanoseconds(message.header.stamp)
    return Frame(stamp, message.width, message.height, message.encoding, message.step, message.data)
