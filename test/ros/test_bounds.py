"""What a peer sends is read within bounds: nonsense is refused with a sentence, never a crash nor much memory."""

from __future__ import annotations

import contextlib
import hashlib
import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sensor_msgs.msg import Image

from hil_serl_ros.env.images import BadFrame, Frame, pixels_of
from hil_serl_ros.learning.agreement import MOST, configuration, differences
from hil_serl_ros.learning.layout import panda_layout
from hil_serl_ros.learning.weights import MAX_BYTES, WeightsError, unpack
from hil_serl_ros.ros.convert import image_array

SIZES = st.integers(0, 2**32 - 1) | st.integers(0, 8)
MINE = configuration(panda_layout(), "lockstep")


@given(SIZES, SIZES, SIZES, st.sampled_from(["rgb8", "bgr8", "mono8", "16UC1", ""]), st.binary(max_size=200))
def test_a_picture_is_as_large_as_its_bytes_or_refused(width, height, step, encoding, data):
    message = Image(width=width, height=height, step=step, encoding=encoding)
    message.data.frombytes(data)
    with contextlib.suppress(ValueError):
        assert image_array(message).size <= len(data)
    with contextlib.suppress(BadFrame):
        assert pixels_of(Frame(0, width, height, encoding, step, data)).size <= 3 * len(data)


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), lambda v: st.lists(v)).map(json.dumps))
def test_any_text_is_a_configuration_that_differs(text):
    assert differences(MINE, text) or not text


@pytest.mark.parametrize("text", ["[" * (MOST // 2), "9" * 5000, "{" * (2 * MOST), '"' + "a" * MOST + '"'])
def test_text_that_is_made_to_break_its_reader_is_of_another_version(text):
    (words,) = differences(MINE, text)
    assert "another version" in words


@given(st.binary(max_size=300) | st.binary(max_size=200).map(lambda tail: struct.pack("<Q", len(tail)) + tail))
def test_bytes_that_are_no_weights_are_refused(data):
    try:
        tensors = unpack(data, hashlib.sha256(data).hexdigest())
    except WeightsError:
        return
    assert sum(tensor.nbytes for tensor in tensors.values()) <= len(data)


@pytest.mark.parametrize(
    "header",
    [
        {"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}},
        {"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 4]}},
        {"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}},
    ],
)
def test_a_shape_that_the_bytes_do_not_fill_is_refused(header):
    text = json.dumps(header).encode()
    data = struct.pack("<Q", len(text)) + text + np.zeros(1, np.float32).tobytes()
    with pytest.raises(WeightsError):
        unpack(data, hashlib.sha256(data).hexdigest())


def test_more_bytes_than_weights_have_are_not_looked_at():
    with pytest.raises(WeightsError, match="at most"):
        unpack(bytes(MAX_BYTES + 1), "")
