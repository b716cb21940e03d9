"""The node `safety` in lockstep: what passes, what is limited and what is held, over real DDS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from std_msgs.msg import Empty
from std_srvs.srv import SetBool, Trigger

from hil_serl_ros.msg import RobotCommand, RobotStatus, SafetyStatus, TeleopAction
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import pose_message, position_array

HOME = np.array([0.4, 0.0, 0.2])
UPRIGHT = np.array([1.0, 0, 0, 0])
ACCEPTED, LIMITED, HELD = (
    RobotCommand.VERDICT_ACCEPTED,
    RobotCommand.VERDICT_LIMITED,
    RobotCommand.VERDICT_HELD,
)


class Desk:
    """The robot and the actor on either side of a running `safety`."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph
        self.process = graph.start("safety", soft_edge=0.0)
        self.epoch = 0
        self.sequence = 0
        self.answers = graph.subscribe(RobotCommand, "command_executed", qos.COMMAND)
        self.words = graph.subscribe(SafetyStatus, "safety_status", qos.LATCHED)
        self.commands = graph.publisher(RobotCommand, "command", qos.COMMAND)
        self.states = graph.publisher(RobotStatus, "robot_status", qos.robot_status(lockstep=True))
        self.teleop = graph.publisher(TeleopAction, "teleop", qos.TELEOP)
        self.stop = graph.publisher(Empty, "stop", qos.TELEOP)
        graph.wait_until(lambda: self.words)
        self.first_word = self.words[0]
        graph.wait_until(lambda: graph.node.count_publishers("command_executed"))

    def reset(self) -> None:
        """A new episode, armed."""
        self.graph.call(Trigger, "clear_stop", Trigger.Request())
        self.arm(True)
        self.answers.clear()
        self.epoch += 1
        self.states.publish(self.state())

    def state(self, **more: Any) -> RobotStatus:
        status = RobotStatus(sequence=self.sequence, epoch=self.epoch, control_period=0.1, lockstep=True, **more)
        status.target = pose_message(HOME, UPRIGHT)
        return status

    def arm(self, on: bool) -> SetBool.Response:
        return self.graph.call(SetBool, "arm", SetBool.Request(data=on))

    def word(self, state: int) -> SafetyStatus:
        """The newest status, once it is of ``state``."""
        return self.graph.wait_until(lambda: self.words[-1].state == state and self.words[-1])

    def command(self, position: np.ndarray = HOME, **more: Any) -> RobotCommand:
        self.sequence += 1
        fields = {"sequence": self.sequence, "epoch": self.epoch, "source": RobotCommand.SOURCE_POLICY, "gripper": 0.0}
        return RobotCommand(target=pose_message(position, UPRIGHT), **fields | more)

    def ask(self, command: RobotCommand) -> RobotCommand:
        """Send ``command``; its answer."""
        before = len(self.answers)
        self.commands.publish(command)
        return self.graph.wait_until(lambda: self.answers[before:] and self.answers[-1])


@pytest.fixture(scope="module")
def running(graph) -> Desk:
    return Desk(graph)


@pytest.fixture
def desk(running) -> Iterator[Desk]:
    running.reset()
    yield running
    assert running.process.code is None, running.process.output


def test_an_arm_is_not_armed_at_the_start_unless_it_is_told_so(running):
    assert running.first_word.state == SafetyStatus.DISARMED
    assert running.first_word.reason == "not armed yet"


def test_a_command_within_the_limits_is_executed_as_asked(desk):
    answer = desk.ask(desk.command(HOME + np.array([0.01, 0, 0]), gripper=1.0))
    assert (answer.verdict, answer.reason, answer.gripper) == (ACCEPTED, "", 1.0)
    assert answer.source == RobotCommand.SOURCE_POLICY
    np.testing.assert_array_equal(position_array(answer.target), HOME + np.array([0.01, 0, 0]))


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_a_command_that_is_not_finite_is_held_where_the_robot_is(desk, number):
    desk.ask(desk.command(HOME + np.array([0.01, 0, 0]), gripper=1.0))
    answer = desk.ask(desk.command(np.array([number, 0, 0.2])))
    assert answer.verdict == HELD
    assert answer.source == RobotCommand.SOURCE_HOLD
    assert "not finite" in answer.reason
    np.testing.assert_array_equal(position_array(answer.target), HOME + np.array([0.01, 0, 0]))
    assert answer.gripper == 1.0


