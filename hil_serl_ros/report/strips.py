"""The episodes of a run that went worst, as rows of pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np
from rclpy.serialization import deserialize_message

from hil_serl_ros.console.filmstrip import FilmError, jpeg, pictures
from hil_serl_ros.data.log_index import LogIndex, Place
from hil_serl_ros.learning.layout import Layout
from hil_serl_ros.msg import Observation, Transition
from hil_serl_ros.report.curves import path_plot
from hil_serl_ros.report.redrawn import Redrawer
from hil_serl_ros.ros.paths import tool_names, tool_of

SHOWN = 6  # episodes
FRAMES = 8  # of each
HEIGHT = 120  # pixels of a frame


@dataclass(frozen=True)
class Ending:
    """How one logged episode ended, from its last step alone."""

    robot: str
    episode: int
    places: list[Place]
    last: Transition

    @property
    def whole(self) -> bool:
        """It begins at its first step, and its end is logged."""
        return self.places[0].name.step == 0 and len(self.last.final_observation) > 0


@dataclass
class Strip:
    """One episode for the page: ``frames`` are JPEG with their step and who drove then, ``path`` an SVG instead."""

    robot: str
    episode: int
    steps: int
    driven: int
    success: bool
    seed: int
    version: int
    how: str  # where the pictures come from
    frames: list[tuple[int, bool, bytes]] = field(default_factory=list)
    path: bytes = b""


def endings(index: LogIndex) -> list[Ending]:
    """The episodes of training in the log, in order; of each only the last step is decoded."""
    by_episode: dict[tuple[str, int], list[Place]] = {}
    for place in index.places:
        if place.name.mode == Transition.MODE_TRAIN:
            by_episode.setdefault((place.name.robot, place.name.episode), []).append(place)
    return [
        Ending(robot, episode, places, deserialize_message(places[-1].read(), Transition))
        for (robot, episode), places in by_episode.items()
    ]


def worst(all_of_them: list[Ending], count: int = SHOWN) -> list[Ending]:
    """Those that failed, the latest first, for what failed late was not learned; then the longest successes."""
    whole = [ending for ending in all_of_them if ending.whole]
    failed = [ending for ending in whole if not ending.last.success][::-1]
    rest = sorted((ending for ending in whole if ending.last.success), key=lambda e: -len(e.places))
    return [*failed, *rest][:count]


def strips(chosen: list[Ending], layout: Layout | None) -> Iterator[Strip]:
    """The pictures of each: the log's own, else the episode drawn again in simulation, else the tool's path."""
    redrawer = Redrawer(layout) if layout is not None else None
    try:
        for ending in chosen:
            yield _strip(ending, layout, redrawer)
    finally:
        if redrawer is not None:
            redrawer.close()


def _strip(ending: Ending, layout: Layout | None, redrawer: Redrawer | None) -> Strip:
    steps: list[Transition] = [deserialize_message(place.read(), Transition) for place in ending.places]
    seen = [step.observation for step in steps] + list(steps[-1].final_observation)
    by_hand = [step.intervention for step in steps]
    last = steps[-1]
    strip = Strip(
        ending.robot,
        ending.episode,
        len(steps),
        sum(by_hand),
        last.success,
        last.seed,
        int(last.weights_version),
        "as recorded",
    )
    numbers = np.unique(np.linspace(0, len(seen) - 1, FRAMES).round().astype(int)).tolist()
    try:
        made = [_side_by_side(seen[number]) for number in numbers]
    except FilmError:
        made = redrawer.frames(steps, numbers) if redrawer is not None else []
        strip.how = "drawn again in simulation from the recorded actions"
    if made:
        driven = [number > 0 and by_hand[number - 1] for number in numbers]
        strip.frames = [(n, d, jpeg(p)) for n, d, p in zip(numbers, driven, made, strict=True)]
    else:
        tool = np.array([tool_of(message, tool_names(layout)) for message in seen])
        strip.path, strip.how = path_plot(tool, np.array(by_hand)), "the tool's path"
    return strip


def _side_by_side(observation: Observation) -> np.ndarray:
    each = [_scaled(picture) for picture in pictures(observation).values()]
    return np.vstack(each)  # the cameras of one instant below each other: time goes to the right


def _scaled(picture: np.ndarray) -> np.ndarray:
    """``HEIGHT`` high and as wide, as all frames of a strip."""
    return np.asarray(cv2.resize(picture, (HEIGHT, HEIGHT), interpolation=cv2.INTER_AREA))
