"""The actor's journal: each step on disk before it is published, kept until the learner holds it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from hil_serl_ros.data.segments import Record, SegmentWriter, mend, next_path, read, segments
from hil_serl_ros.data.transition_log import transition_kind

SEGMENT_STEPS = 500  # of one file: the disk that a long run's journal takes


class Journal:
    """Steps of one robot in one run, numbered from 0 without gaps.

    Raises:
        OSError: the folder or the disk refuses.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._kind = transition_kind()
        self.mended = mend(folder, self._kind)
        self.next_index = 0
        self._ends: list[tuple[Path, int]] = []  # finished files and the index after their last step
        for path in segments(folder):
            last = max((record.sequence for record in read(path)), default=None)
            if last is None:
                path.unlink()  # a process that never made a step
                continue
            self.next_index = last + 1
            self._ends.append((path, self.next_index))
        self._writer: SegmentWriter | None = None
        self._in_segment = 0

    def append(self, index: int, data: bytes) -> None:
        """Write the bytes of step ``index``; when this returns they outlive the process.

        Raises:
            ValueError: a step was left out or comes twice.
        """
        if index != self.next_index:
            raise ValueError(f"step {index} is not the next one, {self.next_index}")
        if self._writer is None:
            self._writer = SegmentWriter(next_path(self.folder), self._kind)
        now = time.time_ns()
        # MCAP's sequence has 32 bits: 13 years of steps at 10 Hz.
        self._writer.append(Record(now, now, index, data))
        self.next_index = index + 1
        self._in_segment += 1
        if self._in_segment >= SEGMENT_STEPS:
            self._end_segment()

    def held(self, count: int) -> None:
        """The learner holds every step below ``count``: files with nothing newer may go, but for the last one."""
        while len(self._ends) > 1 and self._ends[0][1] <= count:
            path, _ = self._ends.pop(0)
            path.unlink()

    def pending(self, start: int) -> Iterator[tuple[int, bytes]]:
        """Steps from ``start`` on, as (index, bytes)."""
        paths = [path for path, end in self._ends if end > start]
        if self._writer is not None:
            paths.append(self._writer.path)
        for path in paths:
            for record in read(path):
                if record.sequence >= start:
                    yield record.sequence, record.data

    def _end_segment(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._ends.append((self._writer.path, self.next_index))
            self._writer = None
            self._in_segment = 0

    def close(self) -> None:
        """End the open file."""
        self._end_segment()
