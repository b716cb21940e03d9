"""Frames are cropped and resized exactly, and bad ones are refused with one sentence."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil_serl_ros.env.images import (
    BadFrame,
    Frame,
    FrameGuard,
    Region,
    fit,
    fits_already,
    pixels_of,
)

sizes = st.integers(1, 90)


@st.composite
def valid_regions(draw: Any) -> Region:
    """Any region that the parameter allows."""
    left, right = sorted(draw(st.tuples(st.floats(0, 1), st.floats(0, 1)).filter(lambda pair: pair[0] != pair[1])))
    top, bottom = sorted(draw(st.tuples(st.floats(0, 1), st.floats(0, 1)).filter(lambda pair: pair[0] != pair[1])))
    return Region(left, top, right, bottom)


def picture(height: int = 6, width: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def frame_with(pixels: np.ndarray, stamp: int = 1, encoding: str = "rgb8") -> Frame:
    height, width = pixels.shape[:2]
    return Frame(stamp, width, height, encoding, pixels.nbytes // height, pixels.tobytes())


@settings(deadline=None, max_examples=300)
@given(sizes, sizes, valid_regions(), sizes, sizes)
def test_any_valid_region_of_any_picture_becomes_a_picture_of_the_size_asked_for(high, wide, region, width, height):
    pixels = picture(high, wide)
    fitted = fit(pixels, region, width, height)
    assert (fitted.shape, fitted.dtype, fitted.flags.c_contiguous) == ((height, width, 3), np.uint8, True)
    assert pixels.min() <= fitted.min()
    assert fitted.max() <= pixels.max()


@given(sizes, sizes)
def test_a_whole_picture_of_the_right_size_is_not_changed(high, wide):
    pixels = picture(high, wide)
    assert np.array_equal(fit(pixels, Region(), wide, high), pixels)


def test_a_region_of_the_right_size_is_exactly_those_pixels():
    pixels = picture(8, 10)
    assert np.array_equal(fit(pixels, Region(0.2, 0.25, 0.6, 0.75), 4, 4), pixels[2:6, 2:6])


def test_a_smaller_picture_has_the_mean_of_the_pixels_that_it_stands_for():
    pixels = picture(8, 8)
    expected = pixels.reshape(4, 2, 4, 2, 3).mean((1, 3))
    assert np.abs(fit(pixels, Region(), 4, 4) - expected).max() <= 0.5


def test_every_encoding_is_read_as_red_first_and_padding_is_left_out():
    pixels = picture()
    assert np.array_equal(pixels_of(frame_with(pixels)), pixels)
    assert np.array_equal(pixels_of(frame_with(pixels[:, :, ::-1], encoding="bgr8")), pixels)
    grey = pixels_of(frame_with(pixels[:, :, 0], encoding="mono8"))
    assert np.array_equal(grey, pixels[:, :, [0, 0, 0]])
    padded = np.pad(pixels.reshape(6, 24), ((0, 0), (0, 5)))
    assert np.array_equal(pixels_of(Frame(1, 8, 6, "rgb8", 29, padded.tobytes())), pixels)


def test_only_an_rgb8_frame_of_the_right_size_without_padding_or_crop_passes_as_it_is():
    frame = frame_with(picture())
    assert fits_already(frame, Region(), 8, 6)
    assert not fits_already(frame, Region(), 6, 8)
    assert not fits_already(frame, Region(0.0, 0.0, 1.0, 0.99), 8, 6)
    assert not fits_already(dataclasses.replace(frame, encoding="bgr8"), Region(), 8, 6)
    assert not fits_already(dataclasses.replace(frame, data=bytes(frame.data) + b"more"), Region(), 8, 6)


def refusal(guard: FrameGuard, frame: Frame) -> str:
    with pytest.raises(BadFrame, match=r"^camera front: .*; refused$") as bad:
        guard.check(frame)
    return bad.value.kind


def test_good_frames_pass_and_one_of_the_same_instant_passes_again():
    guard = FrameGuard("front", 2)
    for stamp in (1, 2, 2, 2, 2, 3):
        guard.check(frame_with(picture(seed=stamp), stamp))


GOOD = frame_with(picture(), 5)
BAD = {
    "unknown encoding": {"encoding": "16UC1"},
    "wrong size": {"data": GOOD.data[:-1]},
    "changed": {"width": 6, "height": 8, "step": 18},
    "stamp went back": {"stamp": 4},
    "black": {"data": bytes([7]) * len(GOOD.data)},
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_frame_is_refused_by_its_kind_and_the_next_good_one_passes(kind):
    guard = FrameGuard("front", 20)
    guard.check(GOOD)
    assert refusal(guard, dataclasses.replace(GOOD, **BAD[kind])) == kind
    guard.check(dataclasses.replace(GOOD, stamp=6))


@pytest.mark.parametrize(
    "changes",
    [
        {"data": b""},
        {"width": 0},
        {"height": 0},
        {"step": 0},
        {"step": 23},
        {"height": 7},
        {"encoding": "mono8", "step": 7},
    ],
)
def test_a_frame_whose_bytes_and_size_do_not_agree_is_refused(changes):
    assert refusal(FrameGuard("front", 20), dataclasses.replace(GOOD, **changes)) == "wrong size"


def test_another_encoding_while_running_is_refused_even_if_it_could_be_read():
    guard = FrameGuard("front", 20)
    guard.check(GOOD)
    assert refusal(guard, dataclasses.replace(GOOD, encoding="bgr8")) == "changed"


def test_a_picture_that_repeats_with_new_stamps_is_frozen_after_so_many_and_a_new_one_ends_it():
    guard = FrameGuard("front", 3)
    for stamp in (1, 2, 3):
        guard.check(dataclasses.replace(GOOD, stamp=stamp))
    assert refusal(guard, dataclasses.replace(GOOD, stamp=4)) == "frozen"
    assert refusal(guard, dataclasses.replace(GOOD, stamp=5)) == "frozen"
    guard.check(frame_with(picture(seed=1), 6))


def test_a_picture_may_repeat_for_ever_where_that_is_not_looked_at():
    guard = FrameGuard("front", 0)
    for stamp in range(100):
        guard.check(dataclasses.replace(GOOD, stamp=stamp))


def test_a_clock_that_began_anew_costs_one_frame():
    guard = FrameGuard("front", 20)
    guard.check(dataclasses.replace(GOOD, stamp=1000))
    assert refusal(guard, dataclasses.replace(GOOD, stamp=1)) == "stamp went back"
    guard.check(dataclasses.replace(GOOD, stamp=2))
