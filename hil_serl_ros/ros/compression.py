"""Pictures as PNG and JPEG files and back: the same pixels give the same bytes, and those the same pixels.

What comes over the network is looked at before anything is made of it: its header says how large it is.
"""

from __future__ import annotations

import struct
from collections.abc import Buffer

import numpy as np

FORMATS = ("png", "jpeg")
PNG_LEVEL = 6  # of 9; the last two levels take five times as long for 5 %
PNG_START = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
JPEG_START = b"\xff\xd8"
FRAMES = (0xC0, 0xC1, 0xC2)  # JPEG's markers of the size: baseline, extended, progressive
BEFORE = (0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0))  # may come before it: tables, comments, what programs note


def encode(pixels: np.ndarray, kind: str, quality: int) -> bytes:
    """A picture, uint8 (height, width, 3), red first, as a file.

    Args:
        pixels: of the picture.
        kind: png, without loss, or jpeg.
        quality: of JPEG, 1 to 100.
    """
    import cv2  # here: most nodes see no picture, and start without it

    if kind == "png":
        options = [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL]
    else:
        # Colours as fine as brightness: a red cube of ten pixels is what the policy must see.
        fine = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
        options = [cv2.IMWRITE_JPEG_QUALITY, quality, *fine]
    return cv2.imencode(f".{kind}", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)[1].tobytes()


def size_of(data: Buffer, kind: str) -> tuple[int, int]:
    """Height and width that a file says, from its first bytes; nothing is decoded.

    Raises:
        ValueError: it is no such file.
    """
    data = memoryview(data).cast("B")
    try:
        if kind == "png" and data[: len(PNG_START)] == PNG_START:
            width, height = struct.unpack_from(">II", data, len(PNG_START))
            return height, width
        if kind == "jpeg" and data[:2] == JPEG_START:
            return _size_of_jpeg(data)
    except (struct.error, IndexError):
        pass
    raise ValueError(f"{len(data)} bytes are no {kind} picture")


def _size_of_jpeg(data: memoryview) -> tuple[int, int]:
    """Of nothing but known headers one after the other: a decoder would find its way through others to another size."""
    at = len(JPEG_START)
    while True:
        start, marker, length = struct.unpack_from(">BBH", data, at)
        if start == 0xFF and marker in FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return height, width
        if start != 0xFF or marker not in BEFORE or length < 2:
            raise IndexError("no header")
        at += 2 + length


def decode(data: Buffer, kind: str) -> np.ndarray:
    """A file as uint8 (3, height, width), red first.

    Who does not trust it looks at :func:`size_of` first: a small file may be a large picture.

    Raises:
        ValueError: it is no such file, or not whole.
    """
    import cv2

    size = size_of(data, kind)
    # A picture lies as its pixels do, whatever a camera's orientation says.
    how = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    except cv2.error:  # more pixels than OpenCV reads
        pixels = None
    if pixels is None or pixels.shape[:2] != size:
        raise ValueError(f"a {kind} picture of {size[1]}x{size[0]} is not whole")
    return np.ascontiguousarray(pixels[:, :, ::-1].transpose(2, 0, 1))
