"""Messages to arrays and back. Shapes, dtypes and units are the messages' (see msg/)."""

from __future__ import annotations

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Pose
from sensor_msgs.msg import Image

from hil_serl_ros.learning.layout import ENVIRONMENT_STATE, IMAGE_PREFIX, STATE
from hil_serl_ros.msg import Observation


def nanoseconds(stamp: Time) -> int:
    """A stamp as whole nanoseconds, to compare and to join by."""
    return stamp.sec * 1_000_000_000 + stamp.nanosec


def stamp_of(nanosecond: int) -> Time:
    """A stamp from whole nanoseconds."""
    return Time(sec=nanosecond // 1_000_000_000, nanosec=nanosecond % 1_000_000_000)


def pose_message(position: np.ndarray, quaternion_wxyz: np.ndarray) -> Pose:
    """A pose from a position (3,) in m and a unit quaternion (4,) in MuJoCo's order w x y z."""
    pose = Pose()
    pose.position.x, pose.position.y, pose.position.z = (float(v) for v in position)
    w, x, y, z = (float(v) for v in quaternion_wxyz)
    pose.orientation.w, pose.orientation.x, pose.orientation.y, pose.orientation.z = w, x, y, z
    return pose


def position_array(pose: Pose) -> np.ndarray:
    """Position of a pose, (3,) float64, m."""
    return np.array([pose.position.x, pose.position.y, pose.position.z])


def quaternion_array(pose: Pose) -> np.ndarray:
    """Orientation of a pose, (4,) float64, w x y z."""
    return np.array([pose.orientation.w, pose.orientation.x, pose.orientation.y, pose.orientation.z])


def image_array(message: Image) -> np.ndarray:
    """An rgb8 or bgr8 image as (3, height, width) uint8, red first.

    Raises:
        ValueError: another encoding, or fewer bytes than the size says.
    """
    if message.encoding not in ("rgb8", "bgr8"):
        raise ValueError(f"image encoding {message.encoding!r} is not rgb8 or bgr8")
    rows = np.frombuffer(message.data, np.uint8)
    if message.step < message.width * 3 or rows.size < message.step * message.height:
        raise ValueError(f"image of {message.width}x{message.height} has {rows.size} bytes")
    pixels = rows[: message.step * message.height].reshape(message.height, message.step)[:, : message.width * 3]
    pixels = pixels.reshape(message.height, message.width, 3)
    if message.encoding == "bgr8":
        pixels = pixels[:, :, ::-1]
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def observation_arrays(message: Observation) -> dict[str, np.ndarray]:
    """An observation under lerobot's feature names: float32 vectors and (3, h, w) uint8 images.

    Raises:
        ValueError: an image that cannot be read, or names and images that do not pair.
    """
    arrays = {STATE: np.array(message.state, np.float32)}
    if len(message.environment_state):
        arrays[ENVIRONMENT_STATE] = np.array(message.environment_state, np.float32)
    if len(message.image_names) != len(message.images):
        raise ValueError(f"{len(message.image_names)} image names for {len(message.images)} images")
    for name, image in zip(message.image_names, message.images, strict=True):
        arrays[IMAGE_PREFIX + name] = image_array(image)
    return arrays
