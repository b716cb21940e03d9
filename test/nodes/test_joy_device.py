"""The node `joy_device`: gamepads that come and go, over DDS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import rclpy
from played_joysticks import PlayedJoystick, PlayedJoysticks
from sensor_msgs.msg import Joy, JoyFeedback

from hil_serl_ros.nodes.joy_device import JoyDevice
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.run import executor_of


class Desk:
    """The node before played gamepads, in the test's process, and a listener in a node of its own."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph
        self.joysticks = PlayedJoysticks()
        rclpy.init(domain_id=graph.domain)
        self.node = JoyDevice(self.joysticks)
        self.executor = executor_of(self.node)
        self.said = graph.subscribe(Joy, "joy", qos.TELEOP)

    def until(self, condition: Any) -> Any:
        return self.graph.wait_until(lambda: (self.executor.spin_once(timeout_sec=0.01), condition())[1])


@pytest.fixture
def desk(graph) -> Iterator[Desk]:
    desk = Desk(graph)
    try:
        yield desk
    finally:
        desk.executor.shutdown()
        desk.node.destroy_node()
        rclpy.try_shutdown()


def test_a_gamepad_is_told_under_its_name_until_it_is_pulled_and_the_next_one_then(desk):
    first = desk.joysticks.plug(PlayedJoystick("first"))
    first.pressed = {5}
    desk.until(lambda: desk.said and desk.said[-1].header.frame_id == "first")
    assert (len(desk.said[-1].axes), desk.said[-1].buttons[5]) == (8, 1)
    assert desk.said[-1].header.stamp.sec > 0
    desk.joysticks.plug(PlayedJoystick("second"))
    desk.joysticks.pull(first)
    desk.until(lambda: desk.said[-1].header.frame_id == "second")
    ended = [joy for joy in desk.said if not joy.axes]
    assert [joy.header.frame_id for joy in ended] == ["first"]  # so that the link ends at once
    assert desk.node.diagnostics.faults("unplugged") == 1


def test_several_gamepads_are_told_once(desk):
    for name in ("first", "second"):
        desk.joysticks.plug(PlayedJoystick(name))
    desk.until(lambda: len(desk.said) > 5)
    assert {joy.header.frame_id for joy in desk.said} == {"first"}
    assert desk.node.diagnostics.faults("several gamepads") == 1


def test_a_call_rumbles_within_what_a_gamepad_can(desk):
    joystick = desk.joysticks.plug(PlayedJoystick())
    calls = desk.graph.node.create_publisher(JoyFeedback, "joy/set_feedback", qos.TELEOP)
    desk.until(lambda: desk.said and calls.get_subscription_count())
    for asked in (0.5, 7.0, -1.0):
        calls.publish(JoyFeedback(type=JoyFeedback.TYPE_RUMBLE, intensity=asked))
    desk.until(lambda: len(joystick.rumbled) == 3)
    assert joystick.rumbled == [(felt, felt, 500) for felt in (0.5, 1.0, 0.0)]
    desk.graph.node.destroy_publisher(calls)


def test_the_real_node_starts_without_any_device_says_so_and_stays(graph):
    process = graph.start("joy_device", "-r", "__ns:=/alone")
    graph.wait_until(lambda: "no gamepad yet; plug one in at any time" in process.output)
    graph.wait_until(lambda: graph.node.count_publishers("/alone/joy"))
    assert graph.faults("alone/joy_device") == {}
    assert process.stop() == 0, process.output
    assert "Traceback" not in process.output
