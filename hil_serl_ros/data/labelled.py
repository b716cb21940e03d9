"""Episodes of labelled frames, out of what a run recorded."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

EXCLUDED = -1
# (robot, episode) -> frame -> 1 success, 0 failure, -1 excluded; frame 0 is the first transition's observation.
Labels = Mapping[tuple[str, int], Mapping[int, int]]


class LabelledError(ValueError):
    """A recording that no frames can be taken from; the message is one sentence."""


@dataclasses.dataclass(frozen=True)
class RecordedStep:
    """What is needed of one transition. Pictures are uint8 (3, height, width) by camera name."""

    robot: str
    run: str
    episode: int
    step: int
    pictures: Mapping[str, np.ndarray]
    success: bool  # of the observation after the action
    final_pictures: Mapping[str, np.ndarray] | None  # at the episode's end
    discarded: bool = False  # the operator threw the episode away


@dataclasses.dataclass(frozen=True)
class LabelledEpisode:
    """The frames of one episode that have a label.

    Attributes:
        name: for people: where it was recorded, robot and episode.
        cameras: names, sorted: the order of axis 1 of ``pictures``.
        frames: [n] numbers of the frames in the episode.
        pictures: uint8 [n, cameras, 3, height, width].
        labels: [n] bool, True where the task is done.
    """

    name: str
    cameras: tuple[str, ...]
    frames: np.ndarray
    pictures: np.ndarray
    labels: np.ndarray


def labelled_episodes(steps: Iterable[RecordedStep], labels: Labels, source: str) -> Iterator[LabelledEpisode]:
    """Cut recorded steps, in the order of the log, into episodes of labelled frames.

    The label of a frame is the success of the step that led to it; the first frame of an episode is a failure.
    ``labels`` overrides both. A frame whose step before is not in the log has no label of its own. An episode that
    the operator threw away is left out.

    Args:
        steps: of one recording; those of several robots may be mixed.
        labels: by robot and episode.
        source: the recording's name, for the episodes' names.

    Raises:
        LabelledError: no pictures, or other cameras or sizes than in the step before.
    """
    shape: dict[str, tuple[int, ...]] | None = None
    episodes: dict[tuple[str, str, int], _Frames] = {}
    for step in steps:
        for pictures in (step.pictures, *([step.final_pictures] if step.final_pictures is not None else [])):
            found = {name: picture.shape for name, picture in pictures.items()}
            if not found:
                raise LabelledError(f"{source} holds observations without pictures; record with cameras")
            if len(set(found.values())) > 1:
                raise LabelledError(f"the cameras of {source} have pictures of several sizes: {_words(found)}")
            if shape is not None and found != shape:
                raise LabelledError(f"the pictures of {source} change from {_words(shape)} to {_words(found)}")
            shape = found
        episode = episodes.setdefault((step.robot, step.run, step.episode), _Frames())
        episode.add(step)
    for (robot, _, number), frames in episodes.items():
        if made := frames.labelled(labels.get((robot, number), {}), f"{source} {robot} episode {number}"):
            yield made


class _Frames:
    """Pictures and labels of one episode by the number of the frame."""

    def __init__(self) -> None:
        self.pictures: dict[int, np.ndarray] = {}
        self.labels: dict[int, int] = {0: 0}
        self.cameras: tuple[str, ...] = ()
        self.discarded = False

    def add(self, step: RecordedStep) -> None:
        self.cameras = tuple(sorted(step.pictures))
        self.pictures[step.step] = np.stack([step.pictures[name] for name in self.cameras])
        self.labels[step.step + 1] = int(step.success)
        self.discarded |= step.discarded
        if step.final_pictures is not None:
            self.pictures[step.step + 1] = np.stack([step.final_pictures[name] for name in self.cameras])

    def labelled(self, override: Mapping[int, int], name: str) -> LabelledEpisode | None:
        labels = self.labels | dict(override)
        frames = [frame for frame in sorted(self.pictures) if labels.get(frame, EXCLUDED) != EXCLUDED]
        if not frames or self.discarded:
            return None
        return LabelledEpisode(
            name,
            self.cameras,
            np.array(frames),
            np.stack([self.pictures[frame] for frame in frames]),
            np.array([labels[frame] == 1 for frame in frames]),
        )


def check_alike(episodes: Iterable[LabelledEpisode]) -> None:
    """Refuse recordings that were made with different cameras.

    Raises:
        LabelledError: other cameras or sizes in one episode than in the first.
    """
    first: LabelledEpisode | None = None
    for episode in episodes:
        first = first or episode
        mine, other = (_words(dict.fromkeys(e.cameras, e.pictures.shape[2:])) for e in (first, episode))
        if mine != other:
            raise LabelledError(
                f"the recordings differ in their cameras: {first.name} has {mine}, {episode.name} {other}"
            )


def _words(shapes: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {shape[2]}x{shape[1]}" for name, shape in sorted(shapes.items()))
