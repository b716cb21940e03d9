"""The operator as the environment sees them: what their hands ask for at an observation."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np

from hil_serl_ros.env.actions import KEEP
from hil_serl_ros.msg import TeleopAction
from hil_serl_ros.ros.convert import nanoseconds

KEPT_STAMPS = 16


@dataclass(frozen=True)
class OperatorAction:
    """``intervening`` says whether ``action`` (4,) float32 replaces the policy's."""

    intervening: bool
    action: np.ndarray


NOBODY = OperatorAction(False, np.array([0, 0, 0, KEEP], np.float32))


@dataclass
class Teleop:
    """Keeps the operator's latest word, and in lockstep the word about each observation.

    A release counts at once: the latest message rules, so no stale action outlives it.
    """

    _by_stamp: OrderedDict[int, OperatorAction] = field(default_factory=OrderedDict)
    _latest: OperatorAction = NOBODY
    _events: list[int] = field(default_factory=list)

    def on_message(self, message: TeleopAction) -> None:
        """Take one message of topic `teleop`."""
        motion = np.array(message.motion[:3], np.float32)
        valid = np.isfinite(motion).all() and message.gripper in (0, 1, 2)
        driving = bool(message.connected and message.intervening and valid)
        self._latest = OperatorAction(driving, np.array([*motion, message.gripper], np.float32)) if driving else NOBODY
        stamp = nanoseconds(message.header.stamp)
        self._by_stamp[stamp] = self._latest
        while len(self._by_stamp) > KEPT_STAMPS:
            self._by_stamp.popitem(last=False)
        if message.event != TeleopAction.EVENT_NONE:
            self._events.append(message.event)

    def latest(self) -> OperatorAction:
        """What the hands ask for now."""
        return self._latest

    def at(self, stamp: int) -> OperatorAction | None:
        """The answer to the observation of ``stamp`` (ns), or None while it has not come."""
        return self._by_stamp.get(stamp)

    def take_events(self) -> list[int]:
        """The labels pressed since the last call, each once."""
        events, self._events = self._events, []
        return events
