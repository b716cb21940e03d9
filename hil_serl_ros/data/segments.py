"""Append-only MCAP files that lose nothing of what was appended when their writer is killed.

Messages are written unchunked, each handed to the operating system by one call: an open chunk would die with
its process. What a kill leaves is mended in place at the next start: the torn end is cut and counted, whole
records stay where they are, and the file gets its summary, so that every MCAP reader opens it.

Durable means: against the death of the process. A file is forced to the disk itself when it is ended.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mcap.data_stream import RecordBuilder
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Channel, DataEnd, Footer, Header, McapRecord, Message, Schema, Statistics, SummaryOffset
from mcap.stream_reader import StreamReader
from mcap.writer import MCAP0_MAGIC as MAGIC

from hil_serl_ros.data.definitions import is_installed

SUFFIX = ".mcap"
LIBRARY = "hil_serl_ros"
CHANNEL = 1  # the only one of a file
PREFIX = struct.Struct("<BQ")  # of each record: opcode, length of what follows
STAMPS = struct.Struct("<HIQQ")  # of a message: channel, sequence, log time, publish time
FOOTER = struct.Struct("<BQQQ")
FOOTER_LENGTH = 20
OPCODES = frozenset(Opcode)


class LogError(OSError):
    """A file of a log or journal that cannot be written or mended; the message is one sentence for the user."""

    def __init__(self, sentence: str, number: int | None = None) -> None:
        super().__init__(sentence)
        self.errno = number


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


@dataclass
class Extent:
    """What a file holds: number of messages, log times of the first and last in ns, and its length in bytes."""

    count: int = 0
    first: int = 0
    last: int = 0
    size: int = 0

    def add(self, log_time: int, size: int) -> None:
        """Count one message of ``size`` bytes."""
        self.first = log_time if self.count == 0 else self.first
        self.last = log_time
        self.count += 1
        self.size += size


class SegmentWriter:
    """Writes one new file.

    Raises:
        FileExistsError: the file is there already.
        LogError: the disk refuses; nothing is left of the file.
    """

    def __init__(self, path: Path, kind: Kind) -> None:
        self.path = path
        self.held = Extent()
        self._file = path.open("xb", buffering=0)
        schema = Schema(id=1, name=kind.type_name, encoding="ros2msg", data=kind.definition.encode())
        channel = Channel(id=CHANNEL, topic=kind.topic, message_encoding="cdr", metadata={}, schema_id=1)
        self._description = (_record(schema), _record(channel))
        start = MAGIC + _record(Header(profile="ros2", library=LIBRARY)) + b"".join(self._description)
        try:
            self._write(start)
        except LogError:
            self._file.close()
            path.unlink()
            raise
        self.held.size = len(start)

    def append(self, record: Record) -> None:
        """Write one message; when this returns it outlives the process.

        A log time before that of the message before is raised to it: readers want them in order, and the
        wall clock may be set back.

        Raises:
            LogError: the disk refuses; the file is as it was before, and the message can be appended again.
        """
        log_time = max(record.log_time, self.held.last)
        head = PREFIX.pack(Opcode.MESSAGE, STAMPS.size + len(record.data))
        head += STAMPS.pack(CHANNEL, record.sequence, log_time, record.publish_time)
        self._write(head, record.data)
        self.held.add(log_time, len(head) + len(record.data))

    def close(self) -> None:
        """Write the summary and end the file."""
        if self._file.closed:
            return
        try:
            self._write(_ending(self.held, *self._description))
            os.fsync(self._file.fileno())
        finally:
            self._file.close()

    def _write(self, *parts: bytes) -> None:
        wanted = sum(map(len, parts))
        try:
            # One call, so that a kill leaves the record whole or torn at the end of the file.
            done = os.writev(self._file.fileno(), parts)
            if done < wanted:  # a full disk takes what fits and says so only when asked again
                rest = b"".join(parts)
                while done < wanted:
                    done += os.write(self._file.fileno(), rest[done:])
        except BaseException as error:
            os.ftruncate(self._file.fileno(), self.held.size)
            self._file.seek(self.held.size)
            if not isinstance(error, OSError):
                raise
            kept = f"the {self.held.count} messages in it are kept"
            raise LogError(f"{self.path} cannot be written: {error.strerror}; {kept}", error.errno) from error


def read(path: Path) -> Iterator[Record]:
    """The whole records of a file in order, also of one that was cut anywhere or is being written.

    Raises:
        LogError: its messages have other fields than the installed ones: their bytes would be read as something else.
    """
    with path.open("rb") as file:
        try:
            for record in StreamReader(file).records:
                if isinstance(record, Schema) and not is_installed(record.name, record.data.decode()):
                    raise LogError(f"{path} is of another version: its {record.name} has other fields")
                if isinstance(record, Message):
                    yield Record(record.log_time, record.publish_time, record.sequence, record.data)
        except (McapError, struct.error, EOFError, ValueError):
            return  # the torn end


def is_whole(path: Path) -> bool:
    """The file was ended properly."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size < len(MAGIC) + PREFIX.size + FOOTER_LENGTH:
            return False
        file.seek(-(len(MAGIC) + PREFIX.size + FOOTER_LENGTH), os.SEEK_END)
        end = file.read()
    return end.startswith(PREFIX.pack(Opcode.FOOTER, FOOTER_LENGTH)) and end.endswith(MAGIC)


