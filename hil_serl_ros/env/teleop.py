"""The operator as the robot's side sees them: what their hands ask for, by which device, and whether it is there."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np

from hil_serl_ros.env.actions import KEEP
from hil_serl_ros.msg import TeleopAction
from hil_serl_ros.ros.convert import nanoseconds

KEPT_STAMPS = 16
TAP_AGE = 0.2  # s after which a touch that no tick has seen is stale
SAME_PRESS = 0.2  # s within which two devices tell of one press: the page and `joy_device` may read the same gamepad


@dataclass(frozen=True)
class OperatorAction:
    """``intervening`` says whether ``action`` (4,) float32 replaces the policy's; ``rotation`` (3,) is roll pitch yaw
    about the base frame's axes in [-1, 1], for a person may turn the tool where the policy cannot."""

    intervening: bool
    action: np.ndarray
    rotation: np.ndarray = field(default_factory=lambda: np.zeros(3, np.float32))

    @property
    def moves(self) -> bool:
        """The arm or its gripper is asked to move."""
        still = not self.action[:3].any() and not self.rotation.any() and self.action[3] == KEEP
        return self.intervening and not still


NOBODY = OperatorAction(False, np.array([0, 0, 0, KEEP], np.float32))


@dataclass
class _Hand:
    """One device: its latest word and when it came (s, monotonic), and what it asked for that no tick has seen."""

    word: OperatorAction
    heard: float
    untaken: OperatorAction | None = None
    touched: float = 0.0  # when that came, s


@dataclass
class Teleop:
    """Keeps the latest word of each device, and in lockstep the word about each observation.

    One device drives at a time: the first that intervenes, until it lets go. A release counts at once: the latest
    word rules, so no stale action outlives it; but a touch that is shorter than a tick acts in the tick after it, or
    a tap would do nothing. When a device is lost while it drives, ``lost`` says so: then nobody drives, and neither
    may the policy, until a person takes over or resumes. A press that two devices tell of counts once.

    Args:
        patience: silence after which a device is lost, s; None: never (lockstep, where time stands still).
    """

    patience: float | None = None
    lost: str = ""
    driver: str | None = None  # name of the device that drives
    refused: int = 0  # takeovers by a second device while another one drove
    _hands: dict[str, _Hand] = field(default_factory=dict)
    _by_stamp: OrderedDict[int, OperatorAction] = field(default_factory=OrderedDict)
    _events: list[int] = field(default_factory=list)
    _pressed: dict[int, tuple[str, float]] = field(default_factory=dict)  # by whom and when, s, by event
    _must_let_go: set[str] = field(default_factory=set)  # devices that were lost while they drove

    def on_message(self, message: TeleopAction, now: float | None = None) -> None:
        """Take one message of topic `teleop`, word and event, at ``now`` (s, monotonic; None: now)."""
        self.on_event(message, now)
        self.on_word(message, now)

    def on_event(self, message: TeleopAction, now: float | None = None) -> None:
        """Take what was pressed with one message."""
        now = time.monotonic() if now is None else now
        if message.event != TeleopAction.EVENT_NONE and self._is_new(message.event, message.source, now):
            self._events.append(message.event)
            if message.event == TeleopAction.EVENT_RESUME:
                self.lost = ""

    def on_word(self, message: TeleopAction, now: float | None = None) -> None:
        """Take what the hands do in one message."""
        now = time.monotonic() if now is None else now
        word = _word(message)
        self._by_stamp[nanoseconds(message.header.stamp)] = word
        while len(self._by_stamp) > KEPT_STAMPS:
            self._by_stamp.popitem(last=False)
        if not message.connected:
            self._lose(message.source, "went away")
            return
        if message.source in self._must_let_go:
            # It knows nothing of its loss: what it still holds is no takeover.
            if message.intervening:
                word = NOBODY
            else:
                self._must_let_go.remove(message.source)
        before = self._hands.get(message.source)
        began = word.intervening and not (before is not None and before.word.intervening)
        pushed = word.moves and not (before is not None and before.word.moves)
        if began or pushed or before is None:
            self._hands[message.source] = _Hand(word, now, word if began or pushed else None, now)
        else:
            self._hands[message.source] = _Hand(word, now, before.untaken, before.touched)
        if began:
            self.lost = ""
            self.refused += self.driver not in (None, message.source)
        self._choose()

    def _is_new(self, event: int, source: str, now: float) -> bool:
        button = TeleopAction.EVENT_PAUSE if event == TeleopAction.EVENT_RESUME else event  # one button means both
        other, when = self._pressed.get(button, (source, now))
        if other != source and now - when < SAME_PRESS:
            return False
        self._pressed[button] = (source, now)
        return True

    def watch(self, now: float | None = None) -> None:
        """Notice the devices that have been silent for too long."""
        if self.patience is None:
            return
        now = time.monotonic() if now is None else now
        for source in [name for name, hand in self._hands.items() if now - hand.heard > self.patience]:
            self._lose(source, "fell silent")

    def _lose(self, source: str, how: str) -> None:
        gone = self._hands.pop(source, None)
        if gone is not None and source == self.driver:
            self.lost = f"the operator's {source or 'device'} {how} while it drove"
            self._must_let_go.add(source)
        self._choose()

    def _choose(self) -> None:
        if self.driver is None or self.driver not in self._hands or not self._hands[self.driver].word.intervening:
            waiting = [name for name, hand in self._hands.items() if hand.word.intervening]
            # Whoever is lost while driving leaves the arm to nobody, not to the next in the queue.
            self.driver = waiting[0] if waiting and not self.lost else None

    @property
    def available(self) -> bool:
        """Some device is there."""
        return bool(self._hands)

    def latest(self) -> OperatorAction:
        """What the hands that drive ask for now."""
        return NOBODY if self.driver is None else self._hands[self.driver].word

    def take(self, now: float | None = None) -> OperatorAction:
        """As :meth:`latest`, for one tick: a touch that came and went since the tick before acts in this one."""
        now = time.monotonic() if now is None else now
        self.watch(now)
        action = self.latest()
        for source, hand in self._hands.items():
            tap, hand.untaken = hand.untaken, None
            missed = not action.moves and (source == self.driver or not action.intervening)
            if missed and not self.lost and tap is not None and now - hand.touched < TAP_AGE:
                action = tap
        return action

    def at(self, stamp: int) -> OperatorAction | None:
        """The answer to the observation of ``stamp`` (ns), or None while it has not come."""
        return self._by_stamp.get(stamp)

    def take_events(self) -> list[int]:
        """The labels pressed since the last call, each once."""
        events, self._events = self._events, []
        return events


def _word(message: TeleopAction) -> OperatorAction:
    motion = np.clip(np.array(message.motion, np.float32), -1, 1)
    valid = np.isfinite(motion).all() and message.gripper in (0, 1, 2)
    if not (message.connected and message.intervening and valid):
        return NOBODY
    return OperatorAction(True, np.array([*motion[:3], message.gripper], np.float32), motion[3:])
