"""The pictures of recorded episodes, ready for a browser: each frame encoded once, all cameras side by side."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from rclpy.serialization import deserialize_message

from hil_serl_ros.data.demonstrations import read_demonstrations
from hil_serl_ros.data.labels import Episode
from hil_serl_ros.msg import Observation, Transition
from hil_serl_ros.ros.convert import observation_pictures

QUALITY = 92  # of JPEG; the eye sees no difference


class FilmError(ValueError):
    """A log without pictures that can be shown; the message is one sentence."""


@dataclasses.dataclass
class Film:
    """One episode: a JPEG and the recorded label of each frame; ``cameras`` as they lie from left to right."""

    cameras: list[str] = dataclasses.field(default_factory=list)
    frames: list[bytes] = dataclasses.field(default_factory=list)
    recorded: list[int] = dataclasses.field(default_factory=list)
    whole: bool = False


def transitions(folder: Path) -> Iterator[Transition]:
    """The steps of a run's folder in the order of its log.

    Raises:
        DemonstrationsError: no such folder, no log, or nothing in it.
        LogError: the log cannot be read.
    """
    for data in read_demonstrations(folder):
        yield deserialize_message(data, Transition)


def films(steps: Iterable[Transition]) -> dict[Episode, Film]:
    """Episodes in the order in which they began, those that their robot did not end too.

    A step's ``success`` is about the frame after it; the first frame is a failure. A step that comes twice (resent
    after a kill) counts once. An episode whose steps are not all there is cut at the gap, so that a frame's number
    is its step's.

    Raises:
        FilmError: no pictures, or one that cannot be read; no episode with its first step.
    """
    found: dict[Episode, Film] = {}
    for step in steps:
        film = found.setdefault((step.robot, step.episode), Film())
        if film.whole or step.step != len(film.frames):
            continue
        if step.step == 0:
            film.recorded.append(0)
        film.cameras = list(step.observation.image_names)
        film.frames.append(jpeg(_side_by_side(step.observation)))
        film.recorded.append(int(step.success))
        if step.final_observation:
            film.frames.append(jpeg(_side_by_side(step.final_observation[0])))
            film.whole = True
    kept = {key: film for key, film in found.items() if film.frames}
    if not kept:
        raise FilmError("the log holds no episode with its first step; there is nothing to show")
    for film in kept.values():
        del film.recorded[len(film.frames) :]  # of the frame that was never seen
    return kept


def pictures(observation: Observation) -> dict[str, np.ndarray]:
    """uint8 (height, width, 3), red first, by camera.

    Raises:
        FilmError: there is none, or one cannot be read.
    """
    try:
        arrays = {
            name: np.ascontiguousarray(picture.transpose(1, 2, 0))
            for name, picture in observation_pictures(observation).items()
        }
    except ValueError as error:
        raise FilmError(f"the log holds a picture that cannot be read: {error}") from None
    if not arrays:
        raise FilmError("the log holds observations without pictures; record with cameras")
    return arrays


def jpeg(picture: np.ndarray) -> bytes:
    """A picture, uint8 (height, width, 3), red first, as a JPEG file."""
    return cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


def _side_by_side(observation: Observation) -> np.ndarray:
    each = list(pictures(observation).values())
    height = max(picture.shape[0] for picture in each)
    return np.hstack([np.pad(p, ((0, height - p.shape[0]), (0, 0), (0, 0))) for p in each])
