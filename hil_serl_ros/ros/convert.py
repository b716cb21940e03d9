"""Messages to arrays and back. Shapes, dtypes and units are the messages' (see msg/)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Pose
from sensor_msgs.msg import Image

from hil_serl_ros.learning.layout import ENVIRONMENT_STATE, IMAGE_PREFIX, STATE
from hil_serl_ros.msg import Observation
from hil_serl_ros.ros.compression import FORMATS, decode, size_of

MOST_PIXELS = 4 * 4096 * 4096  # decoded of one observation whose layout is not known


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


def observation_pictures(
    message: Observation, shapes: Mapping[str, tuple[int, int, int]] | None = None
) -> dict[str, np.ndarray]:
    """The pictures of an observation by camera, (3, height, width) uint8, red first, raw or compressed as they came.

    Args:
        message: the observation.
        shapes: of each camera's picture; a compressed one of another shape is refused before it is decoded. None: of
            any, up to ``MOST_PIXELS`` in all.

    Raises:
        ValueError: a picture that cannot be read, or names and pictures that do not pair.
    """
    names, files = message.image_names, message.compressed_images
    if len(files) and len(message.images):
        raise ValueError(f"{len(message.images)} raw and {len(files)} compressed images in one; send one kind")
    if not len(files):
        if len(names) != len(message.images):
            raise ValueError(f"{len(names)} image names for {len(message.images)} images")
        return {name: image_array(image) for name, image in zip(names, message.images, strict=True)}
    if len(names) != len(files):
        raise ValueError(f"{len(names)} image names for {len(files)} compressed images")
    if shapes is not None and sorted(names) != sorted(shapes):
        raise ValueError(f"compressed images of {', '.join(names)} came, not of {', '.join(shapes) or 'no camera'}")
    total = 0
    for name, file in zip(names, files, strict=True):
        if file.format not in FORMATS:
            raise ValueError(f"image format {file.format!r} of {name} is none of {', '.join(FORMATS)}")
        height, width = size_of(file.data, file.format)
        total += height * width
        if shapes is not None and (3, height, width) != shapes[name]:
            right = f"{shapes[name][2]}x{shapes[name][1]}"
            raise ValueError(f"the compressed image of {name} is {width}x{height}, not {right}")
        if shapes is None and total > MOST_PIXELS:
            raise ValueError(f"the compressed images have {total} pixels; at most {MOST_PIXELS} are decoded")
    return {name: decode(file.data, file.format) for name, file in zip(names, files, strict=True)}


def observation_arrays(
    message: Observation, images: Mapping[str, tuple[int, int, int]] | None = None
) -> dict[str, np.ndarray]:
    """An observation under lerobot's feature names: float32 vectors and (3, h, w) uint8 images.

    Args:
        message: the observation.
        images: a layout's, by which compressed pictures are judged before they are decoded; None: there is none.

    Raises:
        ValueError: an image that cannot be read, or names and images that do not pair.
    """
    arrays = {STATE: np.array(message.state, np.float32)}
    if len(message.environment_state):
        arrays[ENVIRONMENT_STATE] = np.array(message.environment_state, np.float32)
    shapes = None if images is None else {name.removeprefix(IMAGE_PREFIX): shape for name, shape in images.items()}
    return arrays | {IMAGE_PREFIX + name: image for name, image in observation_pictures(message, shapes).items()}
