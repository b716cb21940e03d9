"""The node `joy_teleop`: a joystick's messages become the operator's word."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sensor_msgs.msg import Joy

from hil_serl_ros.env.actions import CLOSE, KEEP
from hil_serl_ros.env.joy_mapping import JoyMapping, Wish
from hil_serl_ros.msg import TeleopAction
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


def test_two_buttons_pressed_together_are_both_told(pad):
    pad.push(success=True)
    pad.push(success=True, failure=True)
    assert [word.event for word in pad.heard(2)] == [SUCCESS, TeleopAction.EVENT_FAILURE]


def test_a_message_that_is_too_short_is_counted_and_moves_nothing(pad):
    before = pad.graph.faults("joy_teleop").get("bad joy", 0)
    pad.joy.publish(Joy(axes=[1.0, 1.0], buttons=[1]))
    pad.joy.publish(Joy(axes=[float("nan")] * 8, buttons=[1] * 11))
    pad.push(intervening=True, x=1.0)
    assert pad.heard(1)[0].motion[0] == 1.0
    assert len(pad.said) == 1
    assert pad.graph.wait_until(lambda: pad.graph.faults("joy_teleop").get("bad joy", 0) == before + 2)
    assert pad.process.code is None


def test_a_release_is_published_at_once(pad):
    pad.push(intervening=True, x=1.0)
    pad.push(intervening=False)
    assert [word.intervening for word in pad.heard(2)] == [True, False]


def test_a_trigger_closes_the_gripper(pad):
    axes, buttons = MAPPING.write(Wish(np.zeros(6), CLOSE, True))
    pad.joy.publish(Joy(axes=axes, buttons=buttons))
    assert pad.heard(1)[0].gripper == CLOSE


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
