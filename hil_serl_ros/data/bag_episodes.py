"""Which message belongs to which episode's bag.

A bag holds what was from its episode's first observation to its last, pauses too. The actor says that an episode has
begun when the messages of its first observation are on their way already, and its summary overtakes the last ones;
so what comes between two episodes waits in memory, and an ended bag stays open for a moment.
"""

from __future__ import annotations

import struct
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hil_serl_ros.data.bag_audit import Audit
from hil_serl_ros.data.bag_open import Begun, Ended, Message, OpenBag, stamp_in
from hil_serl_ros.data.bag_room import Room
from hil_serl_ros.data.bag_topics import COMMAND, EXECUTED, STATUS, TRANSITIONS, Heard
from hil_serl_ros.data.bags import BAGS, next_number, size_of
from hil_serl_ros.data.log_index import step_name
from hil_serl_ros.data.segments import LogError

GRACE = 1_000_000_000  # ns in which the last messages of an ended episode come
MOST_WAITING = 64_000_000  # bytes
LONGEST_WAITING = 5_000_000_000  # ns, realtime only
NO_SUMMARY = "the actor gave no summary of it; it ended in the middle of it, or lost the robot"


class EpisodeBags:
    """Writes the bags of one robot in a run.

    Args:
        run: folder of the run.
        robot: whose transitions are taken.
        lockstep: all that has a header has the robot's time.
        room: how much may be written.
        facts: what is known of every episode, by its mode.

    Attributes:
        trouble: why nothing is recorded, one sentence; empty: all is well.
        counts: of bags, and of what was left out, by name.
        said: sentences on bags that were closed and are not whole.
    """

    def __init__(
        self, run: Path, robot: str, *, lockstep: bool, room: Room, facts: Callable[[int], dict[str, str]]
    ) -> None:
        self.trouble = ""
        self.counts: Counter[str] = Counter()
        self.said: deque[str] = deque()
        self._run, self._robot, self._lockstep, self._room, self._facts = run, robot, lockstep, room, facts
        self._number = next_number(run)
        self._bag: OpenBag | None = None
        self._ending: list[OpenBag] = []
        self._waiting: deque[Message] = deque()
        self._bytes = 0  # of those
        self._newest: dict[Heard, bytes] = {}  # messages that are true until the next one
        self._streams: set[str] = set()
        self._names = {role: role for role in (COMMAND, EXECUTED, TRANSITIONS)}
        self._over = -1  # stamp of the newest summary
        self._closer = ThreadPoolExecutor(1)  # to force a file to the disk takes its time

    @property
    def epoch(self) -> int | None:
        """Of the episode that is being recorded."""
        return self._bag.begun.epoch if self._bag is not None else None

    # -------------------- messages --------------------
    def know(self, heard: Heard, *, needed: bool) -> None:
        """A topic that will be heard; a needed stream is missed where nothing comes."""
        if heard.role in self._names:
            self._names[heard.role] = heard.topic.name
        if needed:
            self._streams.add(heard.topic.name)

    def hear(self, heard: Heard, data: bytes, now: int, sent: int) -> None:
        """Take one message (CDR bytes) that came at ``now`` and was ``sent``, ns since 1970."""
        stamp = -1
        if heard.clocked:
            stamp = stamp_in(data)
        elif heard.latched:
            self._newest[heard] = data
        message = heard, data, now, sent, stamp
        bag = self._bag
        for ending in self._ending:
            if 0 <= stamp <= ending.last:
                bag = ending
                break
        else:
            if bag is None:
                self._wait(message)
                return
            if 0 <= stamp < bag.first:
                self.counts["between episodes"] += 1
                return
        self._write(bag, message)

    def _wait(self, message: Message) -> None:
        self._waiting.append(message)
        self._bytes += len(message[1])
        now = message[2]
        while self._bytes > MOST_WAITING or not self._lockstep and now - self._waiting[0][2] > LONGEST_WAITING:
            self._bytes -= len(self._waiting.popleft()[1])

    def _write(self, bag: OpenBag, message: Message) -> None:
        heard = message[0]
        if heard.stream:
            self._streams.add(heard.topic.name)
        elif heard.role == TRANSITIONS:
            name = step_name(message[1])
            if name is None or name.robot != self._robot:
                return
            if not bag.step(name.step):
                self.counts["sent again"] += 1
                return
        try:
            bag.write(message)
        except LogError as error:
            self._stop(bag, f"{error}; episodes are not recorded any more; the run goes on")

    # -------------------- episodes --------------------
    def begin(self, begun: Begun, now: int) -> None:
        """An episode has begun; what has come since its reset is in its bag."""
        if begun.stamp <= self._over:
            return  # the actor's last word from before this recorder's start: it is over
        waiting, self._waiting, self._bytes = list(self._waiting), deque(), 0
        if self._bag is not None:  # without its summary: what came since the reset was taken for its own
            waiting = [*self._bag.tail, *waiting]
        resets = [m[4] for m in waiting if m[0].role == STATUS and _epoch(m[1]) == begun.epoch]
        first = min([*resets, begun.stamp])
        self._release(now, first - 1)
        self.trouble = self._room.refusal(self._writing)
        if self.trouble:
            return
        try:
            bag = self._bag = self._open(begun, first)
        except (LogError, OSError) as error:
            self.trouble = f"{error}; this episode is not recorded; the run goes on"
            return
        before = [n for n, message in enumerate(waiting) if message[0].role == STATUS and message[4] < first]
        since = before[-1] + 1 if before else 0  # what has no stamp of the robot's is told by when it came
        mine = [m for n, m in enumerate(waiting) if m[4] >= first or m[4] < 0 and n >= since]
        began = mine[0][2] if mine else now
        for heard, data in self._newest.items():
            if all(message[0] is not heard for message in mine):
                self._write(bag, (heard, data, began, began, -1))
        for message in mine:
            self._write(bag, message)

    def _open(self, begun: Begun, first: int) -> OpenBag:
        commands, executed, transitions = self._names.values()
        audit = Audit(
            self._streams, lockstep=self._lockstep, commands=commands, executed=executed, transitions=transitions
        )
        while True:
            folder = self._run / BAGS / f"{self._robot}_episode_{self._number:06d}"
            info = {"number": str(self._number)} | self._facts(begun.mode)
            self._number += 1
            try:
                return OpenBag(folder, begun, first, audit, info)
            except FileExistsError:
                self._number = next_number(self._run)  # another robot of the run was quicker

    def pause(self, paused: bool) -> None:
        """The actor holds, or goes on."""
        if self._bag is not None:
            try:
                self._bag.pause(paused)
            except LogError as error:
                self._stop(self._bag, str(error))

    def end(self, ended: Ended, heard: Heard, data: bytes, now: int) -> None:
        """The actor's summary of an episode, and the message that it came in."""
        self._over = max(self._over, ended.stamp)
        for bag in [*self._ending, *filter(None, [self._bag])]:
            begun = bag.begun
            if (begun.mode, begun.episode) == (ended.mode, ended.episode) and bag.first <= ended.stamp:
                bag.ended = ended
                self._write(bag, (heard, data, now, now, -1))
                if bag is self._bag:
                    self._release(now, ended.stamp)

    def leave(self, now: int) -> None:
        """The actor is in no episode that is recorded; if it was, no summary may come."""
        if self._bag is not None:
            self._release(now, self._bag.newest_command)

    def _release(self, now: int, last: int) -> None:
        """The episode is over, its last messages may be on their way."""
        bag, self._bag = self._bag, None
        if bag is not None:
            bag.last, bag.deadline = last, now + GRACE
            self._ending.append(bag)

    # -------------------- ends --------------------
    def tick(self, now: int) -> None:
        """Close what is due, and look whether there is room; to be called some times a second."""
        for bag in [bag for bag in self._ending if bag.deadline is not None and bag.deadline <= now]:
            self._ending.remove(bag)
            self._closer.submit(self._close, bag)
        if self._bag is not None and (refusal := self._room.refusal(self._writing)):
            self._stop(self._bag, refusal)

    @property
    def _writing(self) -> int:
        return sum(bag.writer.contents.size for bag in [*self._ending, *filter(None, [self._bag])])

    def _stop(self, bag: OpenBag, why: str) -> None:
        """End a bag in the middle of its episode."""
        self.trouble = why
        bag.cut = why
        if bag is self._bag:
            self._bag = None
        elif bag in self._ending:
            self._ending.remove(bag)
        self._closer.submit(self._close, bag)

    def _close(self, bag: OpenBag) -> None:
        if bag.ended is None and not bag.cut:
            bag.cut = NO_SUMMARY
        try:
            folder, missing = bag.close()
        except LogError as error:
            self.said.append(f"{error}; it is ended at the next start")
            return
        except OSError as error:
            self.said.append(f"{bag.folder} cannot be closed: {error.strerror}; it is ended at the next start")
            return
        self._room.used += size_of(folder)
        self.counts["bags"] += folder.exists()
        for sentence in missing:
            self.said.append(f"{folder.name}: {sentence}")

    def close(self) -> None:
        """End all bags."""
        self._release(0, 0)
        for bag in self._ending:
            self._closer.submit(self._close, bag)
        self._ending.clear()
        self._closer.shutdown(wait=True)


def _epoch(data: bytes) -> int | None:
    """``RobotStatus.epoch`` of a message in CDR: after the stamp, the frame's name and ``sequence``."""
    try:
        (length,) = struct.unpack_from("<I", data, 12)
        at = 16 + length
        at += -(at - 4) % 8
        return int(struct.unpack_from("<I", data, at + 8)[0])
    except struct.error:
        return None
