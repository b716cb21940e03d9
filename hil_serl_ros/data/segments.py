"""Append-only MCAP files that lose nothing of what was appended when their writer is killed.

Messages are written unchunked and handed to the operating system one by one: an open chunk would die
with its process. What a kill leaves is mended at the next start: whole records are kept, a torn end is
cut and counted, and the file gets its index, so that every MCAP reader opens it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from struct import error as StructError

from mcap.exceptions import McapError
from mcap.records import Footer, Message
from mcap.stream_reader import StreamReader
from mcap.writer import Writer

SUFFIX = ".mcap"


@dataclass(frozen=True)
class Kind:
    """What the messages of a file are: topic, ROS type name, and full definition text (ros2msg)."""

    topic: str
    type_name: str
    definition: str


@dataclass(frozen=True)
class Record:
    """One message: times in ns since 1970, its number, and its CDR bytes."""

    log_time: int
    publish_time: int
    sequence: int
    data: bytes


class SegmentWriter:
    """Writes one new file.

    Raises:
        FileExistsError: the file is there already.
        OSError: the disk refuses; what was appended before stays whole.
    """

    def __init__(self, path: Path, kind: Kind) -> None:
        self.path = path
        # Buffered, and flushed here: around a raw file the writer puts a buffer that nobody can flush.
        self._file = path.open("xb")
        self._writer = Writer(self._file, use_chunking=False)
        self._writer.start(profile="ros2", library="hil_serl_ros")
        schema = self._writer.register_schema(kind.type_name, "ros2msg", kind.definition.encode())
        self._channel = self._writer.register_channel(kind.topic, "cdr", schema)

    def append(self, record: Record) -> None:
        """Write one message; when this returns it outlives the process."""
        self._writer.add_message(self._channel, record.log_time, record.data, record.publish_time, record.sequence)
        self._file.flush()

    def close(self) -> None:
        """Write the index and end the file."""
        self._writer.finish()
        os.fsync(self._file.fileno())
        self._file.close()


def read(path: Path) -> Iterator[Record]:
    """The whole records of a file in order, also of one that was cut anywhere."""
    with path.open("rb") as file:
        try:
            for record in StreamReader(file).records:
                if isinstance(record, Message):
                    yield Record(record.log_time, record.publish_time, record.sequence, record.data)
        except (McapError, StructError, EOFError, ValueError):
            return  # the torn end


def is_whole(path: Path) -> bool:
    """The file was ended properly."""
    with path.open("rb") as file:
        try:
            return any(isinstance(record, Footer) for record in StreamReader(file).records)
        except (McapError, StructError, EOFError, ValueError):
            return False


def segments(folder: Path) -> list[Path]:
    """The files of a folder in the order of writing."""
    return sorted(folder.glob(f"[0-9]*{SUFFIX}"))


def next_path(folder: Path) -> Path:
    """The name of the next file of a folder."""
    existing = segments(folder)
    number = int(existing[-1].stem) + 1 if existing else 0
    return folder / f"{number:06d}{SUFFIX}"


def mend(folder: Path, kind: Kind) -> int:
    """Give every file of ``folder`` that a kill left open its whole records and an index; return how many there were."""
    mended = 0
    for path in segments(folder):
        if is_whole(path):
            continue
        part = path.with_suffix(".part")
        part.unlink(missing_ok=True)
        writer = SegmentWriter(part, kind)
        for record in read(path):
            writer.append(record)
        writer.close()
        os.replace(part, path)
        mended += 1
    return mended
