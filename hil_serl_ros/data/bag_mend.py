"""Ends in place what a kill left of a bag: whole messages stay where they are, the torn end is cut and counted."""

from __future__ import annotations

import fcntl
import os
import struct
from dataclasses import dataclass
from pathlib import Path

from mcap.exceptions import McapError
from mcap.records import MetadataIndex

from hil_serl_ros.data.bag_description import BAG, NAME, SERIALIZED, described, write_description
from hil_serl_ros.data.bag_file import INFO, Contents, ending, note_record, scan
from hil_serl_ros.data.segments import SUFFIX, LogError, is_whole

END = "end"  # name of the fact how the episode ended; set when its bag is ended
TORN = "torn"  # its value where the recorder was killed


@dataclass(frozen=True)
class Mended:
    """What was done to a bag: ended or described anew; bytes of a torn record that were cut off."""

    changed: bool
    torn: int = 0


def mend_bag(folder: Path) -> Mended:
    """End the bag ``folder`` if a kill left it open; it is taken away if it holds no message.

    One that another process is writing, or that is whole, is left alone.

    Raises:
        LogError: another program wrote its file, or the disk refuses; its messages are as they were.
    """
    path = next(iter(sorted(folder.glob(f"*{SUFFIX}"))), None)
    if path is None:
        return _remove(folder) if not any(folder.iterdir()) else Mended(False)
    whole = is_whole(path)
    if whole and (folder / NAME).is_file():
        return Mended(False)
    try:
        with path.open("r+b", buffering=0) as raw, open(raw.fileno(), "rb", closefd=False) as file:
            try:
                fcntl.flock(raw, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return Mended(False)  # it is being written
            contents, torn = scan(file, path)
            if not contents.messages:
                path.unlink()
                (folder / NAME).unlink(missing_ok=True)
                return _remove(folder)
            if not whole:
                _end(raw.fileno(), contents, path)
        write_description(folder, described(contents, path.name))
    except LogError:
        raise
    except OSError as error:
        raise LogError(f"{path} was left open by a kill and cannot be mended: {error.strerror}", error.errno) from error
    except (McapError, struct.error, EOFError, ValueError) as error:
        raise LogError(f"{path} has a damaged record: {error}") from None
    return Mended(True, torn)


def _end(handle: int, contents: Contents, path: Path) -> None:
    """Write what is missing behind the last whole record. A kill in here leaves the file open again."""
    rest = b""
    at = contents.size

    def add(name: str, content: dict[str, str]) -> None:
        nonlocal rest
        record = note_record(name, content)
        contents.notes.append(MetadataIndex(contents.size, len(record), name))
        contents.size += len(record)
        rest += record

    if END not in contents.info:
        contents.info = torn_info(contents)
        add(INFO, contents.info)
    if BAG not in {note.name for note in contents.notes}:
        add(BAG, {SERIALIZED: described(contents, path.name)})
    rest += ending(contents)
    os.ftruncate(handle, at)
    os.lseek(handle, at, os.SEEK_SET)
    while rest:
        rest = rest[os.write(handle, rest) :]
    os.fsync(handle)


def torn_info(contents: Contents) -> dict[str, str]:
    """The facts of an episode whose recorder was killed in it: those of its begin, and how many steps there are."""
    steps = next((count for topic, count in contents.topics() if topic.name.endswith("/transitions")), 0)
    return contents.info | {END: TORN, "result": "", "steps": str(steps)}


def _remove(folder: Path) -> Mended:
    folder.rmdir()
    return Mended(True)