def test_a_gripper_command_that_is_not_finite_is_held(desk):
    answer = desk.ask(desk.command(gripper=float("nan")))
    assert (answer.verdict, answer.gripper) == (HELD, 0.0)


def test_a_command_out_of_the_workspace_is_moved_to_its_edge(desk):
    for x in (0.42, 0.46, 0.50, 0.54, 0.58):
        assert desk.ask(desk.command(np.array([x, 0, 0.2]))).verdict == ACCEPTED
    answer = desk.ask(desk.command(np.array([0.61, 0, 0.2])))
    assert (answer.verdict, answer.reason) == (LIMITED, "outside the workspace")
    np.testing.assert_allclose(position_array(answer.target), [0.6, 0, 0.2])


def test_a_command_that_is_too_fast_goes_as_far_as_it_may(desk):
    answer = desk.ask(desk.command(HOME + np.array([0.1, 0, 0])))
    assert (answer.verdict, answer.reason) == (LIMITED, "faster than the speed limit")
    np.testing.assert_allclose(position_array(answer.target), HOME + np.array([0.04331, 0, 0]), atol=1e-9)


def test_limits_are_measured_from_what_was_executed_so_they_do_not_wind_up(desk):
    for step in range(1, 4):
        answer = desk.ask(desk.command(HOME + np.array([1.0, 0, 0])))
        assert position_array(answer.target)[0] == pytest.approx(min(0.4 + step * 0.04331, 0.6))
    answer = desk.ask(desk.command(position_array(answer.target) - np.array([0.01, 0, 0])))
    assert answer.verdict == ACCEPTED


def test_a_full_step_on_all_axes_is_not_limited(desk):
    assert desk.ask(desk.command(HOME + np.array([0.025, 0.025, 0.025]))).verdict == ACCEPTED


def test_a_disarmed_arm_holds_and_says_why(desk):
    assert desk.arm(False).success
    answer = desk.ask(desk.command(HOME + np.array([0.01, 0, 0]), gripper=1.0))
    assert (answer.verdict, answer.reason, answer.gripper) == (HELD, "disarmed: disarmed by request", 0.0)
    np.testing.assert_array_equal(position_array(answer.target), HOME)


@pytest.mark.parametrize("door", ["operator", "topic", "service"])
def test_an_emergency_stop_holds_every_command_and_latches(desk, door):
    if door == "operator":
        desk.teleop.publish(TeleopAction(source="page", event=TeleopAction.EVENT_STOP))
        why = "the operator pressed stop on page"
    elif door == "topic":
        desk.stop.publish(Empty())
        why = "stop was published"
    else:
        assert desk.graph.call(Trigger, "emergency_stop", Trigger.Request()).success
        why = "emergency_stop was called"
    assert desk.word(SafetyStatus.STOPPED).reason == why
    for _ in range(2):
        answer = desk.ask(desk.command(HOME + np.array([0.01, 0, 0])))
        assert (answer.verdict, answer.reason) == (HELD, f"stopped: {why}")
    refused = desk.arm(True)
    assert not refused.success
    assert "clear_stop first" in refused.message
    assert desk.ask(desk.command(HOME + np.array([0.01, 0, 0]))).verdict == HELD


def test_disarming_is_no_way_around_a_stop(desk):
    desk.graph.call(Trigger, "emergency_stop", Trigger.Request())
    assert desk.arm(False).success
    assert not desk.arm(True).success
    assert desk.ask(desk.command(HOME + np.array([0.01, 0, 0]))).verdict == HELD


