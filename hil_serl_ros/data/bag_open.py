"""One episode's bag while it is written."""

from __future__ import annotations

import struct
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from hil_serl_ros.data.bag_audit import Audit, Done
from hil_serl_ros.data.bag_description import write_description
from hil_serl_ros.data.bag_mend import END
from hil_serl_ros.data.bag_topics import COMMAND, EXECUTED, Heard
from hil_serl_ros.data.bag_writer import BagWriter
from hil_serl_ros.data.bags import discard, file_of

DONE = "done"
DISCARD = "discarded"  # the result of an episode that the operator threw away
ENDLESS = 2**63
STAMP = struct.Struct("<iI")  # seconds and nanoseconds
TAIL = 100  # messages

# A topic, CDR bytes, when they came and when they were sent (ns since 1970), the header's stamp in ns (-1: not used).
Message = tuple[Heard, bytes, int, int, int]


def stamp_in(data: bytes) -> int:
    """The stamp of a message's header in CDR, ns; it is the first field, 4 bytes in."""
    seconds, rest = STAMP.unpack_from(data, 4)
    return int(seconds) * 1_000_000_000 + int(rest)


@dataclass(frozen=True)
class Begun:
    """An episode that the actor began; ``stamp`` of its first observation in ns, ``epoch`` of the robot in it."""

    mode: int
    episode: int
    epoch: int
    stamp: int
    weights_version: int


@dataclass(frozen=True)
class Ended:
    """The actor's summary of an episode; ``info`` are its facts for the bag. See :class:`Done`."""

    mode: int
    episode: int
    done: Done
    stamp: int
    discarded: bool
    info: dict[str, str]


class OpenBag:
    """Writes the bag ``folder``, which is made for it.

    Attributes:
        first, last: stamps in ns of the robot's instants that belong to it; ``last`` is known when it ended.
        ended: the actor's summary, once it is there.
        deadline: when it is closed, ns of the wall clock; None: it goes on.
        cut: why it ends before its episode does, else empty.
        tail: what was written last.

    Raises:
        LogError: the disk refuses; nothing is left.
        FileExistsError: the folder is there already.
    """

    def __init__(self, folder: Path, begun: Begun, first: int, audit: Audit, info: dict[str, str]) -> None:
        self.folder, self.begun, self.first = folder, begun, first
        self.last = ENDLESS
        self.ended: Ended | None = None
        self.deadline: int | None = None
        self.cut = ""
        self.tail: deque[Message] = deque(maxlen=TAIL)
        self._audit = audit
        started = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        self._info = info | {"episode": str(begun.episode), "epoch": str(begun.epoch), "begun": started}
        self._info["weights_first"] = str(begun.weights_version)
        self._channels: dict[Heard, int] = {}
        self._paused = False
        self._held: dict[Heard, Message] = {}  # newest pictures of a pause
        self._left_out = 0
        folder.mkdir(parents=True)
        try:
            self.writer = BagWriter(file_of(folder), self._info)
        except BaseException:
            folder.rmdir()
            raise

    @property
    def newest_command(self) -> int:
        """Stamp in ns of the newest observation that was commanded in; 0: none was."""
        return self._audit.last

    def write(self, message: Message) -> None:
        """Write one message.

        Raises:
            LogError: the disk refuses; the message is not kept, all before it are.
        """
        heard, data, now, sent, stamp = message
        if heard.picture and self._paused:
            self._left_out += heard in self._held
            self._held[heard] = message
            return
        channel = self._channels.get(heard)
        if channel is None:
            channel = self._channels[heard] = self.writer.channel(heard.topic)
        self.writer.append(channel, now, sent, data)
        self.tail.append(message)
        if heard.stream or heard.role in (COMMAND, EXECUTED):
            # In realtime a camera's clock may be another than the robot's; its rate is known by it all the same.
            self._audit.message(heard.topic.name, stamp if stamp >= 0 else stamp_in(data))

    def step(self, number: int) -> bool:
        """Whether the transition of step ``number`` is new."""
        return self._audit.step(number)

    def pause(self, paused: bool) -> None:
        """The actor holds, or goes on: of its pause only the last pictures are written, with what comes after.

        Raises:
            LogError: the disk refuses.
        """
        if paused == self._paused:
            return
        self._paused = paused
        held, self._held = self._held, {}
        for heard, message in held.items():
            self._audit.interrupt(heard.topic.name)
            self.write(message)

    def close(self) -> tuple[Path, list[str]]:
        """End it; its folder, and what is missing in it. An episode in which nothing was commanded leaves nothing.

        Raises:
            LogError: the disk refuses; what was written is kept, and the next start ends the bag.
        """
        ended = self.ended
        if ended is None and not self._audit.steps:
            self.writer.abandon()
            self.folder.rmdir()
            return self.folder, []
        self.pause(False)
        done = ended.done if ended is not None else Done(self._audit.steps, False, None)
        missing = self._audit.missing(done) if not self.cut else []
        info = self._info | {"steps": str(done.steps), "result": ""} | (ended.info if ended is not None else {})
        info[END] = f"cut: {self.cut}" if self.cut else DONE
        info["missing"] = "; ".join(missing)
        info["pictures_left_out"] = str(self._left_out)
        write_description(self.folder, self.writer.close(info))
        if ended is not None and ended.discarded:
            return discard(self.folder), missing
        return self.folder, missing
