"""Whether a bag holds what its episode's summary says that there was. What is missing is said in sentences."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass
from statistics import median

TOLERANCE = 0.05  # share of a stream's messages that may be missing in realtime: it is best effort
FEWEST = 5  # messages from which a stream's rate is known


@dataclass(frozen=True)
class Done:
    """What the episode's summary says.

    Attributes:
        steps: of the episode.
        recorded: its steps went to the learner's log, as transitions.
        stamp: of its last observation, ns; None: not known.
    """

    steps: int
    recorded: bool
    stamp: int | None


class Audit:
    """Takes note of each message of one episode's bag.

    Args:
        lockstep: each stream has one message for each observation then, else a rate.
        streams: names of the topics with one message for each instant (states, pictures) that have ever been heard.
        commands, executed, transitions: names of the topics with one for each step.
    """

    def __init__(self, streams: set[str], *, lockstep: bool, commands: str, executed: str, transitions: str) -> None:
        self.streams = streams
        self._lockstep = lockstep
        self._commands, self._executed, self._transitions = commands, executed, transitions
        self._stamps: dict[str, list[int]] = defaultdict(list)  # a negative one: from here on anew
        self._steps: set[int] = set()
        self.last = 0  # ns: the newest of all commands' stamps

    def message(self, topic: str, stamp: int) -> None:
        """One message of ``topic``; its header's stamp in ns."""
        self._stamps[topic].append(stamp)
        if topic == self._commands and stamp > self.last:
            self.last = stamp

    def step(self, number: int) -> bool:
        """A transition of step ``number``; False: it is there already."""
        new = number not in self._steps
        self._steps.add(number)
        return new

    def interrupt(self, topic: str) -> None:
        """The messages of ``topic`` are left out for a while."""
        self._stamps[topic].append(-1)

    @property
    def steps(self) -> int:
        """How many steps were commanded."""
        return len(set(self._stamps[self._commands]))

    def missing(self, done: Done) -> list[str]:
        """What is missing, one sentence each."""
        # A command that nobody answered is asked again, or the episode ends: only steps need both.
        commands, executed = set(self._stamps[self._commands]), set(self._stamps[self._executed])
        found = []
        if len(commands) < done.steps:
            found.append(f"{done.steps - len(commands)} of {done.steps} commands are missing")
        if len(executed) < done.steps:
            found.append(f"{done.steps - len(executed)} of {done.steps} executed commands are missing")
        if done.recorded and len(self._steps) != done.steps:
            found.append(f"{len(self._steps)} transitions are there, and {done.steps} steps were done")
        instants = commands | ({done.stamp} if done.stamp is not None else set())
        for topic in sorted(self.streams):
            found += self._exact(topic, instants) if self._lockstep else self._rate(topic)
        return found

    def _exact(self, topic: str, instants: set[int]) -> list[str]:
        lacking = len(instants - set(self._stamps[topic]))
        return [f"{topic} lacks {lacking} of {len(instants)} observations"] if lacking else []

    def _rate(self, topic: str) -> list[str]:
        stamps = self._stamps[topic]
        if not stamps:
            return [f"{topic} is missing"]
        gaps = [b - a for a, b in itertools.pairwise(stamps) if 0 <= a < b]
        if len(gaps) < FEWEST:
            return []
        usual = median(gaps)
        lost = sum(round(gap / usual) - 1 for gap in gaps)
        whole = len(gaps) + lost
        return [f"{topic} lacks about {lost} of {whole} messages"] if lost > TOLERANCE * whole else []