def mend(path: Path) -> int:
    """End a file that a kill left open, in place; taken away if it holds no message. A whole one is left alone.

    Returns:
        Bytes of a torn record that were cut off.

    Raises:
        LogError: another program wrote the file, or the disk refuses; its messages are as they were.
    """
    if is_whole(path):
        return 0
    try:
        with path.open("r+b", buffering=0) as raw, open(raw.fileno(), "rb", closefd=False) as file:
            held, description, torn = _scan(file, path)
            if held.count:
                # A kill in here leaves the file open again, and no message was touched.
                os.ftruncate(raw.fileno(), held.size)
                raw.seek(held.size)
                raw.write(_ending(held, *description))
                os.fsync(raw.fileno())
    except LogError:
        raise
    except OSError as error:
        raise LogError(f"{path} was left open by a kill and cannot be mended: {error.strerror}", error.errno) from error
    if not held.count:
        path.unlink()
    return torn


def _scan(file: BinaryIO, path: Path) -> tuple[Extent, list[bytes], int]:
    """Extent of the whole messages, the records that describe them, and the length of a torn record after them."""
    length = os.fstat(file.fileno()).st_size
    held = Extent(size=len(MAGIC))
    description: list[bytes] = []
    if not MAGIC.startswith(file.read(len(MAGIC))):
        raise LogError(f"{path} is not an MCAP file; move it out of this folder")
    while held.size + PREFIX.size <= length:
        opcode, size = PREFIX.unpack(file.read(PREFIX.size))
        if opcode == Opcode.DATA_END:
            return held, description, 0  # the kill came while the file was ended
        if held.size + PREFIX.size + size > length:
            break
        if opcode == Opcode.MESSAGE:
            log_time = STAMPS.unpack(file.read(STAMPS.size))[2]
            file.seek(size - STAMPS.size, os.SEEK_CUR)
            held.add(log_time, PREFIX.size + size)
            continue
        if opcode not in OPCODES:
            break  # after a power cut a file may end in zeros
        body = file.read(size)
        held.size += PREFIX.size + size
        if opcode in (Opcode.SCHEMA, Opcode.CHANNEL):
            description.append(PREFIX.pack(opcode, size) + body)
        elif opcode != Opcode.HEADER or LIBRARY.encode() not in body:
            raise LogError(f"{path} is not whole and another program wrote it; move it out of this folder")
    return held, description, max(0, length - held.size)


def _record(record: McapRecord) -> bytes:
    builder = RecordBuilder()
    record.write(builder)
    return builder.end()


def _ending(held: Extent, schema: bytes, channel: bytes) -> bytes:
    """All that comes after the last message: end of data, summary, footer (mcap.dev/spec)."""
    end = _record(DataEnd(data_section_crc=0))
    start = held.size + len(end)
    statistics = Statistics(
        attachment_count=0,
        channel_count=1,
        channel_message_counts={CHANNEL: held.count},
        chunk_count=0,
        message_count=held.count,
        message_start_time=held.first,
        message_end_time=held.last,
        metadata_count=0,
        schema_count=1,
    )
    groups = ((Opcode.SCHEMA, schema), (Opcode.CHANNEL, channel), (Opcode.STATISTICS, _record(statistics)))
    summary, offsets = b"", b""
    for opcode, group in groups:
        offsets += _record(SummaryOffset(opcode, start + len(summary), len(group)))
        summary += group
    offset_start = start + len(summary)
    summary += offsets
    crc = zlib.crc32(FOOTER.pack(Opcode.FOOTER, FOOTER_LENGTH, start, offset_start), zlib.crc32(summary))
    return end + summary + _record(Footer(start, offset_start, crc)) + MAGIC
