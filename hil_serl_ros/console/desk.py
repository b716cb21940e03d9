"""What the operator's page shows: the newest word of each node, and the last episodes with their pictures. No ROS."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from statistics import median

KEPT_EPISODES = 30
KEPT_BYTES = 100_000_000  # of pictures, all episodes together
MOST_FRAMES = 1200  # of one camera in one episode: two minutes at 10 Hz
KEPT_POINTS = 500  # episodes of the curves
RECENT = 10  # episodes of the curve of success
LATENCIES = 50  # of which the median is shown
TRAVEL = 0.01  # s: a command that comes sooner after a wish was made without it
FORGOTTEN = 1.0  # s after which a wish that no command has answered is measured no more
SILENT = 2.5  # s without a word of safety, which speaks once a second

NO_ACTOR, IDLE = "no word from the actor", "nothing is asked of the arm"

POLICY, PERSON, HOLDING, STOPPED = "policy", "person", "holding", "stopped"


@dataclass
class Episode:
    """One finished episode; ``recorded`` is its number in the run's log, -1 where it was not recorded."""

    mode: str
    number: int
    recorded: int
    success: bool
    discarded: bool
    steps: int
    operator_steps: int
    episode_return: float
    serial: int = 0  # counts the episodes that the desk has seen from 1
    films: dict[str, list[bytes]] = field(default_factory=dict)

    @property
    def result(self) -> str:
        """In one word."""
        return "discarded" if self.discarded else "success" if self.success else "failure"

    @property
    def nbytes(self) -> int:
        """Memory of its pictures."""
        return sum(len(frame) for film in self.films.values() for frame in film)


@dataclass
class Actor:
    """What the episode loop does."""

    mode: str = ""
    paused: bool = False
    reason: str = ""
    takeover: bool = False
    driver: str = ""  # device that drives
    episode: int = 0
    epoch: int = 0
    robot_steps: int = 0
    operator_steps: int = 0


@dataclass
class Safety:
    """The word of safety; ``driver`` is one of this module's four."""

    armed: bool = False
    stopped: bool = False
    reason: str = ""
    driver: str = HOLDING


@dataclass
class Learner:
    """How learning goes."""

    state: str = ""
    updates: int = 0
    owed: int = 0
    version: int = 0
    replay_steps: int = 0
    demonstration_steps: int = 0
    update_seconds: float = 0.0


@dataclass
class Policy:
    """What the policy thinks of its chances."""

    step: int = 0
    value: float = float("nan")
    disagreement: float = float("nan")
    called: bool = False
    reason: str = ""


