"""The learner's log: every transition on disk before it is learned from, in MCAP, one file for each process' life."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hil_serl_ros.data.definitions import definition_text
from hil_serl_ros.data.segments import Kind, Record, SegmentWriter, mend, next_path, read, segments

TYPE = "hil_serl_ros/msg/Transition"


def transition_kind() -> Kind:
    """What the log and the journal hold."""
    return Kind("transitions", TYPE, definition_text(TYPE))


class TransitionLog:
    """Appends to a new file in ``folder``; files that a kill left open are mended first.

    Raises:
        OSError: the folder or the disk refuses.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        kind = transition_kind()
        self.folder = folder
        self.mended = mend(folder, kind)
        self._before = segments(folder)
        self._writer = SegmentWriter(next_path(folder), kind)
        self._count = 0

    def append(self, data: bytes, log_time: int, publish_time: int) -> None:
        """Write the bytes of one ``Transition``; times in ns since 1970. When this returns they are kept."""
        self._writer.append(Record(log_time, publish_time, self._count, data))
        self._count += 1

    def read(self) -> Iterator[Record]:
        """All that was logged before this process, in order."""
        for path in self._before:
            yield from read(path)

    def close(self) -> None:
        """End the file; an empty one is taken away."""
        self._writer.close()
        if self._count == 0:
            self._writer.path.unlink()


def read_log(folder: Path) -> Iterator[Record]:
    """All records of a log folder in order, its open file included."""
    for path in segments(folder):
        yield from read(path)
