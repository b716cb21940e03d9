"""Six seconds of a person at a robot, for every device to do again: takeovers, a grasp, labels, corrections."""

from __future__ import annotations

import numpy as np
from builtin_interfaces.msg import Time

from hil_serl_ros.env.actions import CLOSE, KEEP, OPEN
from hil_serl_ros.env.hands import Hands
from hil_serl_ros.env.joy_mapping import Wish
from hil_serl_ros.msg import TeleopAction

# Ticks, x y z (roll pitch yaw), gripper, intervening, and the label that is held. Only what keys can say: -1, 0, 1.
SEGMENTS: list[tuple[int, tuple[int, ...], int, bool, str]] = [
    (4, (0, 0, 0), KEEP, False, ""),
    (7, (1, 0, 0), KEEP, True, ""),
    (5, (1, -1, 0), KEEP, True, ""),
    (1, (0, -1, 0), KEEP, True, ""),
    (6, (0, 0, -1), KEEP, True, ""),
    (2, (0, 0, 0), CLOSE, True, ""),
    (5, (0, 0, 1), KEEP, True, ""),
    (3, (0, 0, 0), KEEP, False, ""),
    (1, (0, 0, 0), KEEP, False, "pause"),
    (2, (0, 0, 0), KEEP, False, ""),
    (2, (-1, 0, 0), KEEP, True, ""),
    (2, (0, 0, 0), KEEP, False, ""),
    (1, (0, 0, 0), KEEP, False, "success"),
    (3, (0, 0, 0), KEEP, False, "success"),
    (2, (0, 0, 0), OPEN, True, ""),
    (2, (0, 0, 0, 1, 0, -1), KEEP, True, ""),
    (1, (1, 0, 0, -1, 1, 1), KEEP, True, ""),
    (4, (-1, 1, 1), KEEP, True, ""),
    (1, (-1, 1, 1), KEEP, True, "again"),
    (2, (0, 0, 0), KEEP, False, ""),
    (1, (0, 0, 0), KEEP, False, "failure"),
    (1, (0, 0, 0), KEEP, False, "reset"),
    (1, (0, 0, 0), KEEP, False, "demonstrate"),
    (1, (0, 0, 0), KEEP, False, ""),
    (1, (1, 0, 0), KEEP, True, "stop"),
]


def trace() -> list[Wish]:
    """The wishes, one a tick of 0.1 s."""
    return [
        Wish(np.array([*motion, 0, 0, 0][:6], float), gripper, intervening, **({label: True} if label else {}))
        for ticks, motion, gripper, intervening, label in SEGMENTS
        for _ in range(ticks)
    ]


def said(word: TeleopAction) -> tuple:
    """What counts of a word: who drives, where to, the gripper and the event."""
    return word.intervening, word.motion.tolist(), word.gripper, word.event


def actions(wishes: list[Wish]) -> list[list[tuple]]:
    """For each wish the words that every device must say."""
    hands = Hands("hands")
    return [[said(word) for word in hands.words(wish, Time())] for wish in wishes]


def keys_of(wishes: list[Wish]) -> list[list[str]]:
    """The keys that a person holds to wish the same: Space is pressed for a tick to take over and to hand back."""
    from hil_serl_ros.env.keys import GRIPPER, INTERVENE, LABELS, MOTION

    held, driving = [], False
    for wish in wishes:
        keys = [code for code, (element, sign) in MOTION.items() if wish.motion[element] == sign]
        keys += [code for code, gripper in GRIPPER.items() if wish.gripper == gripper]
        keys += [code for code, label in LABELS.items() if getattr(wish, label)]
        if wish.intervening != driving:
            keys.append(INTERVENE)
            driving = wish.intervening
        held.append(keys)
    return held
