"""What an MCAP file of a bag consists of, beside its messages: what describes them, and the summary at its end."""

from __future__ import annotations

import io
import os
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode
from mcap.records import Channel, DataEnd, Footer, Metadata, MetadataIndex, Schema, Statistics, SummaryOffset

from hil_serl_ros.data.segments import (
    FOOTER,
    FOOTER_LENGTH,
    LIBRARY,
    MAGIC,
    OPCODES,
    PREFIX,
    STAMPS,
    LogError,
    _record,
)

INFO = f"{LIBRARY}/episode"  # name of the metadata record with the episode's facts; the last one counts


@dataclass(frozen=True)
class Topic:
    """One topic of a bag.

    Attributes:
        name: full, with its leading slash.
        type_name: as ``std_msgs/msg/String``.
        definition: full text (ros2msg).
        type_hash: REP-2011 hash as RIHS01_..., empty if not known.
        qos: YAML text of the offered profiles, as rosbag2 has it.
    """

    name: str
    type_name: str
    definition: str
    type_hash: str = ""
    qos: str = ""


@dataclass
class Contents:
    """What a file holds so far; ``size`` is its length in bytes up to the last whole record, times are in ns."""

    size: int = 0
    first: int = 0
    last: int = 0
    counts: Counter[int] = field(default_factory=Counter)  # messages, by channel
    schemas: list[Schema] = field(default_factory=list)
    channels: list[Channel] = field(default_factory=list)
    notes: list[MetadataIndex] = field(default_factory=list)
    info: dict[str, str] = field(default_factory=dict)  # of the last metadata record INFO

    @property
    def messages(self) -> int:
        """How many there are."""
        return sum(self.counts.values())

    def add_message(self, channel: int, log_time: int, size: int) -> None:
        """Count one message of ``size`` bytes, its record's head included."""
        if not self.last:
            self.first = log_time
        self.last = log_time
        self.counts[channel] += 1
        self.size += size

    def topics(self) -> list[tuple[Topic, int]]:
        """Each topic with its number of messages."""
        schemas = {schema.id: schema for schema in self.schemas}
        found = []
        for channel in self.channels:
            schema, note = schemas[channel.schema_id], channel.metadata
            hashed, qos = note.get("topic_type_hash", ""), note.get("offered_qos_profiles", "")
            topic = Topic(channel.topic, schema.name, schema.data.decode(), hashed, qos)
            found.append((topic, self.counts[channel.id]))
        return found


def note_record(name: str, content: dict[str, str]) -> bytes:
    """A metadata record."""
    return _record(Metadata(name, content))


def ending(contents: Contents) -> bytes:
    """All that comes after the last record: end of data, summary, footer (mcap.dev/spec)."""
    end = _record(DataEnd(data_section_crc=0))
    start = contents.size + len(end)
    statistics = Statistics(
        attachment_count=0,
        channel_count=len(contents.channels),
        channel_message_counts=dict(contents.counts),
        chunk_count=0,
        message_count=contents.messages,
        message_start_time=contents.first,
        message_end_time=contents.last,
        metadata_count=len(contents.notes),
        schema_count=len(contents.schemas),
    )
    groups = (
        (Opcode.SCHEMA, b"".join(_record(schema) for schema in contents.schemas)),
        (Opcode.CHANNEL, b"".join(_record(channel) for channel in contents.channels)),
        (Opcode.STATISTICS, _record(statistics)),
        (Opcode.METADATA_INDEX, b"".join(_record(note) for note in contents.notes)),
    )
    summary, offsets = b"", b""
    for opcode, group in groups:
        if group:
            offsets += _record(SummaryOffset(opcode, start + len(summary), len(group)))
            summary += group
    offset_start = start + len(summary)
    summary += offsets
    crc = zlib.crc32(FOOTER.pack(Opcode.FOOTER, FOOTER_LENGTH, start, offset_start), zlib.crc32(summary))
    return end + summary + _record(Footer(start, offset_start, crc)) + MAGIC


def scan(file: BinaryIO, path: Path) -> tuple[Contents, int]:
    """What a file of ours holds, whole or cut anywhere, and the length of a torn record after it, in bytes.

    Raises:
        LogError: it is no MCAP file, or another program wrote it.
    """
    length = os.fstat(file.fileno()).st_size
    if not MAGIC.startswith(file.read(len(MAGIC))):
        raise LogError(f"{path} is not an MCAP file; move it out of this folder")
    contents = Contents(size=len(MAGIC))
    while contents.size + PREFIX.size <= length:
        opcode, size = PREFIX.unpack(file.read(PREFIX.size))
        if opcode == Opcode.DATA_END:
            return contents, 0
        whole = PREFIX.size + size
        if contents.size + whole > length or opcode not in OPCODES:
            break  # after a power cut a file may end in zeros
        if opcode == Opcode.MESSAGE:
            channel, _, log_time, _ = STAMPS.unpack(file.read(STAMPS.size))
            file.seek(size - STAMPS.size, os.SEEK_CUR)
            contents.add_message(channel, log_time, whole)
            continue
        body = file.read(size)
        _take(contents, opcode, body, path)
        contents.size += whole
    return contents, max(0, length - contents.size)


def _take(contents: Contents, opcode: int, body: bytes, path: Path) -> None:
    """Take note of a record that is no message; ``contents.size`` is where it begins."""
    whole = PREFIX.pack(opcode, len(body)) + body
    stream = ReadDataStream(io.BytesIO(body))
    if opcode == Opcode.SCHEMA:
        contents.schemas.append(Schema.read(stream))
    elif opcode == Opcode.CHANNEL:
        contents.channels.append(Channel.read(stream))
    elif opcode == Opcode.METADATA:
        note = Metadata.read(stream)
        contents.notes.append(MetadataIndex(contents.size, len(whole), note.name))
        if note.name == INFO:
            contents.info = note.metadata
    elif opcode != Opcode.HEADER or LIBRARY.encode() not in body:
        raise LogError(f"{path} was written by another program; move it out of this folder")
