"""The actor's journal: each step on disk before it is published, kept until the learner holds it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from hil_serl_ros.data.segment_folder import SegmentFolder, segments
from hil_serl_ros.data.segments import Record, SegmentWriter, read
from hil_serl_ros.data.transition_log import transition_kind

SEGMENT_STEPS = 500  # of one file: what the learner holds goes file by file


class Journal:
    """Steps of one robot in one run, numbered from 0 without gaps.

    ``next_index`` is the number of the next step, after a restart too. ``mended`` counts the files that a kill
    left open, ``torn`` those of them that ended in half a step.

    Raises:
        LogError: another process writes here, or the disk refuses.
    """

    def __init__(self, folder: Path) -> None:
        self._kind = transition_kind()
        self._segments = SegmentFolder(folder)
        self.folder = folder
        self.mended, self.torn = self._segments.mended, self._segments.torn
        self.next_index = 0
        self._ends: list[tuple[Path, int]] = []  # ended files and the index after their last step
        for path in segments(folder):
            for record in read(path):
                self.next_index = record.sequence + 1
            self._ends.append((path, self.next_index))
        self._writer: SegmentWriter | None = None

    def append(self, index: int, data: bytes) -> None:
        """Write the bytes of step ``index``; when this returns they outlive the process.

        Raises:
            ValueError: a step was left out or comes twice.
            LogError: the disk refuses; the step is not kept and can be appended again.
        """
        if index != self.next_index:
            raise ValueError(f"step {index} is not the next one, {self.next_index}")
        if self._writer is None:
            self._writer = self._segments.new(self._kind)
        now = time.time_ns()
        # MCAP's sequence has 32 bits: 13 years of steps at 10 Hz.
        self._writer.append(Record(now, now, index, data))
        self.next_index = index + 1
        if self._writer.held.count >= SEGMENT_STEPS:
            self._end_segment()

    def held(self, count: int) -> None:
        """The learner holds every step below ``count``: files with nothing newer may go, but for the last one."""
        while len(self._ends) > 1 and self._ends[0][1] <= count:
            path, _ = self._ends.pop(0)
            path.unlink()

    def pending(self, start: int) -> Iterator[tuple[int, bytes]]:
        """Steps from ``start`` on, as (index, bytes); :meth:`held` may be called while they are taken."""
        paths = [path for path, end in self._ends if end > start]
        if self._writer is not None:
            paths.append(self._writer.path)
        for path in paths:
            if not path.exists():
                continue  # the learner holds all of it meanwhile
            for record in read(path):
                if record.sequence >= start:
                    yield record.sequence, record.data

    def _end_segment(self) -> None:
        if self._writer is not None:
            writer, self._writer = self._writer, None
            self._ends.append((writer.path, self.next_index))
            writer.close()

    def close(self) -> None:
        """End the open file, and let another process write."""
        self._end_segment()
        self._segments.close()
