"""A recorded episode out of a run's log."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rclpy.serialization import deserialize_message

from hil_serl_ros.data.log_index import LogIndex, log_index
from hil_serl_ros.data.segments import LogError
from hil_serl_ros.msg import Transition


@dataclass(frozen=True)
class Recorded:
    """What was done from a world's start: ``seed`` of the reset, and each executed action (4,) float32."""

    seed: int
    actions: list[np.ndarray]


def recorded_steps(index: LogIndex, robot: str, episode: int) -> list[Transition]:
    """All steps of episode number ``episode`` of ``robot``; the others' bytes are not read.

    Raises:
        ValueError: there is no such episode, it does not begin at its first step, a step is missing, or its world's
            seed is not known; the message is one sentence.
    """
    places = index.episode(robot, episode)
    where = f"episode {episode} of robot {robot} in {index.folder}"
    if not places:
        known = sorted({place.name.episode for place in index.places if place.name.robot == robot})
        there = f"its episodes are {known[0]} to {known[-1]}" if known else f"its robots are {index.robots()}"
        raise ValueError(f"there is no {where}; {there}")
    missing = next((n for n, place in enumerate(places) if place.name.step != n), None)
    if missing is not None:
        raise ValueError(f"there is no whole {where}: step {missing} is missing before {places[missing]}")
    steps: list[Transition] = [deserialize_message(place.read(), Transition) for place in places]
    if steps[0].seed < 0:
        raise ValueError(f"{where} cannot be done again: the seed of its world is not known")
    return steps


def recorded_episode(run_folder: Path, robot: str, episode: int) -> Recorded:
    """Episode number ``episode`` of ``robot`` in the log of the run, to be done again.

    Raises:
        ValueError: no such folder, log or whole episode; the message is one sentence.
    """
    try:
        steps = recorded_steps(log_index(run_folder), robot, episode)
    except LogError as error:
        raise ValueError(str(error)) from None
    return Recorded(steps[0].seed, [np.array(step.action, np.float32) for step in steps])
