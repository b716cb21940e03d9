"""One device's wishes as words on topic `teleop`: edges of the buttons, hold or toggle, and the end of its link."""

from __future__ import annotations

import secrets

import numpy as np
from builtin_interfaces.msg import Time

from hil_serl_ros.env.actions import KEEP
from hil_serl_ros.env.joy_mapping import Wish
from hil_serl_ros.msg import TeleopAction

EVENTS = {  # in the order in which they are told when pressed together
    "stop": TeleopAction.EVENT_STOP,
    "success": TeleopAction.EVENT_SUCCESS,
    "failure": TeleopAction.EVENT_FAILURE,
    "again": TeleopAction.EVENT_AGAIN,
    "pause": TeleopAction.EVENT_PAUSE,
    "reset": TeleopAction.EVENT_RESET,
    "demonstrate": TeleopAction.EVENT_DEMONSTRATE,
}


def own_name(kind: str) -> str:
    """A device's name that no other has: the words of two under one name would take turns, and so would the arm."""
    return f"{kind} {secrets.token_hex(2)}"


class Hands:
    """Turns the wishes of one device, one after the other, into words.

    A button that is held when the device is heard for the first time was not pressed for us, the stop excepted. Nor
    does a device that comes back drive by what is still held: it must be let go first. A stop is said until `safety`,
    which may be beyond a link that is cut, has stopped.

    Args:
        source: the device's name.
        toggle: a press of the intervention's button begins it and the next one ends it; otherwise it is held.
    """

    def __init__(self, source: str, toggle: bool = False) -> None:
        self.source = source
        self.toggle = toggle
        self.paused = False  # as the actor says: the pause button resumes then
        self.stopped: bool | None = None  # as `safety` says; None: it has not spoken
        self.driving = False
        self._before: Wish | None = None
        self._stop_held = False  # whatever becomes of the link: each press is told
        self._stop_unheard = False  # pressed, and `safety` has not stopped
        self._let_go = True  # since the link was lost

    def words(self, wish: Wish, stamp: Time) -> list[TeleopAction]:
        """What to publish of ``wish``: one word for each button pressed since the last wish, or one without any."""
        held = dict.fromkeys(EVENTS, True) | {"stop": self._stop_held}
        before = self._before or Wish(wish.motion, wish.gripper, wish.intervening, **held)
        pressed = wish.intervening and not before.intervening
        self._let_go = self._let_go or not wish.intervening
        self.driving = self.driving != pressed if self.toggle else wish.intervening and self._let_go
        events = [code for name, code in EVENTS.items() if getattr(wish, name) and not getattr(before, name)]
        self._before, self._stop_held = wish, wish.stop
        stop = TeleopAction.EVENT_STOP in events
        if self._repeats(stop) and not stop:
            events.insert(0, TeleopAction.EVENT_STOP)
        return [self._word(wish, stamp, event) for event in events or [TeleopAction.EVENT_NONE]]

    def release(self, stamp: Time) -> TeleopAction:
        """The hands let go: the person hands back."""
        self.driving = False
        word = TeleopAction(source=self.source, connected=True, gripper=KEEP)
        word.header.stamp = stamp
        return word

    def gone(self) -> TeleopAction:
        """The word that ends the link; the device begins anew with its next wish."""
        self._before, self.driving, self._let_go = None, False, False
        return TeleopAction(source=self.source, connected=False, gripper=KEEP)

    def only_stop(self, held: bool, stamp: Time) -> list[TeleopAction]:
        """The stop alone, if it was pressed just now, of a device that may not drive."""
        pressed, self._stop_held = held and not self._stop_held, held
        repeated = self._repeats(pressed)
        word = TeleopAction(source=self.source, connected=False, gripper=KEEP, event=TeleopAction.EVENT_STOP)
        word.header.stamp = stamp
        return [word] if pressed or repeated else []

    def _repeats(self, pressed: bool) -> bool:
        """The stop is said with each word until `safety` has stopped, if that has ever spoken."""
        self._stop_unheard = self.stopped is False and (pressed or self._stop_unheard)
        return self._stop_unheard

    def _word(self, wish: Wish, stamp: Time, event: int) -> TeleopAction:
        if event == TeleopAction.EVENT_PAUSE and self.paused:
            event = TeleopAction.EVENT_RESUME
        word = TeleopAction(source=self.source, connected=True, intervening=self.driving, event=event)
        word.header.stamp = stamp
        word.motion, word.gripper = np.asarray(wish.motion, np.float32), wish.gripper
        return word
