"""Messages become arrays and arrays messages, without loss."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from compressing import compressed
from hypothesis import given
from hypothesis import strategies as st
from sensor_msgs.msg import CompressedImage, Image

from hil_serl_ros.learning.layout import ENVIRONMENT_STATE, IMAGE_PREFIX, STATE
from hil_serl_ros.msg import Observation
from hil_serl_ros.ros import convert
from hil_serl_ros.ros.compression import decode, encode
from hil_serl_ros.ros.convert import (
    image_array,
    nanoseconds,
    observation_arrays,
    observation_pictures,
    pose_message,
    position_array,
    quaternion_array,
    stamp_of,
)

NUMBER = st.floats(allow_nan=False)


@given(st.integers(0, 2**31 * 10**9 - 1))
def test_a_stamp_comes_back_to_the_nanosecond(nanosecond):
    assert nanoseconds(stamp_of(nanosecond)) == nanosecond


@given(st.tuples(NUMBER, NUMBER, NUMBER), st.tuples(NUMBER, NUMBER, NUMBER, NUMBER))
def test_a_pose_comes_back_to_the_last_bit(position, quaternion):
    pose = pose_message(np.array(position), np.array(quaternion))
    np.testing.assert_array_equal(position_array(pose), position)
    np.testing.assert_array_equal(quaternion_array(pose), quaternion)


def test_a_quaternion_of_mujoco_has_its_real_part_first_and_one_of_ros_by_name():
    pose = pose_message(np.zeros(3), np.array([0.1, 0.2, 0.3, 0.4]))
    assert (pose.orientation.w, pose.orientation.x) == (0.1, 0.2)


def image(encoding: str = "rgb8", padding: int = 0) -> tuple[Image, np.ndarray]:
    """A 2x3 image and its pixels (height, width, channel), red first."""
    pixels = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    sent = pixels if encoding == "rgb8" else pixels[:, :, ::-1]
    rows = np.concatenate([sent.reshape(2, 9), np.full((2, padding), 255, np.uint8)], axis=1)
    return Image(height=2, width=3, step=9 + padding, encoding=encoding, data=rows.tobytes()), pixels


@pytest.mark.parametrize("encoding", ["rgb8", "bgr8"])
@pytest.mark.parametrize("padding", [0, 7])
def test_an_image_is_channels_first_uint8_and_red_first(encoding, padding):
    message, pixels = image(encoding, padding)
    array = image_array(message)
    assert (array.dtype, array.shape) == (np.uint8, (3, 2, 3))
    np.testing.assert_array_equal(array, pixels.transpose(2, 0, 1))


@pytest.mark.parametrize("change", [{"encoding": "mono8"}, {"data": b"\x00" * 17}, {"step": 8}, {"height": 3}])
def test_an_image_that_cannot_be_read_is_refused(change):
    message, _ = image()
    for name, value in change.items():
        setattr(message, name, value)
    with pytest.raises(ValueError, match="image"):
        image_array(message)


def test_an_observation_bears_the_names_of_lerobot():
    message = Observation(state=[1.0, 2.0], environment_state=[3.0], image_names=["front"], images=[image()[0]])
    arrays = observation_arrays(message)
    assert list(arrays) == [STATE, ENVIRONMENT_STATE, IMAGE_PREFIX + "front"]
    assert arrays[STATE].dtype == arrays[ENVIRONMENT_STATE].dtype == np.float32


def test_what_is_not_observed_has_no_name():
    assert list(observation_arrays(Observation(state=[1.0]))) == [STATE]


def test_images_and_names_that_do_not_pair_are_refused():
    with pytest.raises(ValueError, match="1 image names for 0 images"):
        observation_arrays(Observation(state=[1.0], image_names=["front"]))


FRONT = {IMAGE_PREFIX + "front": (3, 2, 3)}


def seen(**changes: object) -> Observation:
    """Of one camera, compressed without loss."""
    message = Observation(state=[1.0], image_names=["front"], images=[image()[0]])
    message = compressed(message)
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def test_a_compressed_picture_is_read_as_a_raw_one_is():
    pixels = image()[1].transpose(2, 0, 1)
    for arrays in (observation_arrays(seen(), FRONT), observation_arrays(seen())):
        np.testing.assert_array_equal(arrays[IMAGE_PREFIX + "front"], pixels)
    np.testing.assert_array_equal(observation_pictures(seen())["front"], pixels)


def test_a_picture_of_jpeg_is_what_its_file_gives():
    pixels = image()[1]
    message = compressed(Observation(image_names=["front"], images=[image()[0]]), "jpeg", 80)
    np.testing.assert_array_equal(observation_pictures(message)["front"], decode(encode(pixels, "jpeg", 80), "jpeg"))


def png(width: int, height: int) -> CompressedImage:
    """A file that says it is so large."""
    data = encode(image()[1], "png", 90)
    return CompressedImage(format="png", data=data[:16] + struct.pack(">II", width, height) + data[24:])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"images": [image()[0]]}, "1 raw and 1 compressed images in one"),
        ({"image_names": ["front", "wrist"]}, "2 image names for 1 compressed images"),
        ({"image_names": []}, "0 image names for 1 compressed images"),
        ({"image_names": ["wrist"]}, "images of wrist came, not of front"),
        ({"image_names": ["front", "front"], "compressed_images": [png(3, 2)] * 2}, "images of front, front came"),
        ({"compressed_images": [CompressedImage(format="bmp", data=b"BM")]}, "'bmp' of front is none of png, jpeg"),
        ({"compressed_images": [CompressedImage(format="png")]}, "0 bytes are no png picture"),
        ({"compressed_images": [CompressedImage(format="jpeg", data=b"nonsense")]}, "8 bytes are no jpeg picture"),
        ({"compressed_images": [png(4, 2)]}, "image of front is 4x2, not 3x2"),
        ({"compressed_images": [png(30000, 30000)]}, "image of front is 30000x30000, not 3x2"),
    ],
)
def test_compressed_pictures_that_are_not_the_layouts_are_refused_before_any_is_decoded(monkeypatch, changes, sentence):
    monkeypatch.setattr(convert, "decode", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(ValueError, match=sentence):
        observation_arrays(seen(**changes), FRONT)


def test_a_compressed_picture_that_is_not_whole_is_refused():
    torn = seen()
    torn.compressed_images[0].data = torn.compressed_images[0].data[:-9]
    with pytest.raises(ValueError, match="png picture of 3x2 is not whole"):
        observation_arrays(torn, FRONT)


def test_where_no_layout_is_known_a_few_bytes_do_not_become_gigabytes(monkeypatch):
    monkeypatch.setattr(convert, "decode", lambda *_: pytest.fail("it was decoded"))
    names = [f"camera{number}" for number in range(5)]
    for files in ([png(30000, 30000)], [png(4096, 4096)] * 5):
        message = Observation(image_names=names[: len(files)], compressed_images=files)
        with pytest.raises(ValueError, match="at most 67108864 are decoded"):
            observation_pictures(message)