def test_a_stop_outlives_the_episode(desk):
    desk.graph.call(Trigger, "emergency_stop", Trigger.Request())
    desk.epoch += 1
    desk.states.publish(desk.state())
    assert desk.ask(desk.command(HOME + np.array([0.01, 0, 0]))).verdict == HELD


def test_clearing_a_stop_does_not_arm(desk):
    desk.graph.call(Trigger, "emergency_stop", Trigger.Request())
    assert desk.graph.call(Trigger, "clear_stop", Trigger.Request()).success
    assert desk.ask(desk.command(HOME + np.array([0.01, 0, 0]))).verdict == HELD
    assert desk.arm(True).success
    assert desk.ask(desk.command(HOME + np.array([0.01, 0, 0]))).verdict == ACCEPTED


def test_there_is_nothing_to_clear_without_a_stop(desk):
    answer = desk.graph.call(Trigger, "clear_stop", Trigger.Request())
    assert not answer.success
    assert desk.ask(desk.command()).verdict == ACCEPTED  # and it is armed still


def test_the_first_reason_of_a_stop_stays(desk):
    desk.stop.publish(Empty())
    desk.word(SafetyStatus.STOPPED)
    desk.graph.call(Trigger, "emergency_stop", Trigger.Request())
    assert desk.ask(desk.command()).reason == "stopped: stop was published"


def test_a_repeated_command_is_answered_the_same_again(desk):
    command = desk.command(HOME + np.array([0.1, 0, 0]), gripper=1.0)
    first = desk.ask(command)
    assert desk.ask(command) == first
    # Even if it asks for something else now: the number says that it was done.
    command.target = pose_message(HOME - np.array([0.02, 0, 0]), UPRIGHT)
    assert desk.ask(command) == first


def test_a_repeated_command_is_answered_the_same_after_a_stop(desk):
    command = desk.command(HOME + np.array([0.01, 0, 0]))
    first = desk.ask(command)
    desk.graph.call(Trigger, "emergency_stop", Trigger.Request())
    assert desk.ask(command) == first


def test_a_command_older_than_the_last_is_dropped(desk):
    old = desk.command(HOME + np.array([0.02, 0, 0]))
    desk.ask(desk.command(HOME + np.array([0.01, 0, 0])))
    desk.commands.publish(old)
    desk.graph.listen(0.2)  # the topic keeps one command: the next would replace it
    answer = desk.ask(desk.command(HOME))
    assert [a.sequence for a in desk.answers] == [old.sequence + 1, old.sequence + 2]
    assert answer.verdict == ACCEPTED


def test_a_command_of_an_epoch_that_is_over_is_dropped(desk):
    desk.ask(desk.command())
    desk.commands.publish(desk.command(epoch=desk.epoch - 1))
    desk.graph.listen(0.2)  # the topic keeps one command: the next would replace it
    desk.ask(desk.command())
    assert {a.epoch for a in desk.answers} == {desk.epoch}
    assert desk.graph.faults("safety")["stale epoch"] >= 1


def test_a_command_that_comes_before_the_state_of_its_epoch_waits_for_it(desk):
    desk.ask(desk.command())
    desk.epoch += 1
    desk.commands.publish(desk.command(HOME + np.array([0.01, 0, 0])))
    desk.graph.listen(0.3)
    assert len(desk.answers) == 1
    desk.states.publish(desk.state())
    answer = desk.graph.wait_until(lambda: desk.answers[1:] and desk.answers[-1])
    assert (answer.epoch, answer.verdict) == (desk.epoch, ACCEPTED)


def test_after_a_reset_limits_are_measured_from_where_the_robot_is_then(desk):
    for _ in range(4):
        desk.ask(desk.command(HOME + np.array([0.2, 0, 0])))
    desk.epoch += 1
    desk.states.publish(desk.state(gripper=0.5))
    answer = desk.ask(desk.command(np.full(3, np.nan)))
    np.testing.assert_array_equal(position_array(answer.target), HOME)
    assert answer.gripper == 0.5


