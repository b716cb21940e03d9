"""The source of a camera's pictures: opened again when it fails, refused when it can never be."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hil_serl_ros.env.calibration import Calibration, read_calibration
from hil_serl_ros.env.video import Video, VideoSource
from hil_serl_ros.settings import SettingError

BGR = np.full((6, 8, 3), (10, 100, 200), np.uint8)


class Device:
    """Stands for a capture that gives ``pictures`` and is then unplugged."""

    def __init__(self, pictures: int) -> None:
        self.left = pictures

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.left -= 1
        return (True, BGR) if self.left >= 0 else (False, None)

    def release(self) -> None:
        self.left = 0


class Watched:
    """A video whose pictures and faults are kept; ``wait`` returns once so many pictures have come."""

    def __init__(self, enough: int = 1, open_device: Any = None, **settings: Any) -> None:
        self.pictures: list[np.ndarray] = []
        self.faults: list[tuple[str, str]] = []
        self.enough, self.event, self.fault = enough, threading.Event(), threading.Event()
        more = {"open_device": open_device} if open_device else {}
        self.video = Video(VideoSource(**{"rate": 1000.0, **settings}), self.on_picture, self.on_fault, **more)
        self.video.start()

    def on_picture(self, picture: np.ndarray) -> None:
        self.pictures.append(picture)
        if len(self.pictures) >= self.enough:
            self.event.set()

    def on_fault(self, name: str, sentence: str) -> None:
        self.faults.append((name, sentence))
        self.fault.set()

    def wait(self) -> Watched:
        assert self.event.wait(10), self.faults
        self.video.close()
        assert not self.video.reading
        return self


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index in range(3):
        cv2.imwrite(str(tmp_path / f"{index}.png"), BGR + index)
    return tmp_path


def test_a_folder_gives_its_pictures_in_order_as_rgb_and_starts_again(folder):
    watched = Watched(4, source=str(folder)).wait()
    assert [tuple(picture[0, 0]) for picture in watched.pictures[:4]] == [
        (200, 100, 10),
        (201, 101, 11),
        (202, 102, 12),
        (200, 100, 10),
    ]
    assert watched.faults == []


def test_without_loop_a_folder_ends_and_says_so(folder):
    watched = Watched(3, source=str(folder), loop=False)
    assert watched.fault.wait(10)
    assert len(watched.wait().pictures) == 3
    assert watched.faults[0][0] == "ended"


def test_a_picture_that_cannot_be_read_is_left_out_and_counted(folder):
    (folder / "1.png").write_bytes(b"no picture")
    watched = Watched(2, source=str(folder)).wait()
    assert tuple(watched.pictures[1][0, 0]) == (202, 102, 12)
    assert watched.faults[0][0] == "bad picture"


def test_a_video_file_is_read(tmp_path):
    path = str(tmp_path / "film.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for _ in range(3):
        writer.write(np.full((48, 64, 3), (10, 100, 200), np.uint8))
    writer.release()
    picture = Watched(4, source=path).wait().pictures[3]
    assert picture.shape == (48, 64, 3)
    assert np.abs(picture.astype(int) - (200, 100, 10)).max() < 10  # the film is compressed


def test_a_device_that_is_not_there_is_waited_for_and_one_unplugged_is_opened_again():
    devices = iter([Device(0), Device(1), Device(0), Device(1), *[Device(1)] * 100])
    watched = Watched(2, source="7", open_device=lambda settings: next(devices)).wait()
    said = [sentence for name, sentence in watched.faults if name == "no picture"]
    assert said[0] == "source 7 is not there; it is waited for"
    assert said[1] == "source 7 is lost; it is opened again when it is back"


def test_the_pause_between_attempts_grows_to_two_seconds(monkeypatch):
    pauses: list[float] = []

    class Ended(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            pauses.append(timeout or 0.0)
            if len(pauses) == 8:
                self.set()
            return self.is_set()

    monkeypatch.setattr("hil_serl_ros.env.video.threading.Event", Ended)
    video = Video(VideoSource("0"), print, lambda name, sentence: None, lambda settings: Device(0))  # type: ignore[arg-type, return-value]
    video._run()
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0]


def test_a_device_that_gives_another_size_than_asked_for_is_reported_once():
    watched = Watched(3, source="0", width=640, height=480, open_device=lambda settings: Device(1000)).wait()
    assert watched.faults.count(("resolution", "source 0 gives 8x6, not 640x480")) == 1


def test_pictures_beyond_the_rate_are_let_go():
    watched = Watched(2, source="0", rate=0.1, open_device=lambda settings: Device(1000))
    assert watched.fault.wait(10)  # all thousand were read
    watched.video.close()
    assert len(watched.pictures) == 1


@pytest.mark.parametrize("source", ["/nowhere/film.mp4", "nowhere"])
def test_a_file_that_is_not_there_is_refused(source):
    with pytest.raises(SettingError, match="is not there"):
        Video(VideoSource(source), print, print)  # type: ignore[arg-type]


def test_a_folder_without_pictures_and_a_file_that_is_no_video_are_refused(tmp_path):
    with pytest.raises(SettingError, match="without a picture"):
        Video(VideoSource(str(tmp_path)), print, print)  # type: ignore[arg-type]
    (tmp_path / "film.mp4").write_text("no film")
    with pytest.raises(SettingError, match="not a video"):
        Video(VideoSource(str(tmp_path / "film.mp4")), print, print)  # type: ignore[arg-type]


CALIBRATION = """image_width: 640
image_height: 480
camera_name: front
camera_matrix: {rows: 3, cols: 3, data: [500.0, 0, 320, 0, 500, 240, 0, 0, 1]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [0.1, 0, 0, 0, 0]}
rectification_matrix: {rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}
projection_matrix: {rows: 3, cols: 4, data: [500, 0, 320, 0, 0, 500, 240, 0, 0, 0, 1, 0]}
"""


def test_a_calibration_of_ros_is_read_and_none_is_unknown(tmp_path):
    path = tmp_path / "front.yaml"
    path.write_text(CALIBRATION)
    calibration = read_calibration(str(path))
    assert (calibration.width, calibration.height, calibration.model) == (640, 480, "plumb_bob")
    assert calibration.k == [500, 0, 320, 0, 500, 240, 0, 0, 1]
    assert calibration.d == [0.1, 0, 0, 0, 0]
    assert (len(calibration.r), len(calibration.p)) == (9, 12)
    assert read_calibration("") == Calibration()


@pytest.mark.parametrize(
    "text",
    ["", "[", "image_width: 640", CALIBRATION.replace("[500.0, 0, 320,", "[500.0,"), CALIBRATION.replace("480", "x")],
)
def test_a_file_that_is_no_calibration_is_refused_in_one_sentence(tmp_path, text):
    path = tmp_path / "front.yaml"
    path.write_text(text)
    with pytest.raises(SettingError, match=r"^camera_info = .* is not a calibration"):
        read_calibration(str(path))
    with pytest.raises(SettingError, match="cannot be read"):
        read_calibration(str(tmp_path / "none.yaml"))
