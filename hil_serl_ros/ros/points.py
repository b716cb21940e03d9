"""Point clouds from depth and colour. They need ``sensor_msgs_py``, which stock ROS 2 has and its wheels lack."""

from __future__ import annotations

import importlib.util

import numpy as np
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField

from hil_serl_ros.ros.convert import image_array

AVAILABLE = importlib.util.find_spec("sensor_msgs_py") is not None
LAYOUT = np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("rgb", "<f4")])
FIELDS = [
    PointField(name=name, offset=LAYOUT.fields[name][1], datatype=PointField.FLOAT32, count=1)  # type: ignore[index]
    for name in ("x", "y", "z", "rgb")
]


def depth_array(message: Image) -> np.ndarray:
    """A 32FC1 depth image (REP-118) as (height, width) float32, m along the optical axis.

    Raises:
        ValueError: another encoding, or fewer bytes than the size says.
    """
    if message.encoding != "32FC1":
        raise ValueError(f"depth encoding {message.encoding!r} is not 32FC1")
    data = np.frombuffer(message.data, np.uint8)
    if message.step < 4 * message.width or data.size < message.step * message.height:
        raise ValueError(f"depth image of {message.width}x{message.height} has {data.size} bytes")
    rows = data[: message.step * message.height].reshape(message.height, message.step)[:, : 4 * message.width]
    return np.ascontiguousarray(rows).view(">f4" if message.is_bigendian else "<f4").astype(np.float32)


def points_of(depth: np.ndarray, colour: np.ndarray, k: np.ndarray, farthest: float) -> np.ndarray:
    """Points of a pinhole camera's picture, (n,) of ``LAYOUT``, m in the optical frame (x right, y down, z forward).

    Pixels without a finite depth, or with one beyond ``farthest``, give no point.

    Args:
        depth: (height, width) float32, m along the optical axis.
        colour: (3, height, width) uint8, red first, of the same pixels.
        k: (9,) or (3, 3) camera matrix of ``CameraInfo``, pixels.
        farthest: m.

    Raises:
        ValueError: picture and depth of two sizes, or a camera without focal length.
    """
    if colour.shape[1:] != depth.shape:
        raise ValueError(f"a picture of {colour.shape[2]}x{colour.shape[1]} has depth of {depth.shape[::-1]}")
    matrix = np.reshape(k, (3, 3))
    if not (matrix[0, 0] > 0 and matrix[1, 1] > 0):
        raise ValueError("the camera's calibration has no focal length")
    with np.errstate(invalid="ignore"):
        v, u = np.nonzero(np.isfinite(depth) & (depth > 0) & (depth <= farthest))
    z = depth[v, u]
    points = np.empty(len(z), LAYOUT)
    points["x"] = (u - matrix[0, 2]) / matrix[0, 0] * z
    points["y"] = (v - matrix[1, 2]) / matrix[1, 1] * z
    points["z"] = z
    red, green, blue = colour[:, v, u].astype(np.uint32)
    # The bits of a float are 0x00RRGGBB: PCL's custom, which rviz2 reads.
    points["rgb"] = (red << 16 | green << 8 | blue).view(np.float32)
    return points


def cloud_of(depth: Image, colour: Image, info: CameraInfo, farthest: float) -> PointCloud2:
    """The cloud of one camera's messages, with the depth's stamp and frame.

    Raises:
        ValueError: pictures that cannot be read or do not go together.
    """
    from sensor_msgs_py import point_cloud2

    points = points_of(depth_array(depth), image_array(colour), info.k, farthest)
    cloud: PointCloud2 = point_cloud2.create_cloud(depth.header, FIELDS, points)
    cloud.is_dense = True  # no point is left out
    return cloud
