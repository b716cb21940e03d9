"""The node `safety` in realtime: what is late or silent stops the arm."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hil_serl_ros.msg import RobotCommand, RobotStatus, SafetyStatus, TeleopAction
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import pose_message, position_array, stamp_of

HOME = np.array([0.4, 0.0, 0.2])
UPRIGHT = np.array([1.0, 0, 0, 0])
HELD = RobotCommand.VERDICT_HELD
MAX_AGE, MAX_SILENCE = 0.2, 0.5  # s
PERIOD = 0.1  # s, control period


class Desk:
    """A robot that runs at its own time and an actor, on either side of a running `safety`."""

    def __init__(self, graph: Any, space: str = "", **parameters: object) -> None:
        self.graph = graph
        self.process = graph.start(
            "safety",
            *(("-r", f"__ns:={space}") if space else ()),
            clock="realtime",
            armed_at_start=True,
            max_command_age=MAX_AGE / 0.1,
            max_silence=MAX_SILENCE / 0.1,
            **parameters,
        )
        self.now = 10.0  # s of the robot
        self.sequence = self.epoch = 0
        self.answers = graph.subscribe(RobotCommand, f"{space}/command_executed", qos.COMMAND)
        self.words = graph.subscribe(SafetyStatus, f"{space}/safety_status", qos.LATCHED)
        self.commands = graph.publisher(RobotCommand, f"{space}/command", qos.COMMAND)
        self.states = graph.publisher(RobotStatus, f"{space}/robot_status", qos.publish_state(lockstep=False))
        self.teleop = graph.publisher(TeleopAction, f"{space}/teleop", qos.TELEOP)
        graph.wait_until(lambda: self.words and graph.node.count_publishers(f"{space}/command_executed"))

    def tell(self) -> None:
        """The robot's state now."""
        status = RobotStatus(sequence=self.sequence, epoch=self.epoch, control_period=0.1)
        status.header.stamp = stamp_of(round(self.now * 1e9))
        status.target = pose_message(HOME, UPRIGHT)
        self.states.publish(status)

    def ask(self, age: float, motion: float = 0.0, source: int = RobotCommand.SOURCE_POLICY) -> RobotCommand:
        """The answer to a command that answers an observation ``age`` s ago."""
        self.sequence += 1
        command = RobotCommand(sequence=self.sequence, epoch=self.epoch, source=source)
        command.header.stamp = stamp_of(round((self.now - age) * 1e9))
        command.target = pose_message(HOME + np.array([motion, 0, 0]), UPRIGHT)

        def again() -> None:
            self.tell()  # best effort: one may be lost
            self.commands.publish(command)

        return self.graph.wait_until(
            lambda: next((a for a in self.answers if (a.sequence, a.epoch) == (command.sequence, command.epoch)), None),
            again=again,
        )


@pytest.fixture(scope="module")
def running(graph) -> Desk:
    return Desk(graph)


@pytest.fixture
def desk(running) -> Desk:
    running.epoch += 1
    running.now += 1
    return running


def test_a_fresh_command_passes(desk):
    assert desk.ask(age=0.05).verdict == RobotCommand.VERDICT_ACCEPTED


def test_a_command_that_answers_an_old_observation_is_held(desk):
    answer = desk.ask(age=MAX_AGE + 0.05, motion=0.01)
    assert answer.verdict == HELD
    assert "0.25 s ago" in answer.reason
    np.testing.assert_array_equal(position_array(answer.target), HOME)


def test_a_command_that_answers_an_observation_from_the_future_is_held(desk):
    answer = desk.ask(age=-MAX_AGE - 0.05, motion=0.01)
    assert answer.verdict == HELD
    assert "ahead" in answer.reason


def test_a_flood_of_commands_moves_no_faster_than_one_a_period(desk):
    desk.ask(age=0.0)
    before = desk.graph.node.get_clock().now()
    for step in range(1, 31):
        answer = desk.ask(age=0.0, motion=0.01 * step)
    seconds = (desk.graph.node.get_clock().now() - before).nanoseconds * 1e-9
    moved = position_array(answer.target)[0] - HOME[0]
    assert moved <= 0.4331 * (seconds / 0.8 + 0.1)
    assert moved < 0.2


def test_after_a_pause_acceleration_counts_from_rest(graph):
    desk = Desk(graph, "/slow", max_acceleration=1.0)  # m/s^2: 10 mm in the first period
    reached = 0.0
    for _ in range(4):
        reached = position_array(desk.ask(age=0.0, motion=reached + 0.03).target)[0] - HOME[0]
        desk.graph.listen(0.1)
    desk.graph.listen(0.3)
    answer = desk.ask(age=0.0, motion=reached + 0.03)
    assert "acceleration" in answer.reason
    assert position_array(answer.target)[0] - HOME[0] - reached < 0.0101


def test_a_silent_peer_is_reported_and_so_is_its_return(desk):
    desk.ask(age=0.0)
    desk.graph.wait_until(lambda: "no word from" in desk.words[-1].reason, seconds=MAX_SILENCE + 5)
    assert desk.words[-1].state == SafetyStatus.ARMED
    desk.ask(age=0.0)
    desk.graph.wait_until(lambda: desk.words[-1].reason == "", again=lambda: desk.ask(age=0.0))


def test_the_arm_holds_once_the_robots_state_is_silent(desk):
    desk.ask(age=0.0)
    desk.graph.listen(MAX_SILENCE + 0.2)
    desk.sequence += 1
    command = RobotCommand(sequence=desk.sequence, epoch=desk.epoch)
    command.header.stamp = stamp_of(round(desk.now * 1e9))
    command.target = pose_message(HOME + np.array([0.01, 0, 0]), UPRIGHT)
    desk.commands.publish(command)
    answer = desk.graph.wait_until(lambda: desk.answers[-1].sequence == desk.sequence and desk.answers[-1])
    assert (answer.verdict, answer.reason) == (HELD, "the robot's state is silent")


def test_a_persons_command_passes_only_while_their_device_is_there(desk):
    human = RobotCommand.SOURCE_HUMAN
    answer = desk.ask(age=0.0, source=human)
    assert (answer.verdict, answer.reason) == (HELD, "no operator's device is there")
    assert desk.ask(age=0.0).verdict == RobotCommand.VERDICT_ACCEPTED  # its absence stops nobody else
    pad = TeleopAction(source="pad", connected=True, intervening=True)

    def passes() -> bool:
        desk.teleop.publish(pad)
        return desk.ask(age=0.0, source=human).verdict == RobotCommand.VERDICT_ACCEPTED

    desk.graph.wait_until(passes)


def test_after_the_hands_are_lost_while_they_drive_everything_is_held_until_a_person_resumes(desk):
    pad = TeleopAction(source="pad", connected=True, intervening=True)
    desk.graph.wait_until(lambda: desk.ask(age=0.0).verdict != HELD, again=lambda: desk.teleop.publish(pad))
    desk.graph.listen(0.3)
    answer = desk.ask(age=0.0)
    assert (answer.verdict, answer.reason) == (HELD, "the operator's pad fell silent while it drove")
    resume = TeleopAction(source="pad", connected=True, event=TeleopAction.EVENT_RESUME)
    desk.graph.wait_until(lambda: desk.ask(age=0.0).verdict != HELD, again=lambda: desk.teleop.publish(resume))
