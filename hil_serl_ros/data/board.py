"""Scalars for TensorBoard, without torch: the processes that only count should not load it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Board:
    """Writes one event file to ``folder`` (made if need be); TensorBoard follows one at a time in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: Any = None  # tensorboard's EventFileWriter

    def add(self, values: Mapping[str, float], step: int) -> None:
        """Write ``values`` (tag to number) at ``step``; they are with the operating system when this returns.

        A resumed run starts again at an earlier step: what an older file has from there on is not shown.
        """
        # Here, for they take a third of a second, and a learner that was killed shall be back at once.
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog  # type: ignore[import-untyped]
        from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[import-untyped]

        if self._writer is None:
            from tensorboard.summary.writer import event_file_writer  # type: ignore[import-untyped]

            self._writer = event_file_writer.EventFileWriter(str(self._folder))
            self._writer.add_event(
                Event(wall_time=time.time(), step=step, session_log=SessionLog(status=SessionLog.START))
            )
        summary = [Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
        self._writer.add_event(Event(wall_time=time.time(), step=step, summary=Summary(value=summary)))
        self._writer.flush()

    def close(self) -> None:
        """End the file."""
        if self._writer is not None:
            self._writer.close()
