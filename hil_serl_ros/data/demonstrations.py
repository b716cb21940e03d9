"""Demonstrations from a folder: a run's folder, or a folder of transition logs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hil_serl_ros.data.segments import segments
from hil_serl_ros.data.transition_log import read_log


class DemonstrationsError(ValueError):
    """A folder that holds no demonstrations; the message is one sentence."""


def read_demonstrations(folder: Path) -> Iterator[bytes]:
    """The bytes of each logged ``Transition`` in order; the caller picks those that are demonstrations.

    Raises:
        DemonstrationsError: there is no such folder, or no log in it.
    """
    if not folder.is_dir():
        raise DemonstrationsError(f"there is no folder {folder} to load demonstrations from")
    log = folder / "log" if (folder / "log").is_dir() else folder
    if not segments(log):
        raise DemonstrationsError(f"{folder} holds no transition log (000000.mcap, or log/000000.mcap)")
    for record in read_log(log):
        yield record.data
