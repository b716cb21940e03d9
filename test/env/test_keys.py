"""The keyboard: gym_hil's known map, and no key that does another thing than it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil_serl_ros.env.actions import CLOSE, KEEP, OPEN
from hil_serl_ros.env.keys import HELP, KNOWN, KeyMap

READ = KeyMap().read


@pytest.mark.parametrize(
    ("key", "motion"),
    [
        ("ArrowUp", (1, 0, 0)),
        ("ArrowDown", (-1, 0, 0)),
        ("ArrowLeft", (0, 1, 0)),
        ("ArrowRight", (0, -1, 0)),
        ("ShiftRight", (0, 0, 1)),
        ("ShiftLeft", (0, 0, -1)),
    ],
)
def test_arrows_move_in_the_plane_and_shift_up_and_down(key, motion):
    assert tuple(READ([key]).motion) == (*motion, 0, 0, 0)


def test_the_key_that_says_open_opens_and_the_one_that_says_close_closes():
    (words,) = [words for key, words in HELP if "Ctrl" in key]
    assert words.startswith("open, close")  # right Ctrl, left Ctrl
    assert READ(["ControlRight"]).gripper == OPEN
    assert READ(["ControlLeft"]).gripper == CLOSE


def test_keys_that_contradict_each_other_do_nothing():
    wish = READ(["ArrowUp", "ArrowDown", "ControlLeft", "ControlRight"])
    assert not wish.motion.any()
    assert wish.gripper == KEEP


@given(st.lists(st.one_of(st.sampled_from(sorted(KNOWN)), st.text(max_size=8))))
def test_any_keys_are_a_wish_within_one(held):
    assert (np.abs(READ(held).motion) <= 1).all()


def test_unknown_keys_mean_nothing():
    wish = READ(["KeyQ", "F1", ""])
    assert not wish.motion.any()
    assert not wish.intervening
