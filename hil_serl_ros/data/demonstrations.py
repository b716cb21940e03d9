"""Demonstrations from a folder: a run's folder, or a folder of transition logs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

from hil_serl_ros.data.segment_folder import segments
from hil_serl_ros.data.transition_log import read_log


class Flags(Protocol):
    """What a decoded ``Transition`` says about its place in an episode."""

    robot: str
    run: str
    episode: int
    terminated: bool
    truncated: bool


T = TypeVar("T", bound=Flags)


class DemonstrationsError(ValueError):
    """A folder that holds no demonstrations; the message is one sentence."""


def read_demonstrations(folder: Path) -> Iterator[bytes]:
    """The bytes of each logged ``Transition`` in order; the caller decodes them and picks those that it wants.

    Raises:
        DemonstrationsError: there is no such folder, no log in it, or no step in the log.
    """
    if not folder.is_dir():
        raise DemonstrationsError(f"there is no folder {folder} to load demonstrations from")
    log = folder / "log" if (folder / "log").is_dir() else folder
    if not segments(log):
        raise DemonstrationsError(f"{folder} holds no transition log (000000.mcap, or log/000000.mcap)")
    empty = True
    for record in read_log(log):
        empty = False
        yield record.data
    if empty:
        raise DemonstrationsError(f"the transition log in {log} holds no step")


def whole_episodes(steps: Iterable[T]) -> Iterator[T]:
    """Of ``steps`` in the order of the log, those whose episode is there to its end, episode by episode."""
    open_episodes: dict[tuple[str, str], list[T]] = {}
    for step in steps:
        robot = (step.robot, step.run)
        episode = open_episodes.setdefault(robot, [])
        if episode and episode[0].episode != step.episode:
            episode.clear()  # its robot died in it
        episode.append(step)
        if step.terminated or step.truncated:
            yield from open_episodes.pop(robot)
