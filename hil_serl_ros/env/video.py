"""Pictures of a camera, a stream, a video file or a folder of images, read in a thread by OpenCV.

A device or stream that fails is opened again for as long as it takes; the thread never ends by a failure.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from hil_serl_ros.settings import SettingError

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0  # s between two attempts to open
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".webp")


@dataclass(frozen=True)
class VideoSource:
    """What is asked of a source; 0 leaves a number as the source has it."""

    source: str  # "0" or "/dev/video0": a device; "rtsp://...": a stream; else a video file or a folder of images
    width: int = 0  # px
    height: int = 0  # px
    rate: float = 30.0  # pictures a second, at most
    exposure: float = 0.0  # the driver's unit; 0: automatic
    loop: bool = True  # a file or folder starts again at its end


def kind_of(source: str) -> str:
    """``device``, ``stream``, ``folder`` or ``file``.

    Raises:
        SettingError: a file or folder that is not there or holds no picture. Devices and streams may come later.
    """
    if source.isdigit() or source.startswith("/dev/"):
        return "device"
    if "://" in source:
        return "stream"
    path = Path(source)
    if path.is_dir():
        if not pictures_in(path):
            raise SettingError(f"source = {source!r} is a folder without a picture ({', '.join(PICTURES)})")
        return "folder"
    if not path.is_file():
        raise SettingError(f"source = {source!r} is not there; name a device (0), a stream, a video or a folder")
    capture = cv2.VideoCapture(source)
    opened = capture.isOpened()
    capture.release()
    if not opened:
        raise SettingError(f"source = {source!r} is not a video that OpenCV can read")
    return "file"


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder in the order of their names."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)


def open_device(settings: VideoSource) -> cv2.VideoCapture:
    """A device or stream as asked for; `isOpened` says whether it is there."""
    capture = cv2.VideoCapture(int(settings.source) if settings.source.isdigit() else settings.source)
    if not capture.isOpened():
        return capture
    # What the driver holds back would be old when it is read.
    wanted = [
        (cv2.CAP_PROP_BUFFERSIZE, 1),
        (cv2.CAP_PROP_FRAME_WIDTH, settings.width),
        (cv2.CAP_PROP_FRAME_HEIGHT, settings.height),
        (cv2.CAP_PROP_FPS, settings.rate),
    ]
    for name, value in wanted:
        if value:
            capture.set(name, value)
    # V4L2's numbers: 3 is automatic, 1 is by hand.
    capture.set(cv2.CAP_PROP_AUTO_EXPOSURE, 1 if settings.exposure else 3)
    if settings.exposure:
        capture.set(cv2.CAP_PROP_EXPOSURE, settings.exposure)
    return capture


class Video:
    """Reads one source in a thread of its own.

    Args:
        settings: what to read and how.
        on_picture: called in the thread with each picture, (height, width, 3) uint8 RGB, as it arrives.
        on_fault: called in the thread with a word to count by and one sentence.
        open_device: opens a device or stream.

    Raises:
        SettingError: as :func:`kind_of`.
    """

    def __init__(
        self,
        settings: VideoSource,
        on_picture: Callable[[np.ndarray], None],
        on_fault: Callable[[str, str], None],
        open_device: Callable[[VideoSource], cv2.VideoCapture] = open_device,
    ) -> None:
        # OpenCV would say on every attempt what `on_fault` counts.
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        self.settings = settings
        self._kind = kind_of(settings.source)
        self._on_picture = on_picture
        self._on_fault = on_fault
        self._open = open_device
        self._size: tuple[int, int] | None = None
        self._ended = threading.Event()
        self._due = 0.0
        self._thread = threading.Thread(target=self._run, name=f"video {settings.source}", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def close(self) -> None:
        """End the thread; a driver that does not answer is left to itself after 2 s."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(LONGEST_PAUSE)

    @property
    def reading(self) -> bool:
        """Whether pictures may still come."""
        return self._thread.is_alive()

    def _run(self) -> None:
        if self._kind in ("device", "stream"):
            self._read_live()
        else:
            self._read_recorded()

    def _read_live(self) -> None:
        """Every picture is taken off the driver as it comes, so that none waits there; those too many are let go."""
        source, pause, had = self.settings.source, FIRST_PAUSE, False
        while not self._ended.is_set():
            capture = self._open(self.settings)
            try:
                while not self._ended.is_set():
                    good, picture = capture.read()
                    if not good or picture is None:
                        break
                    pause, had = FIRST_PAUSE, True
                    now = time.monotonic()
                    # A tenth of slack: a driver of the right rate must not lose every other picture to its jitter.
                    if now >= self._due - 0.1 / self.settings.rate:
                        self._due = max(self._due, now - 0.1 / self.settings.rate) + 1 / self.settings.rate
                        self._give(picture)
            except cv2.error as error:
                self._on_fault("failed", f"source {source}: OpenCV says {error.err}; it is opened again")
            finally:
                capture.release()
            if not self._ended.is_set():
                what = "lost; it is opened again when it is back" if had else "not there; it is waited for"
                self._on_fault("no picture", f"source {source} is {what}")
                self._ended.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    def _read_recorded(self) -> None:
        source = self.settings.source
        while not self._ended.is_set():
            count = 0
            for picture in self._folder() if self._kind == "folder" else self._file():
                self._due = max(self._due + 1 / self.settings.rate, time.monotonic() - 1 / self.settings.rate)
                if self._ended.wait(max(0.0, self._due - time.monotonic())):
                    return
                if picture is None:
                    continue
                self._give(picture)
                count += 1
            if not self.settings.loop:
                self._on_fault("ended", f"source {source} is at its end and shall not start again (loop: false)")
                return
            if not count:
                self._on_fault("no picture", f"source {source} gave no picture; it is tried again")
                self._ended.wait(LONGEST_PAUSE)

    def _folder(self) -> Iterator[np.ndarray | None]:
        for path in pictures_in(Path(self.settings.source)) if Path(self.settings.source).is_dir() else []:
            picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if picture is None:
                self._on_fault("bad picture", f"{path} cannot be read as a picture; left out")
            yield picture

    def _file(self) -> Iterator[np.ndarray | None]:
        capture = cv2.VideoCapture(self.settings.source)
        try:
            while True:
                good, picture = capture.read()
                if not good:
                    return
                yield picture
        finally:
            capture.release()

    def _give(self, picture: np.ndarray) -> None:
        height, width = picture.shape[:2]
        if (width, height) != self._size:
            self._size = (width, height)
            wanted = (self.settings.width or width, self.settings.height or height)
            if self._kind == "device" and wanted != self._size:
                asked = "{}x{}".format(*wanted)
                self._on_fault("resolution", f"source {self.settings.source} gives {width}x{height}, not {asked}")
        self._on_picture(cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB if picture.ndim == 2 else cv2.COLOR_BGR2RGB))
