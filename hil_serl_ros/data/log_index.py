"""Which steps a transition log holds and where, found without reading their pictures.

A step's name stands in the first bytes of its message; the rest is skipped. So a log of gigabytes is looked through in
the time that its disk needs for some hundred bytes a step.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode
from mcap.records import Schema

from hil_serl_ros.data.definitions import is_installed
from hil_serl_ros.data.demonstrations import DemonstrationsError
from hil_serl_ros.data.segment_folder import segments
from hil_serl_ros.data.segments import MAGIC, PREFIX, STAMPS, LogError

HEAD = 2048  # bytes of a message that hold its name, whatever the lengths of its texts
LITTLE_ENDIAN = b"\x00\x01"  # CDR's first two bytes, as every writer of ours gives them


@dataclass(frozen=True)
class StepName:
    """The fields of a ``Transition`` that name it."""

    robot: str
    run: str
    index: int
    episode: int
    step: int
    layout: str
    mode: int


@dataclass(frozen=True)
class Place:
    """Where a step's bytes are: the file, its number among the file's messages, offset and length in bytes."""

    path: Path
    number: int
    offset: int
    size: int
    name: StepName

    def read(self) -> bytes:
        """The step's CDR bytes."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size)

    def __str__(self) -> str:
        return f"{self.path}, message {self.number}"


@dataclass(frozen=True)
class LogIndex:
    """All whole steps of a log in order; ``notes`` says in sentences what the log lacks."""

    folder: Path
    places: list[Place]
    notes: list[str]

    def episode(self, robot: str, episode: int) -> list[Place]:
        """The steps of one episode; empty: there is none."""
        return [place for place in self.places if (place.name.robot, place.name.episode) == (robot, episode)]

    def robots(self) -> list[str]:
        """Whose steps there are, in the order of their first ones."""
        return list(dict.fromkeys(place.name.robot for place in self.places))

    def runs(self) -> list[str]:
        """Names of the runs that the steps say they are of."""
        return list(dict.fromkeys(place.name.run for place in self.places))


def log_index(folder: Path) -> LogIndex:
    """Look through the log of a run's folder, or a folder of transition logs.

    Raises:
        DemonstrationsError: no such folder, no log in it, or no step in the log.
        LogError: a file that is no log of ours, or of another version.
    """
    if not folder.is_dir():
        raise DemonstrationsError(f"there is no folder {folder}")
    log = folder / "log" if (folder / "log").is_dir() else folder
    files = segments(log)
    if not files:
        raise DemonstrationsError(f"{folder} holds no transition log (log/000000.mcap)")
    places: list[Place] = []
    notes: list[str] = []
    for path in files:
        places += _scan(path, notes)
    if not places:
        raise DemonstrationsError(f"the transition log in {log} holds no step")
    return LogIndex(log, places, [*notes, *_gaps(places)])


def _gaps(places: list[Place]) -> Iterator[str]:
    """Steps of a robot that should be between two that are there."""
    following: dict[tuple[str, str], int] = {}
    for place in places:
        name = place.name
        due = following.get((name.robot, name.run), 0)
        if name.index != due:
            yield f"{place} is step {name.index} of robot {name.robot}, where {due} was to come"
        following[name.robot, name.run] = name.index + 1


def _scan(path: Path, notes: list[str]) -> Iterator[Place]:
    with path.open("rb") as file:
        length = os.fstat(file.fileno()).st_size
        if file.read(len(MAGIC)) != MAGIC:
            raise LogError(f"{path} is not an MCAP file; move it out of its folder")
        number, at = 0, len(MAGIC)
        while at + PREFIX.size <= length:
            opcode, size = PREFIX.unpack(file.read(PREFIX.size))
            if opcode == Opcode.DATA_END:
                return
            start = at + PREFIX.size
            at = start + size
            if at > length or not 0 < opcode <= Opcode.DATA_END:
                break
            if opcode == Opcode.CHUNK:
                raise LogError(f"{path} is no log of ours: another program wrote its messages in chunks")
            if opcode == Opcode.SCHEMA:
                _check_schema(path, file, size)
            elif opcode == Opcode.MESSAGE:
                head = file.read(min(size, STAMPS.size + HEAD))[STAMPS.size :]
                name = step_name(head)
                if name is None:
                    raise LogError(f"{path}, message {number} is no Transition; what comes after it is not read")
                yield Place(path, number, start + STAMPS.size, size - STAMPS.size, name)
                number += 1
            file.seek(at)
    rest = "it is being written or was left by a kill"
    notes.append(f"{path} is not ended after its message {number - 1}: {rest}" if number else f"{path} holds no step")


def _check_schema(path: Path, file: BinaryIO, size: int) -> None:
    schema = Schema.read(ReadDataStream(file))
    if not is_installed(schema.name, schema.data.decode()):
        raise LogError(f"{path} is of another version: its {schema.name} has other fields")


def step_name(data: bytes) -> StepName | None:
    """The name in the first bytes of a ``Transition`` in CDR (little endian); None: they are none."""
    if data[:2] != LITTLE_ENDIAN:
        return None
    try:
        at = 4 + 8  # the encapsulation, the stamp
        _, at = _text(data, at)
        robot, at = _text(data, at)
        run, at = _text(data, at)
        at += -(at - 4) % 8
        index, episode, step = struct.unpack_from("<QII", data, at)
        layout, at = _text(data, at + 16)
        return StepName(robot, run, index, episode, step, layout, data[at])
    except (struct.error, UnicodeDecodeError, IndexError):
        return None


def _text(data: bytes, at: int) -> tuple[str, int]:
    """A CDR string and where the next field may begin. CDR aligns from the end of its encapsulation, 4 bytes in."""
    at += -(at - 4) % 4
    (length,) = struct.unpack_from("<I", data, at)
    end = at + 4 + length
    if length == 0 or end > len(data):
        raise IndexError("the text goes on after the head")
    return data[at + 4 : end - 1].decode(), end
