"""The keyboard as the operator's wishes: gym_hil's known map, with the rest beside it."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from hil_serl_ros.env.actions import CLOSE, KEEP, OPEN
from hil_serl_ros.env.joy_mapping import Wish

# By the browser's KeyboardEvent.code: the place of a key, whatever the language printed on it.
MOTION = {  # element of the motion and its sign
    "ArrowUp": (0, 1),
    "ArrowDown": (0, -1),
    "ArrowLeft": (1, 1),
    "ArrowRight": (1, -1),
    "ShiftRight": (2, 1),
    "ShiftLeft": (2, -1),
    "KeyL": (3, 1),
    "KeyJ": (3, -1),
    "KeyI": (4, 1),
    "KeyK": (4, -1),
    "KeyU": (5, 1),
    "KeyO": (5, -1),
}
GRIPPER = {"ControlRight": OPEN, "ControlLeft": CLOSE}
LABELS = {
    "Enter": "success",
    "Backspace": "failure",
    "KeyA": "again",
    "KeyP": "pause",
    "KeyR": "reset",
    "KeyD": "demonstrate",
    "KeyS": "stop",
}
INTERVENE = "Space"
LEAVE = "Escape"
KNOWN = frozenset({*MOTION, *GRIPPER, *LABELS, INTERVENE, LEAVE})
HELP = (
    ("Space", "take over, hand back"),
    ("↑ ↓ ← →", "forward, back, left, right"),
    ("right ⇧, left ⇧", "up, down"),
    ("right Ctrl, left Ctrl", "open, close the gripper"),
    ("L J, I K, U O", "roll, pitch, yaw"),
    ("Enter", "success"),
    ("Backspace", "failure"),
    ("A", "again: throw it away and do it anew"),
    ("D", "demonstrate next"),
    ("P", "pause, resume"),
    ("R", "reset"),
    ("S", "emergency stop"),
    ("Esc", "leave"),
)


class KeyMap:
    """Reads the keys that are held; two that contradict each other cancel."""

    def read(self, held: Collection[str]) -> Wish:
        """The wish of the held keys (``KeyboardEvent.code``); unknown ones mean nothing."""
        motion = np.zeros(6)
        for code in set(held):
            if code in MOTION:
                element, sign = MOTION[code]
                motion[element] += sign
        grips = {GRIPPER[code] for code in held if code in GRIPPER}
        labels = {LABELS[code]: True for code in held if code in LABELS}
        return Wish(motion, grips.pop() if len(grips) == 1 else KEEP, INTERVENE in held, **labels)
