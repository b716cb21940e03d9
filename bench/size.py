"""Bytes of one transition on the wire and in the replay, state only and with two cameras: one table.

Run ``python bench/size.py`` (seconds). lerobot's replay buffer, which keeps each next observation as a second copy
unless told otherwise, stands beside ours.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image

from hil_serl_ros.learning.layout import panda_layout
from hil_serl_ros.learning.replay import Replay
from hil_serl_ros.learning.settings import LearnerSettings
from hil_serl_ros.msg import Observation, Transition

CAPACITY = 1000
SIDE = 128


def transition(cameras: tuple[str, ...]) -> Transition:
    """A step as the actor sends it in the middle of an episode."""
    message = Transition(robot="robot", run="pick_cube-20261122-120000", layout=panda_layout().hash)
    message.observation = Observation(state=[0.0] * 18, environment_state=[] if cameras else [0.0] * 3)
    message.observation.header.frame_id = "panda_link0"
    for name in cameras:
        image = Image(height=SIDE, width=SIDE, encoding="rgb8", step=3 * SIDE)
        image.data = np.zeros(3 * SIDE * SIDE, np.uint8).tobytes()
        message.observation.image_names.append(name)
        message.observation.images.append(image)
    message.action = [0.0] * 4
    return message


def in_memory(cameras: tuple[str, ...], **changes: object) -> float:
    """Bytes of the replay's arrays per step that it can hold."""
    layout = panda_layout(environment_state=not cameras, images=dict.fromkeys(cameras, (3, SIDE, SIDE)))
    settings = LearnerSettings(online_buffer_capacity=CAPACITY, offline_buffer_capacity=16)
    return Replay(layout, dataclasses.replace(settings, **changes)).nbytes / (CAPACITY + 16)  # type: ignore[arg-type]


def main() -> None:
    """Measure and print."""
    print("| bytes of one step | on the wire | in the replay | lerobot's replay, next observation copied |")
    print("|---|---|---|---|")
    for label, cameras in (("state only", ()), ("two 128x128 cameras", ("front", "wrist"))):
        numbers = 18 + (0 if cameras else 3)
        images = len(cameras) * 3 * SIDE * SIDE
        # float32 vectors and images (lerobot's buffer is allocated in the dtype of the first transition: float32
        # images in its own learner), action 4, reward, done and truncated flags.
        theirs = 2 * (4 * numbers + 4 * images) + 4 * 4 + 4 + 2
        wire = len(serialize_message(transition(cameras)))
        print(f"| {label} | {wire:,} | {in_memory(cameras, feature_variants=0):,.0f} | {theirs:,} |")
    for encoder in ("small", "resnet10"):
        kept = in_memory(("front", "wrist"), vision_encoder=encoder)
        print(f"| the same, three variants of {encoder}'s features | {wire:,} | {kept:,.0f} | {theirs:,} |")


if __name__ == "__main__":
    main()
