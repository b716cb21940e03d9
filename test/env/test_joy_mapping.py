"""What is written to a joystick is read from it again."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil_serl_ros.env.actions import CLOSE, KEEP, OPEN
from hil_serl_ros.env.joy_mapping import INTERVENE, LABELS, MOTIONS, JoyMapping, Wish, mapping_named
from hil_serl_ros.installed import config_folder
from hil_serl_ros.settings import SettingError

MAPPING = JoyMapping()
UNIT = st.floats(-1, 1, width=32)
WISH = st.builds(
    lambda motion, gripper, *buttons: Wish(np.array(motion), gripper, *buttons),
    st.tuples(*[UNIT] * 6),
    st.sampled_from([OPEN, KEEP, CLOSE]),
    *[st.booleans()] * 8,
)


@given(WISH)
def test_reading_what_was_written_gives_the_wish_back(wish):
    axes, buttons = MAPPING.write(wish)
    read = MAPPING.read(np.array(axes, np.float32).tolist(), buttons)  # the message has float32
    np.testing.assert_allclose(read.motion, wish.motion, atol=1e-6)
    assert dataclasses.replace(read, motion=wish.motion) == wish


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=8, max_size=8),
    st.lists(st.integers(0, 1), min_size=11, max_size=11),
)
def test_motion_is_always_within_one(axes, buttons):
    assert (np.abs(MAPPING.read(axes, buttons).motion) <= 1).all()


@given(st.tuples(*[st.floats(-0.05, 0.05)] * 3))
def test_a_stick_in_its_dead_zone_moves_nothing(sticks):
    axes = [0.0] * 8
    for name, push in zip("xyz", sticks, strict=True):
        axes[MAPPING.motion[name][0]] = push
    assert not MAPPING.read(axes, [0] * 11).motion.any()


def test_a_joystick_that_nobody_touched_keeps_the_gripper():
    assert MAPPING.read([0.0] * 8, [0] * 11).gripper == KEEP


def test_both_triggers_at_once_keep_the_gripper():
    axes = [0.0] * 8
    axes[MAPPING.open[1]] = axes[MAPPING.close[1]] = -1.0
    assert MAPPING.read(axes, [0] * 11).gripper == KEEP


@pytest.mark.parametrize(("axis", "element"), [(1, 0), (0, 1), (4, 2)])
def test_forward_left_and_up_are_positive_x_y_and_z(axis, element):
    axes = [0.0] * 8
    axes[axis] = 1.0
    motion = MAPPING.read(axes, [0] * 11).motion
    assert motion[element] == 1.0
    assert np.count_nonzero(motion) == 1


@pytest.mark.parametrize(("axes", "buttons"), [(5, 11), (8, 5), (0, 0), (9, 11), (8, 13)])
def test_a_joystick_with_another_count_of_axes_or_buttons_is_refused(axes, buttons):
    with pytest.raises(ValueError, match=f"{axes} axes and {buttons} buttons"):
        MAPPING.read([0.0] * axes, [0] * buttons)


@pytest.mark.parametrize("axis", [axis for axis, _ in MAPPING.motion.values()])
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_a_stick_that_is_not_finite_is_refused(axis, number):
    axes = [0.0] * 8
    axes[axis] = number
    with pytest.raises(ValueError, match="not finite"):
        MAPPING.read(axes, [0] * 11)


def test_a_trigger_that_is_not_a_number_keeps_the_gripper():
    axes = [0.0] * 8
    axes[MAPPING.close[1]] = np.nan
    assert MAPPING.read(axes, [0] * 11).gripper == KEEP


def _possible(mapping: JoyMapping, name: str, push: float) -> float:
    """What the device can say of ``push``: a pair of buttons only -1, 0 or 1."""
    if name in mapping.pairs:
        return float(np.sign(push))
    return push if name in mapping.motion else 0.0


@given(WISH)
def test_a_motion_without_rotation_is_written_as_it_always_was(wish):
    """The scripted operator's bytes, and with them the weights of a seed, are those of the releases before."""
    wish = dataclasses.replace(wish, motion=np.array([*wish.motion[:3], 0, 0, 0], float))
    expected = [0.0] * 8
    expected[2], expected[5] = (-1.0 if wish.gripper == grip else 1.0 for grip in (OPEN, CLOSE))
    values = wish.motion[:3]
    pushed = np.where(values == 0, 0.0, np.sign(values) * (np.abs(values) * 0.95 + 0.05))
    expected[1], expected[0], expected[4] = pushed.tolist()
    assert np.array(MAPPING.write(wish)[0]).tobytes() == np.array(expected).tobytes()


