"""Raw observations as `state` would have compressed them."""

from __future__ import annotations

import copy
from array import array

from sensor_msgs.msg import CompressedImage

from hil_serl_ros.msg import Observation, Transition
from hil_serl_ros.ros.compression import encode
from hil_serl_ros.ros.convert import image_array


def compressed(message: Observation, kind: str = "png", quality: int = 90) -> Observation:
    """The same observation with its pictures as files."""
    made = copy.copy(message)
    made.images, made.compressed_images = [], []
    for image in message.images:
        file = CompressedImage(header=image.header, format=kind)
        file.data = array("B", encode(image_array(image).transpose(1, 2, 0), kind, quality))
        made.compressed_images.append(file)
    return made


def compressed_step(message: Transition, kind: str = "png") -> Transition:
    """The same step with its pictures as files."""
    made = copy.copy(message)
    made.observation = compressed(message.observation, kind)
    made.final_observation = [compressed(final, kind) for final in message.final_observation]
    return made
