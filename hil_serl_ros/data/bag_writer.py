"""Writes the MCAP file of a bag: many topics, and nothing of what was appended is lost when the writer is killed.

As in `data/segments.py`: messages are not chunked, and each is handed to the operating system by one call.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import NoReturn

from mcap.opcode import Opcode
from mcap.records import Channel, Header, MetadataIndex, Schema

from hil_serl_ros.data.bag_description import BAG, SERIALIZED, described
from hil_serl_ros.data.bag_file import INFO, Contents, Topic, ending, note_record
from hil_serl_ros.data.segments import LIBRARY, MAGIC, PREFIX, STAMPS, LogError, _record


class BagWriter:
    """Writes one new file, which is locked (flock) as long as its writer lives.

    Args:
        path: of the file; its folder exists.
        info: facts of the episode that are known at its begin.

    Raises:
        FileExistsError: the file is there already.
        LogError: the disk refuses; nothing is left of the file.
    """

    def __init__(self, path: Path, info: dict[str, str]) -> None:
        self.path = path
        self.contents = Contents()
        self._channels: dict[str, int] = {}
        self._schemas: dict[str, int] = {}
        self._file = path.open("xb", buffering=0)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            self._write(MAGIC + _record(Header(profile="ros2", library=LIBRARY)))
            self._note(INFO, info)
        except LogError:
            self._file.close()
            path.unlink()
            raise

    def channel(self, topic: Topic) -> int:
        """The number of ``topic`` in this file, described in it the first time.

        Raises:
            LogError: the disk refuses.
        """
        number = self._channels.get(topic.name)
        if number is not None:
            return number
        contents, records = self.contents, b""
        schema = self._schemas.get(topic.type_name)
        new = schema is None
        if schema is None:
            schema = len(contents.schemas) + 1
            described = Schema(id=schema, name=topic.type_name, encoding="ros2msg", data=topic.definition.encode())
            records += _record(described)
        note = {"offered_qos_profiles": topic.qos, "topic_type_hash": topic.type_hash}
        channel = Channel(len(contents.channels) + 1, topic.name, "cdr", note, schema)
        self._write(records + _record(channel))
        if new:
            contents.schemas.append(described)
            self._schemas[topic.type_name] = schema
        contents.channels.append(channel)
        self._channels[topic.name] = channel.id
        return channel.id

    def append(self, channel: int, log_time: int, sent: int, data: bytes) -> None:
        """Write one message (CDR bytes) that came at ``log_time`` and was ``sent`` then, ns since 1970; it is kept.

        A log time before that of the message before is raised to it: readers want them in order.

        Raises:
            LogError: the disk refuses; the file is as it was before.
        """
        contents = self.contents
        time = max(log_time, contents.last)
        size = STAMPS.size + len(data)
        head = PREFIX.pack(Opcode.MESSAGE, size) + STAMPS.pack(channel, contents.counts[channel], time, sent)
        try:
            # One call, so that a kill leaves the record whole or torn at the end of the file.
            done = os.writev(self._file.fileno(), (head, data))
        except OSError as error:
            self._cut(error)
        if done != PREFIX.size + size:
            self._finish(head + data, done)
        contents.add_message(channel, time, PREFIX.size + size)

    def close(self, info: dict[str, str]) -> str:
        """Write the episode's facts and the summary, and end the file; once.

        Returns:
            The bag's description, for the folder.

        Raises:
            LogError: the disk refuses; all messages are kept, and :func:`mend_bag` ends the file later.
        """
        try:
            self._note(INFO, info)
            self.contents.info = info
            text = described(self.contents, self.path.name)
            self._note(BAG, {SERIALIZED: text})
            self._write(ending(self.contents), counted=False)
            os.fsync(self._file.fileno())
            return text
        finally:
            self._file.close()

    def abandon(self) -> None:
        """Take the file away again."""
        self._file.close()
        self.path.unlink()

    def _note(self, name: str, content: dict[str, str]) -> None:
        at, record = self.contents.size, note_record(name, content)
        self._write(record)
        self.contents.notes.append(MetadataIndex(at, len(record), name))

    def _write(self, data: bytes, *, counted: bool = True) -> None:
        self._finish(data, 0)
        self.contents.size += len(data) if counted else 0

    def _finish(self, data: bytes, done: int) -> None:
        """Write ``data`` from its byte ``done`` on; a full disk takes what fits and says so only when asked again."""
        try:
            while done < len(data):
                done += os.write(self._file.fileno(), data[done:])
        except OSError as error:
            self._cut(error)

    def _cut(self, error: OSError) -> NoReturn:
        os.ftruncate(self._file.fileno(), self.contents.size)
        self._file.seek(self.contents.size)
        kept = f"the {self.contents.messages} messages in it are kept"
        raise LogError(f"{self.path} cannot be written: {error.strerror}; {kept}", error.errno) from error