def test_the_cross_of_a_browsers_gamepad_turns_the_tool():
    browser = mapping_named("browser")
    for button, motion in ((12, [0, 1, 0]), (13, [0, -1, 0]), (14, [-1, 0, 0]), (15, [1, 0, 0])):
        buttons = [float(number == button) for number in range(17)]
        assert browser.read([0.0] * 4, buttons).motion.tolist() == [0, 0, 0, *motion]


@pytest.mark.parametrize("mapping", [MAPPING, mapping_named("browser")])
def test_the_stop_is_seen_on_a_device_whose_stick_is_broken_and_on_no_other_device(mapping):
    axes, buttons = mapping.write(Wish(np.zeros(6), KEEP, False, stop=True))
    assert mapping.stops([np.nan] * len(axes), buttons)
    assert not mapping.stops(axes[1:], buttons)
    assert not mapping.stops(axes, [0] * len(buttons))
    assert not mapping_named("spacemouse").stops([0.0] * 6, [1, 1])


SHIPPED = sorted(path.stem for path in (config_folder() / "joy").glob("*.yaml"))


def test_the_known_devices_are_shipped():
    assert {"xbox", "playstation", "logitech", "spacemouse", "browser"} <= set(SHIPPED)
    assert mapping_named("xbox") == JoyMapping()


@pytest.mark.parametrize("name", SHIPPED)
@settings(deadline=None)  # each example reads the file
@given(st.data())
def test_each_shipped_mapping_reads_what_it_writes(name, data):
    mapping = mapping_named(name)
    wish = data.draw(WISH)
    moved = [_possible(mapping, name, push) for name, push in zip(MOTIONS, wish.motion, strict=True)]
    labels = {name: name in mapping.labels and getattr(wish, name) for name in LABELS}
    wish = dataclasses.replace(wish, motion=np.array(moved), **labels)
    read = mapping.read(*mapping.write(wish))
    np.testing.assert_allclose(read.motion, wish.motion, atol=1e-6)
    assert read.gripper == wish.gripper
    assert all(getattr(read, n) == value for n, value in labels.items())
    if mapping.intervene != "motion":
        assert read.intervening == wish.intervening


def test_a_device_that_drives_while_it_is_moved_lets_go_when_it_rests():
    mouse = mapping_named("spacemouse")
    assert mouse.intervene in INTERVENE
    assert not mouse.read([0.1] * 6, [0, 0]).intervening  # within the dead zone
    assert mouse.read([0.5, 0, 0, 0, 0, 0], [0, 0]).intervening
    assert mouse.read([0.0] * 6, [1, 0]).intervening


def test_a_3d_mouse_may_have_more_buttons_and_not_fewer():
    mouse = mapping_named("spacemouse")
    assert mouse.read([0.0] * 6, [1, 0, 0, 1]).gripper == CLOSE
    with pytest.raises(ValueError, match="6 axes and 1 buttons"):
        mouse.read([0.0] * 6, [0])


def test_an_unknown_mapping_is_refused_with_those_that_are_installed():
    with pytest.raises(SettingError, match=r"no joystick mapping sega; installed are .*xbox"):
        mapping_named("sega")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ("axes: 2", "axis 4 is none that the device has: it has 0 to 1"),
        ("labels: {stop: -1}", "button -1 is none"),
        ("labels: {stop: 1, success: 1}", "button 1 means two things"),
        ("labels: {stop: 5}", "button 5 means two things"),
        ("labels: {success: 3}", "needs a label `stop`"),
        ("close: {axis: 1}", "axis 1 means two things"),
        ("motion: {x: {buttons: [1, 8]}}", "button 1 means two things"),
        ("motion: {x: {buttons: [8, 99]}}", "button 99 is none"),
        ("motion: {x: {buttons: 8}}", "no joystick mapping"),
        ("motion: {sideways: [1, 1]}", "motion is of"),
        ("button: -1", "need a button"),
        ("button: 5.0", "no whole number"),
        ("open: {axis: 2, button: 3}", "no joystick mapping"),
        ("intervene: always", "intervene is one of"),
        ("deadzone: 0.9", "deadzone is"),
        ("motion: {x: [1, 2]}", "a sign is 1 or -1"),
        ("motion: 3", "no joystick mapping"),
        ("open: {lever: 2}", "axis: N"),
        ("colour: red", "colour is unknown"),
        (": [", "no joystick mapping"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_refused_in_one_sentence(tmp_path, change, word):
    file = tmp_path / "mine.yaml"
    file.write_text((config_folder() / "joy/xbox.yaml").read_text() + change + "\n")
    with pytest.raises(SettingError, match=word) as refused:
        mapping_named(str(file))
    assert "\n" not in str(refused.value)
