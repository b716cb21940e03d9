"""The node `joy_teleop`: a joystick's messages become the operator's word."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from human_trace import actions, said, trace
from sensor_msgs.msg import Joy, JoyFeedback

from hil_serl_ros.env.actions import CLOSE, KEEP
from hil_serl_ros.env.joy_mapping import JoyMapping, Wish
from hil_serl_ros.msg import PolicyState, TeleopAction
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import nanoseconds, stamp_of

MAPPING = JoyMapping()
NONE, SUCCESS = TeleopAction.EVENT_NONE, TeleopAction.EVENT_SUCCESS


class Pad:
    """A joystick before a running `joy_teleop`, and the listener behind it."""

    def __init__(self, graph: Any, **parameters: object) -> None:
        self.graph = graph
        self.process = graph.start("joy_teleop", **parameters)
        self.said = graph.subscribe(TeleopAction, "teleop", qos.TELEOP)
        self.joy = graph.publisher(Joy, "joy", qos.TELEOP)
        graph.wait_until(lambda: graph.node.count_publishers("teleop"))

    def push(self, stamp: int = 0, *, intervening: bool = False, x: float = 0.0, **buttons: bool) -> None:
        axes, numbers = MAPPING.write(Wish(np.array([x, 0, 0, 0, 0, 0]), KEEP, intervening, **buttons))
        joy = Joy(axes=axes, buttons=numbers)
        joy.header.stamp = stamp_of(stamp)
        self.joy.publish(joy)

    def heard(self, count: int) -> list[TeleopAction]:
        """All words, once ``count`` have come."""
        self.graph.wait_until(lambda: len(self.said) >= count)
        return self.said


@pytest.fixture(scope="module")
def running(graph) -> Pad:
    return Pad(graph)


@pytest.fixture
def pad(running) -> Pad:
    running.push()
    running.graph.wait_until(lambda: running.said and not running.said[-1].intervening, again=running.push)
    running.graph.listen(0.1)
    running.said.clear()
    return running


def test_the_hands_wish_is_published_with_the_stamp_of_the_joystick(pad):
    pad.push(stamp=123_000_000_456, intervening=True, x=0.5)
    word = pad.heard(1)[0]
    assert word.connected
    assert word.intervening
    assert nanoseconds(word.header.stamp) == 123_000_000_456
    np.testing.assert_allclose(word.motion, [0.5, 0, 0, 0, 0, 0], atol=1e-6)
    assert word.gripper == KEEP


@pytest.mark.parametrize(
    ("button", "event"),
    [
        ("success", TeleopAction.EVENT_SUCCESS),
        ("failure", TeleopAction.EVENT_FAILURE),
        ("again", TeleopAction.EVENT_AGAIN),
        ("stop", TeleopAction.EVENT_STOP),
    ],
)
def test_a_held_button_is_one_event_and_a_second_press_another(pad, button, event):
    for held in (True, True, True, False, True):
        pad.push(**{button: held})
    assert [word.event for word in pad.heard(5)] == [event, NONE, NONE, NONE, event]


def test_a_persons_six_seconds_are_the_same_actions_as_from_every_device(pad):
    for wish, expected in zip(trace(), actions(trace()), strict=True):
        axes, buttons = MAPPING.write(wish)
        pad.joy.publish(Joy(axes=axes, buttons=buttons))
        assert [said(word) for word in pad.heard(len(expected))] == expected
        pad.said.clear()


def test_two_buttons_pressed_together_are_both_told(pad):
    pad.push(success=True)
    pad.push(success=True, failure=True)
    assert [word.event for word in pad.heard(2)] == [SUCCESS, TeleopAction.EVENT_FAILURE]


def test_a_message_that_cannot_be_read_is_counted_and_ends_the_link_until_a_good_one_comes(pad):
    before = pad.graph.faults("joy_teleop").get("bad joy", 0)
    pad.joy.publish(Joy(axes=[1.0, 1.0], buttons=[1]))
    pad.joy.publish(Joy(axes=[float("nan")] * 8, buttons=[1] * 11))
    pad.push()
    pad.push(intervening=True, x=1.0)
    lost, stop, back, word = pad.heard(4)
    assert (lost.connected, lost.intervening) == (False, False)
    assert (stop.connected, stop.event) == (False, TeleopAction.EVENT_STOP)  # that button could be read
    assert (back.connected, back.intervening) == (True, False)
    assert (word.intervening, word.motion[0]) == (True, 1.0)
    assert len(pad.said) == 4
    assert pad.graph.wait_until(lambda: pad.graph.faults("joy_teleop").get("bad joy", 0) == before + 2)
    assert "the joystick has 2 axes and 1 buttons; the mapping xbox is for 8 and 11" in pad.process.output
    assert pad.process.code is None


def test_a_release_is_published_at_once(pad):
    pad.push(intervening=True, x=1.0)
    pad.push(intervening=False)
    assert [word.intervening for word in pad.heard(2)] == [True, False]


def test_a_trigger_closes_the_gripper(pad):
    axes, buttons = MAPPING.write(Wish(np.zeros(6), CLOSE, True))
    pad.joy.publish(Joy(axes=axes, buttons=buttons))
    assert pad.heard(1)[0].gripper == CLOSE


@contextlib.contextmanager
def speaking(pad: Pad, joystick: Any, frame: str = "", **wish: bool) -> Iterator[None]:
    """A joystick on which this is held, told at 50 Hz."""
    axes, buttons = MAPPING.write(Wish(np.zeros(6), KEEP, **{"intervening": False, **wish}))
    joy = Joy(axes=axes, buttons=buttons)
    joy.header.frame_id = frame
    held = True
    # An executor may call a timer once more that is already destroyed, when the publisher may be gone.
    timer = pad.graph.node.create_timer(0.02, lambda: joystick.publish(joy) if held else None)
    try:
        yield
    finally:
        held = False
        pad.graph.node.destroy_timer(timer)


@pytest.fixture
def second(pad) -> Iterator[Any]:
    joystick = pad.graph.publisher(Joy, "joy", qos.TELEOP)
    yield joystick
    pad.graph.node.destroy_publisher(joystick)
    pad.graph.listen(0.2)  # until it is forgotten


@pytest.mark.parametrize("frame", ["other", ""])  # the second: both call themselves alike
def test_two_joysticks_at_once_drive_nothing_until_one_is_left(pad, second, frame):
    with speaking(pad, pad.joy, intervening=True):
        pad.graph.wait_until(lambda: pad.said and pad.said[-1].intervening)
        with speaking(pad, second, frame):
            pad.graph.wait_until(lambda: not pad.said[-1].connected)
            count = len(pad.said)
            assert pad.graph.faults("joy_teleop")["two joysticks"] > 1
            assert len(pad.said) == count
        pad.graph.wait_until(lambda: pad.said[-1].connected)
        pad.graph.listen(0.1)
        assert not pad.said[-1].intervening  # held since before: it must be let go first
    pad.push()
    pad.push(intervening=True)
    pad.graph.wait_until(lambda: pad.said[-1].intervening)


def test_a_stop_counts_once_though_two_joysticks_are_there(pad, second):
    with speaking(pad, second, "other"):
        with speaking(pad, pad.joy):
            pad.graph.wait_until(lambda: pad.said and not pad.said[-1].connected)
        with speaking(pad, pad.joy, stop=True):
            pad.graph.listen(0.5)
    assert [word.event for word in pad.said].count(TeleopAction.EVENT_STOP) == 1


def test_a_joystick_that_says_nothing_hinders_nobody(pad, second):
    """As one that was killed, until its lease ends."""
    pad.push(intervening=True, x=1.0)
    assert pad.heard(1)[0].intervening


def test_a_pulled_joystick_ends_the_link_at_once(pad):
    pad.push(intervening=True, x=1.0)
    pad.joy.publish(Joy())
    assert [word.connected for word in pad.heard(2)] == [True, False]


def test_a_call_for_help_rumbles_once_until_it_is_over(pad):
    felt = pad.graph.subscribe(JoyFeedback, "joy/set_feedback", qos.TELEOP)
    calls = pad.graph.publisher(PolicyState, "policy_state", qos.POLICY_STATE)
    pad.graph.wait_until(lambda: felt, again=lambda: calls.publish(PolicyState(called=True)))
    for called in (True, False, True):
        calls.publish(PolicyState(called=called))
    pad.graph.wait_until(lambda: len(felt) == 2)
    assert felt[0].type == JoyFeedback.TYPE_RUMBLE


def test_without_a_joystick_the_node_says_so_and_stays(graph, running):
    assert "without one, nobody can take over" in running.process.output


def test_a_silent_joystick_is_not_connected_in_realtime(graph):
    process = graph.start("joy_teleop", "-r", "__ns:=/real", clock="realtime")
    said = graph.subscribe(TeleopAction, "/real/teleop", qos.TELEOP)
    joy = graph.publisher(Joy, "/real/joy", qos.TELEOP)
    graph.wait_until(lambda: graph.node.count_publishers("/real/teleop"))
    axes, buttons = MAPPING.write(Wish(np.ones(6), KEEP, True))
    graph.wait_until(lambda: said, again=lambda: joy.publish(Joy(axes=axes, buttons=buttons)))
    assert said[0].connected
    graph.wait_until(lambda: not said[-1].connected, seconds=3)
    assert not said[-1].intervening
    count = len(said)
    graph.listen(0.8)
    assert len(said) == count  # the loss is told once
    graph.wait_until(lambda: said[-1].connected, again=lambda: joy.publish(Joy(axes=axes, buttons=buttons)))
    assert process.stop() == 0
