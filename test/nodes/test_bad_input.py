"""What must not be there comes all the same: two of a kind, floods, garbage, clocks that jump. The arm holds."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from rclpy.serialization import serialize_message
from rosgraph_msgs.msg import Clock
from std_msgs.msg import Empty
from std_srvs.srv import SetBool, Trigger

from hil_serl_ros.msg import RobotCommand, RobotStatus, SafetyStatus, TeleopAction
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import pose_message, stamp_of

FLOOD = 1000  # messages of one topic
TARGET = pose_message(np.array([0.4, 0.0, 0.2]), np.array([1.0, 0, 0, 0]))


class Desk:
    """A robot and an actor, on either side of a running `safety`."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph
        self.process = graph.start("safety", armed_at_start=True, use_sim_time=True)
        self.sequence, self.seconds = 0, 1000.0
        self.words = graph.subscribe(SafetyStatus, "safety_status", qos.LATCHED)
        self.answers = graph.subscribe(RobotCommand, "command_executed", qos.COMMAND)
        self.commands = graph.publisher(RobotCommand, "command", qos.COMMAND)
        self.states = graph.publisher(RobotStatus, "robot_status", qos.robot_status(lockstep=True))
        self.clock = graph.publisher(Clock, "/clock", 10)
        graph.wait_until(lambda: graph.node.count_publishers("command_executed"))

    def state(self) -> RobotStatus:
        status = RobotStatus(sequence=self.sequence, control_period=0.1, lockstep=True, target=TARGET)
        status.header.stamp = stamp_of(round(1e9 * self.seconds))
        return status

    def command(self) -> RobotCommand:
        self.sequence += 1
        return RobotCommand(sequence=self.sequence, target=TARGET, source=RobotCommand.SOURCE_POLICY)

    def verdict(self) -> int:
        """Of a command as it should be."""
        command = self.command()

        def again() -> None:
            self.commands.publish(command)

        answer = self.graph.wait_until(
            lambda: next((a for a in self.answers if a.sequence == command.sequence), None), again=again
        )
        return answer.verdict

    def until_stopped(self, again: Any = None) -> str:
        """Why, once it is."""
        stopped = SafetyStatus.STOPPED
        return self.graph.wait_until(lambda: self.words[-1].state == stopped and self.words[-1], again=again).reason


@pytest.fixture(scope="module")
def running(graph) -> Desk:
    return Desk(graph)


@pytest.fixture
def desk(running):
    running.sequence += 1
    running.states.publish(running.state())
    assert running.verdict() == RobotCommand.VERDICT_ACCEPTED
    yield running
    assert running.process.code is None, running.process.output
    running.graph.listen(0.6)  # until it has forgotten who spoke beside us
    if running.words[-1].state == SafetyStatus.STOPPED:
        running.graph.call(Trigger, "clear_stop", Trigger.Request())
    running.graph.call(SetBool, "arm", SetBool.Request(data=True))
    running.graph.wait_until(lambda: running.words[-1].state == SafetyStatus.ARMED)


@pytest.mark.parametrize("topic", ["command", "robot_status"])
def test_of_two_who_speak_on_one_topic_none_moves_the_arm(desk, topic):
    kind, profile = (
        (RobotCommand, qos.COMMAND) if topic == "command" else (RobotStatus, qos.robot_status(lockstep=True))
    )
    second = desk.graph.node.create_publisher(kind, topic, profile)
    desk.graph.wait_until(second.get_subscription_count)

    def both() -> None:
        for _ in range(3):
            if topic == "command":
                command = desk.command()
                desk.commands.publish(command)
                second.publish(command)
            else:
                desk.states.publish(desk.state())
                second.publish(desk.state())
            desk.graph.listen(0.02)

    reason = desk.until_stopped(both)
    assert f"two nodes publish `{topic}`" in reason
    assert "clear_stop" in reason
    desk.graph.node.destroy_publisher(second)
    assert desk.verdict() == RobotCommand.VERDICT_HELD


def test_a_second_safety_stops_the_arm(desk):
    other = desk.graph.start("safety", "-r", "safety_status:=other", "-r", "__node:=other")  # it is not armed: it holds

    def ask() -> None:
        desk.commands.publish(desk.command())

    assert "another node publishes `command_executed`" in desk.until_stopped(ask)
    other.stop()


def test_a_namesake_is_a_counted_warning(desk):
    twin = desk.graph.start("joy_teleop")
    second = desk.graph.start("joy_teleop")
    desk.graph.wait_until(lambda: "another node is called /joy_teleop too" in twin.output + second.output)
    twin.stop()
    second.stop()


def test_bytes_that_are_no_message_move_nothing_and_end_nothing(desk):
    whole, chance = serialize_message(desk.command()), random.Random(0)
    before = len(desk.answers)
    for number in range(100):
        torn = whole[: chance.randrange(len(whole))]
        desk.commands.publish([torn, whole[:4] + chance.randbytes(60), whole[:4] + b"\xff" * 60][number % 3])
    assert desk.verdict() == RobotCommand.VERDICT_ACCEPTED
    assert {a.verdict for a in desk.answers[before:]} <= {RobotCommand.VERDICT_ACCEPTED, RobotCommand.VERDICT_HELD}


def test_a_flood_leaves_the_control_path_its_turn(desk):
    teleop = desk.graph.publisher(TeleopAction, "teleop", qos.TELEOP)
    for _ in range(FLOOD):
        teleop.publish(TeleopAction(source="flood", connected=True))
        desk.states.publish(desk.state())
    assert desk.verdict() == RobotCommand.VERDICT_ACCEPTED
    stop = desk.graph.publisher(Empty, "stop", qos.TELEOP)
    for _ in range(FLOOD):
        stop.publish(Empty())
    desk.until_stopped()
    assert desk.process.output.count("emergency stop: stop was published") == 1
    desk.graph.node.destroy_publisher(teleop)
    desk.graph.node.destroy_publisher(stop)


def test_a_clock_that_goes_back_and_forth_stops_nothing(desk):
    for seconds in (5.0, 1e6, 0.0, 2000.0):
        desk.seconds = seconds
        desk.clock.publish(Clock(clock=stamp_of(round(1e9 * seconds))))
        desk.states.publish(desk.state())
        assert desk.verdict() == RobotCommand.VERDICT_ACCEPTED
