"""Two hands on one page: what is held on the keyboard and on the gamepad becomes the words of one device."""

from __future__ import annotations

import numpy as np
from builtin_interfaces.msg import Time

from hil_serl_ros.console.page_message import Pad, PageMessage
from hil_serl_ros.env.hands import Hands
from hil_serl_ros.env.joy_mapping import mapping_named
from hil_serl_ros.env.keys import KeyMap
from hil_serl_ros.msg import TeleopAction


class PageHands:
    """The keys and the gamepad of one page, as the words of device ``source``.

    A page that nobody looks at, and one whose gamepad was pulled while it drove, is a lost device; it is there again
    with its next message. What was held or started before counts no more then.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.complaint = ""  # about the gamepad, one sentence; of the latest message
        self.last: TeleopAction | None = None  # the latest word
        self._map = KeyMap()
        self._mapping = mapping_named("browser")
        self._stop_held = False
        self._keys = Hands(source, toggle=True)
        self._pad = Hands(source, toggle=self._mapping.intervene == "toggle")
        self._pad_drives = False

    def _forget(self) -> None:
        self._keys.gone()
        self._pad.gone()
        self._pad_drives = False

    def words(self, message: PageMessage, stamp: Time, paused: bool = False) -> list[TeleopAction]:
        """What the device says about one message, at least one word unless the page is away and was before.

        Args:
            stamp: ROS time of the words.
            paused: the actor is paused: the button that pauses resumes then.
        """
        self._keys.paused = self._pad.paused = paused
        if message.away:
            return [self.lose(stamp)] if self.last is not None and self.last.connected else []
        pad = self._read_pad(message.pad, stamp)
        lost = [self.lose(stamp)] if self._pad_drives and not pad else []
        keys = self._keys.words(self._map.read(message.held), stamp)
        self._pad_drives = bool(pad) and pad[-1].intervening
        words = _joined(keys, pad)
        self.last = words[-1]
        return [*lost, *words]

    def _read_pad(self, pad: Pad | None, stamp: Time) -> list[TeleopAction]:
        self.complaint = ""
        if pad is None:
            return []
        try:
            wish = self._mapping.read(pad.axes, pad.buttons)
        except ValueError as error:
            self.complaint = str(error)
            return []
        return self._pad.words(wish, stamp)

    def stops(self, message: PageMessage) -> bool:
        """Whether the stop was pressed with this message, on a page that has nothing else to say."""
        before, self._stop_held = self._stop_held, self._map.read(message.held).stop
        return self._stop_held and not before

    def release(self, stamp: Time) -> TeleopAction:
        """The hands let go: the person hands back."""
        self._forget()
        self.last = self._keys.release(stamp)
        return self.last

    def lose(self, stamp: Time) -> TeleopAction:
        """The device is gone."""
        self._forget()
        self.last = TeleopAction(source=self.source, connected=False, gripper=TeleopAction.GRIPPER_KEEP)
        self.last.header.stamp = stamp
        return self.last


def _joined(keys: list[TeleopAction], pad: list[TeleopAction]) -> list[TeleopAction]:
    """One word for each press, else one in all; the hand that drives moves the arm, both together where both do."""
    resting = (pad or keys)[-1]
    driving = [words[-1] for words in (pad, keys) if words and words[-1].intervening] or [resting]
    motion = np.clip(np.sum([word.motion for word in driving], axis=0), -1, 1).astype(np.float32)
    moved = [word.gripper for word in driving if word.gripper != TeleopAction.GRIPPER_KEEP]
    pressed = [word.event for word in [*keys, *pad] if word.event != TeleopAction.EVENT_NONE]
    return [
        TeleopAction(
            header=resting.header,
            source=resting.source,
            connected=True,
            intervening=resting.intervening or driving[0].intervening,
            motion=motion,
            gripper=moved[0] if moved else TeleopAction.GRIPPER_KEEP,
            event=event,
        )
        for event in pressed or [TeleopAction.EVENT_NONE]
    ]
