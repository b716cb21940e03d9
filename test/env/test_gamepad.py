"""A gamepad comes, goes and is read as ROS's own node `joy` reads it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from played_joysticks import PlayedJoystick, PlayedJoysticks

from hil_serl_ros.env.actions import CLOSE, KEEP, OPEN
from hil_serl_ros.env.gamepad import Gamepad
from hil_serl_ros.env.joy_mapping import Wish, mapping_named

XBOX = mapping_named("xbox")


def wish_of(joystick: PlayedJoystick) -> Wish:
    """What the mapping for `joy` makes of it."""
    reading = Gamepad(PlayedJoysticks(joystick)).read()
    assert reading is not None
    return XBOX.read(reading.axes, reading.buttons)


@pytest.mark.parametrize(
    ("axis", "push", "motion"),
    [(1, -1, "x"), (0, -1, "y"), (4, -1, "z"), (3, -1, "yaw")],  # forward, left, forward (up), left
)
def test_sticks_pushed_forward_and_left_are_positive(axis, push, motion):
    joystick = PlayedJoystick()
    joystick.axes[axis] = push
    expected = [float(name == motion) for name in ("x", "y", "z", "roll", "pitch", "yaw")]
    assert wish_of(joystick).motion.tolist() == expected


@pytest.mark.parametrize(("hat", "turn"), [((1, 0), (1, 0)), ((-1, 0), (-1, 0)), ((0, 1), (0, 1)), ((0, -1), (0, -1))])
def test_the_cross_rolls_and_pitches(hat, turn):
    joystick = PlayedJoystick()
    joystick.hat = hat
    assert wish_of(joystick).motion.tolist() == [0, 0, 0, *turn, 0]


@pytest.mark.parametrize(("axis", "gripper"), [(2, OPEN), (5, CLOSE)])
def test_a_trigger_moves_the_gripper_and_rests_otherwise(axis, gripper):
    joystick = PlayedJoystick()
    assert wish_of(joystick).gripper == KEEP
    joystick.axes[axis] = 1.0
    assert wish_of(joystick).gripper == gripper


def test_a_pad_at_rest_says_plain_zeros():
    reading = Gamepad(PlayedJoysticks(PlayedJoystick())).read()
    assert np.array(reading.axes).tobytes() == np.array([0.0, 0, 1, 0, 0, 1, 0, 0]).tobytes()
    assert reading.buttons == [0] * 11


def test_buttons_are_read():
    joystick = PlayedJoystick()
    joystick.pressed = {XBOX.button, XBOX.labels["stop"]}
    assert (wish_of(joystick).intervening, wish_of(joystick).stop, wish_of(joystick).success) == (True, True, False)


def test_without_a_gamepad_there_is_nothing_to_read_and_nothing_to_rumble():
    gamepad = Gamepad(PlayedJoysticks())
    assert gamepad.read() is None
    assert (gamepad.name, gamepad.others) == ("", 0)
    assert not gamepad.rumble(1.0, 0.5)


def test_the_first_of_several_is_read_and_the_next_when_it_is_pulled():
    first, second = PlayedJoystick("first"), PlayedJoystick("second")
    second.pressed = {0}
    joysticks = PlayedJoysticks(first, second)
    gamepad = Gamepad(joysticks)
    assert gamepad.read().buttons[0] == 0
    assert (gamepad.name, gamepad.others) == ("first", 1)
    joysticks.pull(first)
    assert gamepad.read().buttons[0] == 1
    assert (gamepad.name, gamepad.others, first.closed) == ("second", 0, True)
    joysticks.pull(second)
    assert gamepad.read() is None
    joysticks.plug(PlayedJoystick("third"))
    assert gamepad.read() is not None
    assert gamepad.name == "third"


def test_a_gamepad_that_fails_before_its_end_is_told_is_gone():
    joystick = PlayedJoystick()
    gamepad = Gamepad(PlayedJoysticks(joystick))
    gamepad.read()
    joystick.pulled = True
    assert not gamepad.rumble(1.0, 0.5)
    assert gamepad.read() is None
    assert gamepad.name == ""


def test_a_rumble_reaches_the_gamepad_that_is_read():
    joystick = PlayedJoystick()
    gamepad = Gamepad(PlayedJoysticks(joystick))
    gamepad.read()
    assert gamepad.rumble(0.8, 0.25)
    assert joystick.rumbled == [(0.8, 0.8, 250)]


def test_closing_lets_go_of_the_library():
    joysticks = PlayedJoysticks()
    Gamepad(joysticks).close()
    assert joysticks.closed


def test_the_real_library_starts_without_any_device_display_or_warning():
    """In a process of its own: SDL reads its settings from the environment."""
    script = "from hil_serl_ros.env.gamepad import Gamepad; pad = Gamepad(); print(pad.read()); pad.close()"
    run = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    assert run.stdout.strip() == "None" or "Reading(" in run.stdout  # a developer's own gamepad
