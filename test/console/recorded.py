"""A recorded run with pictures, made up: what the learner's log would hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rclpy.serialization import serialize_message
from std_msgs.msg import Header

from hil_serl_ros.data.transition_log import TransitionLog
from hil_serl_ros.msg import Observation, Transition
from hil_serl_ros.ros.camera_publisher import image_message

CAMERAS = ("front", "wrist")


def picture(camera: int, done: float, seed: int, size: int = 128) -> np.ndarray:
    """uint8 (size, size, 3): a table and a cube that rises with ``done`` (0 to 1)."""
    rng = np.random.default_rng(seed)
    rows = np.linspace(0, 1, size)[:, None, None]
    image = np.where(rows > 0.55, np.array([150, 118, 88]), np.array([58, 70, 92])) * (1.15 - 0.3 * rows)
    image = image + rng.normal(0, 3, (size, size, 1))
    half = size // (10 if camera == 0 else 6)
    x = int(size * (0.3 + 0.4 * rng.random()))
    y = int(size * (0.75 - 0.4 * done))
    image[max(y - half, 0) : y + half, max(x - half, 0) : x + half] = (214, 64, 58)
    image[: max(y - half, 1), x - 2 : x + 2] = (215, 218, 224)
    return image.clip(0, 255).astype(np.uint8)


def observation(step: int, steps: int, seed: int, size: int = 128) -> Observation:
    """With a picture of each camera."""
    done = max(0.0, (step - steps / 2) / (steps / 2))
    images = [image_message(Header(), picture(i, done, seed, size)) for i in range(len(CAMERAS))]
    return Observation(image_names=list(CAMERAS), images=images)


def episode(
    number: int, steps: int, success_from: int | None, robot: str = "robot", size: int = 128
) -> list[Transition]:
    """``steps`` transitions; the frames from ``success_from`` on were recorded as success."""
    made = []
    for step in range(steps):
        message = Transition(robot=robot, run="run", episode=number, step=step, mode=Transition.MODE_COLLECT)
        message.observation = observation(step, steps, number, size)
        message.success = success_from is not None and step + 1 >= success_from
        if step == steps - 1:
            message.truncated = True
            message.final_observation = [observation(steps, steps, number, size)]
        made.append(message)
    return made


def record(folder: Path, steps: list[Transition]) -> None:
    """Write ``steps`` into the log of the run's ``folder``."""
    log = TransitionLog(folder / "log")
    for index, step in enumerate(steps):
        log.append(serialize_message(step), 1000 + index, index)
    log.close()