def test_a_robot_that_started_anew_is_followed_though_its_epoch_is_the_same(desk):
    desk.sequence = 100
    desk.states.publish(desk.state())
    desk.ask(desk.command(HOME + np.array([0.02, 0, 0])))
    desk.states.publish(desk.state())
    desk.sequence = 0
    desk.states.publish(desk.state())
    answer = desk.graph.wait_until(
        lambda: desk.answers[-1].sequence == 1 and desk.answers[-1],
        again=lambda: desk.commands.publish(RobotCommand(sequence=1, epoch=desk.epoch, target=desk.state().target)),
    )
    assert answer.verdict == ACCEPTED


def test_a_safety_that_starts_late_learns_where_the_silent_robot_is(desk):
    desk.ask(desk.command())
    late = desk.graph.start("safety", "-r", "command_executed:=late_answers", "-r", "__node:=late", armed_at_start=True)
    answers = desk.graph.subscribe(RobotCommand, "late_answers", qos.COMMAND)
    command = desk.command(HOME + np.array([0.01, 0, 0]))
    desk.graph.wait_until(lambda: answers, again=lambda: desk.commands.publish(command))
    assert (answers[0].epoch, answers[0].verdict) == (desk.epoch, ACCEPTED)
    late.stop()


def test_what_became_of_commands_is_counted(desk):
    count = len(desk.words)
    before = desk.graph.wait_until(lambda: desk.words[count + 1 :] and desk.words[-1])  # told once a second
    desk.ask(desk.command())
    desk.ask(desk.command(HOME + np.array([1, 0, 0])))
    desk.ask(desk.command(np.full(3, np.nan)))
    after = desk.graph.wait_until(lambda: desk.words[-1].held > before.held and desk.words[-1])
    assert after.limited == before.limited + 1
    assert after.held == before.held + 1
    assert after.accepted == before.accepted + 1


def test_safety_says_who_moves_the_arm_and_why_it_holds(desk):
    def told(driver: int, reason: str) -> bool:
        return (desk.words[-1].driver, desk.words[-1].reason) == (driver, reason)

    desk.ask(desk.command(source=RobotCommand.SOURCE_POLICY))
    desk.graph.wait_until(lambda: told(RobotCommand.SOURCE_POLICY, ""))
    desk.ask(desk.command(source=RobotCommand.SOURCE_HUMAN))
    desk.graph.wait_until(lambda: told(RobotCommand.SOURCE_HUMAN, ""))
    desk.ask(desk.command(np.full(3, np.nan)))
    desk.graph.wait_until(lambda: told(RobotCommand.SOURCE_HOLD, "the command has a number that is not finite"))
    desk.ask(desk.command(source=RobotCommand.SOURCE_POLICY))
    desk.graph.wait_until(lambda: told(RobotCommand.SOURCE_POLICY, ""))
    desk.stop.publish(Empty())
    desk.graph.wait_until(lambda: told(RobotCommand.SOURCE_HOLD, "stop was published"))


def test_a_stop_is_an_error_on_diagnostics(desk):
    reports = desk.graph.subscribe(DiagnosticArray, "/diagnostics", 10)
    desk.stop.publish(Empty())

    def level() -> int:
        levels = [s.level for r in reports for s in r.status if s.name == "/safety"]
        return int.from_bytes(levels[-1]) if levels else -1

    desk.graph.wait_until(lambda: level() == 2)


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({"workspace_low": "[0.7, 0.0, 0.0]"}, "low below high"),
        ({"gripper_low": 0.8, "gripper_high": 0.2}, "gripper_low"),
    ],
)
def test_limits_that_contradict_each_other_are_refused_at_start(graph, parameters, word):
    process = graph.start("safety", "-r", "__ns:=/odd", **parameters)
    assert process.wait() == 2
    assert word in process.output
