"""Pictures become files and files pictures, and nothing else does, however it is made."""

from __future__ import annotations

import contextlib
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil_serl_ros.ros.compression import FORMATS, decode, encode, size_of

SIDES = st.integers(1, 40)


def picture(height: int = 24, width: int = 32, seed: int = 0) -> np.ndarray:
    """Smooth, and of all colours; (height, width, 3)."""
    rows, columns = np.mgrid[:height, :width] / 40
    waves = [np.sin(3 * rows + seed), np.cos(2 * columns + seed), np.sin(rows + 2 * columns)]
    return (127 + 120 * np.stack(waves, axis=2)).astype(np.uint8)


@given(SIDES, SIDES, st.integers(0, 99))
def test_png_gives_the_very_pixels_back(height, width, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    np.testing.assert_array_equal(decode(encode(pixels, "png", 1), "png"), pixels.transpose(2, 0, 1))


@given(SIDES, SIDES, st.integers(0, 99))
def test_jpeg_gives_nearly_the_pixels_back(height, width, seed):
    pixels = picture(height, width, seed)
    error = decode(encode(pixels, "jpeg", 90), "jpeg").astype(int) - pixels.transpose(2, 0, 1)
    assert np.abs(error).mean() < 3


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("channel", range(3))
def test_each_colour_stays_itself(kind, channel):
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:, :, channel] = 200
    back = decode(encode(pixels, kind, 90), kind)
    assert back[channel].min() > 190
    assert np.delete(back, channel, axis=0).max() < 10


def test_a_small_red_thing_keeps_its_colour_in_jpeg():
    pixels = np.full((32, 32, 3), 128, np.uint8)
    pixels[13:16, 13:16] = 220, 20, 20
    error = decode(encode(pixels, "jpeg", 90), "jpeg")[:, 13:16, 13:16].transpose(1, 2, 0).astype(int) - (220, 20, 20)
    assert np.abs(error).max() < 25  # colours at half the resolution, JPEG's custom, are off by 80 here


@pytest.mark.parametrize("kind", FORMATS)
def test_the_same_pixels_give_the_same_bytes(kind):
    assert encode(picture(), kind, 90) == encode(picture().copy(), kind, 90)


def test_the_quality_of_jpeg_is_the_one_that_was_asked_for():
    sizes = [len(encode(picture(128, 128), "jpeg", quality)) for quality in (30, 60, 90, 100)]
    assert sizes == sorted(set(sizes))


@given(SIDES, SIDES, st.sampled_from(FORMATS))
def test_a_file_says_its_size_before_it_is_decoded(height, width, kind):
    assert size_of(encode(picture(height, width), kind, 90), kind) == (height, width)


@given(st.data())
def test_any_bytes_are_a_picture_of_the_size_that_they_say_or_refused(data):
    kind = data.draw(st.sampled_from(FORMATS))
    whole = encode(picture(), kind, 90)
    if data.draw(st.booleans()):
        made = data.draw(st.binary(max_size=300))
    else:  # changed here and there, and perhaps torn
        made = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
        for _ in range(data.draw(st.integers(0, 4))):
            if made:
                made[data.draw(st.integers(0, min(len(made) - 1, 700)))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ValueError):
        size = size_of(made, kind)
        if size[0] * size[1] < 10**6:  # else who reads it refuses it
            assert decode(made, kind).shape == (3, *size)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("kept", [0.3, 0.9, 0.99])
def test_a_torn_file_is_refused(kind, kept):
    whole = encode(picture(), kind, 90)
    with pytest.raises(ValueError, match=f"{kind} picture"):
        decode(whole[: int(kept * len(whole))], kind)


@pytest.mark.parametrize(("said", "meant"), [("png", "jpeg"), ("jpeg", "png")])
def test_a_file_of_the_other_kind_is_refused(said, meant):
    with pytest.raises(ValueError, match=f"no {said} picture"):
        size_of(encode(picture(), meant, 90), said)


@pytest.mark.parametrize("marker", [0xD0, 0xD8, 0x01])
def test_a_jpeg_that_hides_its_size_from_who_looks_at_its_headers_is_refused(marker):
    """Behind a marker that has no length a decoder goes on at once; who believes in one jumps over the true size."""
    jpeg = encode(picture(), "jpeg", 90)
    at = jpeg.index(b"\xff\xc0")
    large = jpeg[at : at + 5] + struct.pack(">HH", 9000, 9000) + jpeg[at + 9 : at + 19]
    note = 0xFFC0 - len(large) - 2  # up to where the jump leads
    made = (
        jpeg[:at] + bytes([0xFF, marker]) + large + b"\xff\xfe" + struct.pack(">H", note) + bytes(note - 2) + jpeg[at:]
    )
    with pytest.raises(ValueError, match="no jpeg picture"):
        size_of(made, "jpeg")


@pytest.mark.parametrize("between", [b"\x00", b"\xff", b"\xff\xe1\x00\x01"])
def test_a_jpeg_with_something_between_its_headers_is_refused(between):
    jpeg = encode(picture(), "jpeg", 90)
    at = jpeg.index(b"\xff\xc0")
    with pytest.raises(ValueError, match="no jpeg picture"):
        size_of(jpeg[:at] + between + jpeg[at:], "jpeg")


@pytest.mark.parametrize("second", [24, 9000])
def test_a_png_with_two_headers_is_refused(second):
    png = encode(picture(), "png", 90)
    header = b"IHDR" + struct.pack(">II", second, second) + png[24:29]
    made = png[:33] + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header)) + png[33:]
    assert size_of(made, "png") == (24, 32)
    with pytest.raises(ValueError, match="not whole"):
        decode(made, "png")


def test_a_picture_lies_as_its_pixels_do_whatever_its_file_says_of_the_camera():
    jpeg = encode(picture(), "jpeg", 90)
    # EXIF: orientation 6, turned by a quarter
    exif = (
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00"
    )
    turned = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]
    np.testing.assert_array_equal(decode(turned, "jpeg"), decode(jpeg, "jpeg"))
