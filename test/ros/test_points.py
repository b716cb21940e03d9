"""Point clouds from depth and colour."""

from __future__ import annotations

import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from hil_serl_ros.ros.camera_publisher import image_message
from hil_serl_ros.ros.points import cloud_of, depth_array, points_of
from hil_serl_ros.sim.camera_frames import camera_frames
from hil_serl_ros.sim.rendering import Renderer
from hil_serl_ros.sim.tasks import task_named
from hil_serl_ros.sim.world import World

K = [100.0, 0.0, 1.5, 0.0, 100.0, 1.0, 0.0, 0.0, 1.0]


def rotation(quaternion: np.ndarray) -> np.ndarray:
    w, x, y, z = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def xyz(points: np.ndarray) -> np.ndarray:
    return np.column_stack([points["x"], points["y"], points["z"]])


def test_a_pixel_right_of_and_below_the_middle_is_at_positive_x_and_y():
    depth = np.full((3, 4), 2.0, np.float32)
    points = points_of(depth, np.zeros((3, 3, 4), np.uint8), np.array(K), 3.0)
    np.testing.assert_allclose(xyz(points)[-1], [2.0 * 1.5 / 100, 2.0 * 1.0 / 100, 2.0], rtol=1e-6)
    np.testing.assert_allclose(xyz(points)[0], [-2.0 * 1.5 / 100, -2.0 * 1.0 / 100, 2.0], rtol=1e-6)


def test_pixels_without_depth_or_too_far_give_no_point():
    depth = np.array([[np.nan, np.inf, 0.0, -1.0], [1.0, 2.9, 3.1, 3.0]], np.float32)
    points = points_of(depth, np.zeros((3, 2, 4), np.uint8), np.array(K), 3.0)
    np.testing.assert_allclose(points["z"], [1.0, 2.9, 3.0])


def test_the_colour_is_in_the_bits_of_rgb():
    colour = np.array([10, 20, 30], np.uint8).reshape(3, 1, 1)
    points = points_of(np.ones((1, 1), np.float32), colour, np.array(K), 3.0)
    assert points["rgb"].view(np.uint32)[0] == 10 << 16 | 20 << 8 | 30


def test_what_does_not_go_together_is_refused():
    with pytest.raises(ValueError, match="4x3"):
        points_of(np.ones((2, 4), np.float32), np.zeros((3, 3, 4), np.uint8), np.array(K), 3.0)
    with pytest.raises(ValueError, match="focal length"):
        points_of(np.ones((3, 4), np.float32), np.zeros((3, 3, 4), np.uint8), np.zeros(9), 3.0)


def test_depth_is_read_with_its_padding_and_nothing_else_is_read():
    depth = np.arange(6, dtype=np.float32).reshape(2, 3)
    message = image_message(Header(), depth, "32FC1")
    np.testing.assert_array_equal(depth_array(message), depth)
    padded = np.zeros((2, 16), np.uint8)
    padded[:, :12] = depth.view(np.uint8)
    message.data, message.step = padded.tobytes(), 16
    np.testing.assert_array_equal(depth_array(message), depth)
    message.height = 3
    with pytest.raises(ValueError, match="bytes"):
        depth_array(message)
    message.encoding = "16UC1"
    with pytest.raises(ValueError, match="16UC1"):
        depth_array(message)


@pytest.mark.parametrize("camera", ["front", "wrist"])
def test_points_of_the_floor_lie_on_the_floor_in_the_base_frame(camera):
    """Depth, intrinsics, optical frame and the tool's pose agree with the simulated world."""
    world = World(task_named("pick_cube"))
    renderer = Renderer(world, (camera,), 64, 64)
    picture, depth = renderer.picture_and_depth(camera)
    seen = renderer.intrinsics(camera)
    renderer.close()
    k = np.array([seen.focal, 0, seen.center_x, 0, seen.focal, seen.center_y, 0, 0, 1])
    points = xyz(points_of(depth, picture.transpose(2, 0, 1), k, 2.0))
    frame = next(frame for frame in camera_frames(world) if frame.camera == camera)
    placed = points @ rotation(frame.quaternion).T + frame.position
    if frame.on_tool:
        placed = placed @ rotation(world.tool_quaternion_wxyz).T + world.tool_position
    assert len(placed) > 500
    assert placed[:, 2].min() > -0.005
    assert (np.abs(placed[:, 2]) < 0.005).sum() > 300
    if camera == "front":  # the cube's top, where the ground truth has it
        cube = placed[(np.abs(placed[:, :2] - world.object_positions[0, :2]) < 0.015).all(axis=1)]
        assert len(cube) >= 1
        assert cube[:, 2].max() == pytest.approx(0.04, abs=0.006)


def test_a_cloud_has_the_depth_s_header_and_one_row_for_each_point():
    point_cloud2 = pytest.importorskip("sensor_msgs_py.point_cloud2", reason="stock ROS 2 has it, the wheels do not")
    header = Header(frame_id="front_optical_frame")
    depth = image_message(header, np.full((3, 4), 1.0, np.float32), "32FC1")
    colour = image_message(header, np.full((3, 4, 3), 7, np.uint8))
    cloud = cloud_of(depth, colour, CameraInfo(k=K), 3.0)
    assert (cloud.header, cloud.height, cloud.width, cloud.point_step) == (header, 1, 12, 16)
    assert point_cloud2.read_points(cloud)["z"].tolist() == [1.0] * 12