class Desk:
    """Written by the node's thread, read by the page's."""

    def __init__(self) -> None:
        self.actor, self.safety, self.learner, self.policy = Actor(), Safety(), Learner(), Policy()
        self.probability = float("nan")  # of success, of the newest observation
        self.version_at = 0.0  # when the weights' version changed, s, monotonic
        self.step = 0  # of the present episode
        self.pictures: dict[str, tuple[int, bytes]] = {}  # newest JPEG of each camera, and its number
        self.episodes: deque[Episode] = deque(maxlen=KEPT_POINTS)
        self.changes = 0  # counts finished episodes
        self._safety_at = 0.0
        self._films: dict[str, list[bytes]] = {}
        self._hand: float | None = None  # when a wish came that no command has answered, s, monotonic
        self._latencies: deque[float] = deque(maxlen=LATENCIES)
        self._lock = threading.Lock()

    # -------------------- in --------------------
    def on_actor(self, actor: Actor) -> None:
        """Follow the loop; a new world begins a new film."""
        if actor.epoch != self.actor.epoch:
            with self._lock:
                self._films = {}
            self.step = 0
        self.actor = actor

    def on_safety(self, safety: Safety) -> None:
        """Follow safety."""
        self.safety, self._safety_at = safety, time.monotonic()

    def on_learner(self, learner: Learner) -> None:
        """Follow the learner."""
        if learner.version != self.learner.version or not self.version_at:
            self.version_at = time.monotonic()
        self.learner = learner

    def on_frame(self, camera: str, jpeg: bytes) -> None:
        """Keep one picture; while nothing happens, and beyond the longest film, only the newest."""
        with self._lock:
            self.pictures[camera] = (self.pictures.get(camera, (0, b""))[0] + 1, jpeg)
            film = self._films.setdefault(camera, [])
            if self.filming and len(film) < MOST_FRAMES:
                film.append(jpeg)

    def on_episode(self, episode: Episode) -> None:
        """Keep a finished episode with its film; the oldest films go first."""
        with self._lock:
            episode.films, self._films = self._films, {}
            self.changes += 1
            episode.serial = self.changes
            self.episodes.append(episode)
            total = 0
            for kept, old in enumerate(reversed(self.episodes)):
                total += old.nbytes
                if kept >= KEPT_EPISODES or total > KEPT_BYTES:
                    old.films = {}

    def on_command(self) -> None:
        """A command was answered: one step more."""
        self.step += 1

    def on_hand(self) -> None:
        """The page's hands ask for something else."""
        now = time.monotonic()
        if self._hand is None or now - self._hand > FORGOTTEN:
            self._hand = now

    def on_human_command(self) -> None:
        """A command of the person was executed."""
        passed = None if self._hand is None else time.monotonic() - self._hand
        if passed is not None and passed > TRAVEL:
            self._hand = None
            self._latencies.append(1e3 * passed)

    # -------------------- out --------------------
    @property
    def filming(self) -> bool:
        """Whether what the cameras show now belongs to an episode."""
        return self.actor.mode not in ("", "idle") and not self.actor.paused

    @property
    def latency(self) -> float:
        """From the page's hands to the robot's command, ms, the median of the latest; NaN: none yet."""
        return median(self._latencies.copy()) if self._latencies else float("nan")

    def newest(self, count: int) -> list[Episode]:
        """The last episodes, the newest first."""
        with self._lock:
            return list(self.episodes)[: -count - 1 : -1]

    def episode(self, serial: int) -> Episode | None:
        """The episode of this serial number, while it is kept."""
        with self._lock:
            return next((episode for episode in self.episodes if episode.serial == serial), None)

    def driving(self) -> tuple[str, str]:
        """Who drives, and why if that is nobody."""
        if time.monotonic() - self._safety_at > SILENT:
            return STOPPED, "no word from safety: the arm holds"
        if self.safety.stopped or not self.safety.armed:
            return STOPPED, f"{'emergency stop' if self.safety.stopped else 'not armed'}: {self.safety.reason}"
        if self.safety.driver == HOLDING:
            # An idle actor is silent: safety's word about that is no news.
            silent = self.actor.mode == "idle" and self.safety.reason.startswith(NO_ACTOR)
            return HOLDING, self.actor.reason or ("" if silent else self.safety.reason) or IDLE
        device = f"with: {self.actor.driver}" if self.actor.driver else ""
        return self.safety.driver, device if self.safety.driver == PERSON else ""

    def advice(self) -> str:
        """What the person may do about it; empty while there is nothing to say."""
        who, _ = self.driving()
        if who == STOPPED and self.safety.stopped:
            return "Look at the arm, then press Clear stop and Arm."
        if who == STOPPED and self._safety_at and not self.safety.armed:
            return "Press Arm when nobody is in reach of it."
        if who == HOLDING and self.actor.mode == "idle":
            return "Choose what comes next."
        return ""

    def curves(self) -> dict[str, list[float | None]]:
        """Per recorded episode: success without help and with it (running means of training), share, return.

        ``share`` is the operator's share of the steps. A demonstration says nothing about the policy: None there.
        """
        with self._lock:
            counted = [e for e in self.episodes if e.recorded >= 0 and not e.discarded]
        trained = [e.mode == "train" for e in counted]
        return {
            "alone": _running([e.success and not e.operator_steps for e in counted], trained),
            "success": _running([e.success for e in counted], trained),
            "share": [e.operator_steps / max(e.steps, 1) for e in counted],
            "return": [e.episode_return for e in counted],
        }


def _running(values: list[bool], counts: list[bool]) -> list[float | None]:
    """Mean of the last :data:`RECENT` of the ``values`` that count, None beside those that do not."""
    latest: deque[bool] = deque(maxlen=RECENT)
    means: list[float | None] = []
    for value, does in zip(values, counts, strict=True):
        latest.extend([value] if does else [])
        means.append(sum(latest) / len(latest) if does else None)
    return means
