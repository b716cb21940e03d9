"""A camera's frame on its way to the policy: checked, cropped, resized. Arrays and numbers only."""

from __future__ import annotations

from collections.abc import Buffer
from dataclasses import dataclass

import cv2
import numpy as np

CHANNELS = {"rgb8": 3, "bgr8": 3, "mono8": 1}
BLACK = 8  # a picture whose brightest value lies below this shows nothing


class BadFrame(ValueError):
    """A frame that must not be used; ``kind`` is the word that it is counted under, the text one sentence."""

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind


@dataclass(frozen=True)
class Region:
    """A part of a picture, in fractions 0 to 1 of its width and height from the left upper corner."""

    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0


@dataclass(frozen=True)
class Frame:
    """What an image message says of itself; ``data`` is its bytes, not copied. Sizes in pixels, stamp in ns."""

    stamp: int
    width: int
    height: int
    encoding: str
    step: int
    data: Buffer


def rows_of(frame: Frame) -> np.ndarray:
    """The frame's bytes as (height, step) uint8, not copied.

    Raises:
        BadFrame: an encoding that is not known, no pixels, or fewer bytes than the size says.
    """
    if frame.encoding not in CHANNELS:
        raise BadFrame("unknown encoding", f"encoding {frame.encoding!r} is none of {', '.join(CHANNELS)}")
    data = np.frombuffer(frame.data, np.uint8) if memoryview(frame.data).nbytes else np.empty(0, np.uint8)
    needed = frame.step * frame.height
    if not needed or not frame.width or frame.step < frame.width * CHANNELS[frame.encoding] or data.size < needed:
        said = f"{frame.width}x{frame.height} {frame.encoding} with {frame.step} bytes a row"
        raise BadFrame("wrong size", f"a frame of {data.size} bytes says that it is {said}")
    return data[:needed].reshape(frame.height, frame.step)


def pixels_of(frame: Frame) -> np.ndarray:
    """The frame as (height, width, 3) uint8, red first; a grey one has its value in all three.

    Raises:
        BadFrame: as :func:`rows_of`.
    """
    channels = CHANNELS.get(frame.encoding, 0)
    pixels = rows_of(frame)[:, : frame.width * channels].reshape(frame.height, frame.width, channels)
    if frame.encoding == "bgr8":
        return np.ascontiguousarray(pixels[:, :, ::-1])
    return pixels if channels == 3 else np.repeat(pixels, 3, axis=2)


def fit(pixels: np.ndarray, region: Region, width: int, height: int) -> np.ndarray:
    """The region of a picture, resized: (h, w, 3) uint8 to (height, width, 3) uint8, contiguous.

    Area averaging, so that fine patterns do not flicker; a region of the right size already is not touched.
    """
    high, wide = pixels.shape[:2]
    left, top = min(round(region.left * wide), wide - 1), min(round(region.top * high), high - 1)
    right, bottom = max(round(region.right * wide), left + 1), max(round(region.bottom * high), top + 1)
    part = np.ascontiguousarray(pixels[top:bottom, left:right])
    if part.shape[:2] == (height, width):
        return part
    return cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)


def fits_already(frame: Frame, region: Region, width: int, height: int) -> bool:
    """Whether :func:`fit` would change nothing and the bytes are rgb8 without padding: the message passes as it is."""
    same = frame.encoding == "rgb8" and (frame.width, frame.height) == (width, height)
    return (
        same and frame.step == 3 * width and memoryview(frame.data).nbytes == frame.step * height and region == Region()
    )


class FrameGuard:
    """Judges one camera's frames in the order in which they come.

    Args:
        camera: its name, for the sentences.
        frozen_after: so many identical pictures with new stamps are one camera that hangs, since a real one's noise
            never repeats; 0 does not look (a simulated camera's pictures repeat).
    """

    def __init__(self, camera: str, frozen_after: int) -> None:
        self._camera = camera
        self._frozen_after = frozen_after
        self._stamp: int | None = None
        self._shape: tuple[int, int, str] | None = None
        self._before: np.ndarray | None = None
        self._repeats = 0

    def check(self, frame: Frame) -> None:
        """Return if the frame may be used.

        A stamp that comes again is the same instant again and is fine (who joins looks at its age). A stamp that
        goes back is refused once: the clock may have begun anew, and the next one is measured by it.

        Raises:
            BadFrame: with a sentence that names the camera.
        """
        try:
            self._check(frame)
        except BadFrame as bad:
            raise BadFrame(bad.kind, f"camera {self._camera}: {bad}; refused") from None

    def _check(self, frame: Frame) -> None:
        before, self._stamp = self._stamp, frame.stamp
        if before is not None and frame.stamp < before:
            self._before, self._repeats = None, 0
            raise BadFrame("stamp went back", f"a frame's stamp lies {(before - frame.stamp) / 1e6:.1f} ms back")
        rows = rows_of(frame)
        shape = (frame.width, frame.height, frame.encoding)
        if self._shape is None:
            self._shape = shape
        if shape != self._shape:
            was, now = ("{}x{} {}".format(*s) for s in (self._shape, shape))
            raise BadFrame("changed", f"frames were {was} and are {now} now")
        brightest = int(rows.max())
        if brightest < BLACK:
            raise BadFrame("black", f"the picture is all black (its brightest value is {brightest} of 255)")
        if self._frozen_after and frame.stamp != before:
            same = self._before is not None and np.array_equal(self._before, rows)
            self._repeats = self._repeats + 1 if same else 0
            self._before = rows
            if self._repeats >= self._frozen_after:
                raise BadFrame("frozen", f"the same picture came {self._repeats + 1} times; the camera hangs")
