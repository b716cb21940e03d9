"""The learner's log: every transition on disk before it is learned from, in MCAP, one file for each process' life."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hil_serl_ros.data.bag_metadata import write_metadata
from hil_serl_ros.data.definitions import definition_text
from hil_serl_ros.data.segment_folder import SegmentFolder, read_all, segments
from hil_serl_ros.data.segments import Kind, Record, SegmentWriter, read

TOPIC = "/transitions"
TYPE = "hil_serl_ros/msg/Transition"


def transition_kind() -> Kind:
    """What the log and the journal hold.

    Raises:
        FileNotFoundError: the package's messages are not installed.
    """
    return Kind(TOPIC, TYPE, definition_text(TYPE))


class TransitionLog:
    """Appends to a new file in ``folder``; files that a kill left open are mended first.

    ``mended`` counts the files that were left open, ``torn`` those of them that ended in half a record.
    The folder opens as a rosbag2 bag; the file that is being written joins it when it is ended.

    Raises:
        LogError: another process writes here, or the disk refuses.
    """

    def __init__(self, folder: Path) -> None:
        self._kind = transition_kind()
        self._segments = SegmentFolder(folder)
        self.folder = folder
        self.mended, self.torn = self._segments.mended, self._segments.torn
        self._before = segments(folder)
        self._writer: SegmentWriter | None = None
        self._count = 0
        if self.mended:
            write_metadata(folder, self._kind)

    def append(self, data: bytes, log_time: int, publish_time: int) -> None:
        """Write the bytes of one ``Transition``; times in ns since 1970. When this returns they are kept.

        Raises:
            LogError: the disk refuses; nothing of this message is kept, all before it is.
        """
        if self._writer is None:
            self._writer = self._segments.new(self._kind)
        self._writer.append(Record(log_time, publish_time, self._count, data))
        self._count += 1

    def read(self) -> Iterator[Record]:
        """All that was logged before this process, in order."""
        for path in self._before:
            yield from read(path)

    def close(self) -> None:
        """End the file, and let another process write."""
        if self._writer is not None:
            self._writer.close()
            write_metadata(self.folder, self._kind)
        self._segments.close()


def read_log(folder: Path) -> Iterator[Record]:
    """All records of a log folder in order, those of its open file included."""
    return read_all(folder)
