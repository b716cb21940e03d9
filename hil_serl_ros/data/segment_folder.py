"""A folder of numbered segments (000000.mcap, 000001.mcap, ...) that one process at a time writes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from hil_serl_ros.data.segments import SUFFIX, Kind, LogError, Record, SegmentWriter, mend, read

LOCK = ".lock"


def segments(folder: Path) -> list[Path]:
    """The files of a folder in the order of writing."""
    return sorted(folder.glob(f"[0-9]*{SUFFIX}"))


def read_all(folder: Path) -> Iterator[Record]:
    """All whole records of a folder in order, those of its open file included."""
    for path in segments(folder):
        yield from read(path)


class SegmentFolder:
    """Opens ``folder`` for writing, makes it if need be, and mends what a kill left in it.

    ``mended`` counts the files that were left open, ``torn`` those of them that ended in half a record.

    Raises:
        LogError: another process writes here, or the folder cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise LogError(f"{folder} cannot be written: {error.strerror}", error.errno) from error
        try:
            # A record lock, not flock: it ends with this very process, also where a forked child lives on.
            fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise LogError(f"another process writes to {folder}; stop it first") from None
        self.mended = self.torn = 0
        try:
            for path in segments(folder):
                size = path.stat().st_size
                self.torn += mend(path) > 0
                self.mended += not path.exists() or path.stat().st_size != size
        except BaseException:
            self.close()
            raise

    def new(self, kind: Kind) -> SegmentWriter:
        """Start the next file."""
        existing = segments(self.folder)
        number = int(existing[-1].stem) + 1 if existing else 0
        return SegmentWriter(self.folder / f"{number:06d}{SUFFIX}", kind)

    def close(self) -> None:
        """Let another process write."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
