"""One robot's steps at the learner: how far they are held, what waits, and how the robot does."""

from __future__ import annotations

import time
import zlib
from collections import deque
from statistics import quantiles

from hil_serl_ros.msg import ActorStatus, Transition

QUEUE_MOST = 2000  # steps that wait to be learned from; with more of them a robot keeps its steps in its journal
RECENT_STEPS = 200  # of the latency, and of the checksums by which two robots of one name are told apart
RECENT_EPISODES = 20  # of the success rate
SILENT_AFTER = 10.0  # s without a word, while it shows or trains, after which a robot is reported
RECORDED = (ActorStatus.MODE_DEMONSTRATE, ActorStatus.MODE_TRAIN, ActorStatus.MODE_COLLECT)


class RobotLine:
    """What a learner knows of one robot. Only the thread that serves ROS writes, another one takes from ``queue``.

    ``held`` counts the steps that are in the log without a gap; ``seen`` is the number after the highest that came.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.held = 0
        self.seen = 0
        self.queue: deque[Transition] = deque()
        self.status: ActorStatus | None = None
        self.different: list[str] = []  # how it is configured differently
        self.silence_told = False
        self._heard = time.monotonic()
        self._sums: deque[int] = deque(maxlen=RECENT_STEPS)  # of the steps held last
        self._latencies: deque[float] = deque(maxlen=RECENT_STEPS)
        self._recent: deque[bool] = deque(maxlen=RECENT_EPISODES)
        self._episode = -1  # that is being counted
        self._success = False
        self._steps = self._driven = 0  # in training

    @property
    def full(self) -> bool:
        """No more is taken until some was learned from."""
        return len(self.queue) >= QUEUE_MOST

    def heard(self) -> None:
        """The robot said something."""
        self._heard = time.monotonic()
        self.silence_told = False

    def hold(self, message: Transition, data: bytes, latency: float | None = None) -> None:
        """Step ``message`` is in the log now, ``latency`` s after it was sent (None: from before)."""
        self.held += 1
        self.seen = max(self.seen, self.held)
        self._sums.append(zlib.crc32(data))
        if latency is not None:
            self._latencies.append(latency)
        if message.mode != Transition.MODE_TRAIN:
            return
        if message.episode != self._episode:
            if self._episode >= 0:
                self._recent.append(self._success)
            self._episode, self._success = message.episode, False
        self._success |= message.success
        self._steps += 1
        self._driven += message.intervention

    def is_another(self, index: int, data: bytes) -> bool:
        """A step ``index`` that is held already has come with other bytes: two robots bear this name."""
        back = self.held - index
        return 0 < back <= len(self._sums) and self._sums[-back] != zlib.crc32(data)

    @property
    def age(self) -> float:
        """Seconds since its last word."""
        return time.monotonic() - self._heard

    @property
    def works(self) -> bool:
        """By its last word it shows or trains, and nothing holds it up."""
        status = self.status
        return status is not None and status.mode in RECORDED and not status.paused

    @property
    def silent(self) -> bool:
        """It should send steps and does not."""
        return self.works and self.age > SILENT_AFTER

    @property
    def trains(self) -> bool:
        """Steps of it are still to come: it shows or trains, held up or not, and has not fallen silent."""
        return self.status is not None and self.status.mode in RECORDED and not self.silent

    def figures(self) -> dict[str, object]:
        """For the diagnostics."""
        state = "not heard of yet" if self.status is None and not self.held else "ok"
        if self.silent:
            state = f"silent for {self.age:.0f} s; the others go on"
        elif self.full:
            state = "more steps than can be learned from; it keeps them in its journal"
        elif self.different:
            state = f"configured differently: {'; '.join(self.different)}"
        figures: dict[str, object] = {"state": state, "steps": self.held, "behind": self.seen - self.held}
        figures |= {"queue": len(self.queue), "last word [s]": round(self.age, 1)}
        if self._latencies:
            cuts = quantiles([*self._latencies, self._latencies[-1]], n=100)
            figures |= {"latency [ms]": round(1000 * cuts[49], 1), "latency 99 % [ms]": round(1000 * cuts[98], 1)}
        if self._recent:
            figures["success [%]"] = round(100 * sum(self._recent) / len(self._recent))
        if self._steps:
            figures["operator [%]"] = round(100 * self._driven / self._steps)
        return figures
