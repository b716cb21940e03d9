"""Demonstrations from a folder: a run's folder, or a folder of transition logs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from hil_serl_ros.data.segment_folder import segments
from hil_serl_ros.data.transition_log import read_log


class Flags(Protocol):
    """What a decoded ``Transition`` says about its episode."""

    robot: str
    run: str
    episode: int
    terminated: bool
    success: bool
    discarded: bool


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


class Demonstrations(Generic[T]):
    """Holds back each robot's demonstration until it is a success; any other one is thrown away.

    ``dropped`` counts the steps of demonstrations that failed, were discarded, or were left unfinished.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._open: dict[tuple[str, str], list[T]] = {}

    def add(self, step: T) -> list[T]:
        """Take the next step of its robot; the steps that may be learned from now: a whole demonstration, or none."""
        robot = (step.robot, step.run)
        episode = self._open.setdefault(robot, [])
        if episode and episode[0].episode != step.episode:
            self._drop(episode)  # left unfinished: a time limit, a reset, a dead robot
        episode.append(step)
        if step.success and not step.discarded:
            return self._open.pop(robot)
        if step.terminated or step.discarded:
            self._drop(episode)
        return []

    def _drop(self, episode: list[T]) -> None:
        self.dropped += len(episode)
        episode.clear()
