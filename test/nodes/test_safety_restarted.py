"""The node `safety` after it was killed and started again."""

from __future__ import annotations

import numpy as np
import pytest

from hil_serl_ros.msg import RobotCommand, RobotStatus, SafetyStatus
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import pose_message, position_array

UPRIGHT = np.array([1.0, 0, 0, 0])


def test_a_command_that_was_executed_before_is_answered_by_what_the_robot_holds(graph):
    process = graph.start("safety", restarts=1, armed_at_start=True)
    answers = graph.subscribe(RobotCommand, "command_executed", qos.COMMAND)
    commands = graph.publisher(RobotCommand, "command", qos.COMMAND)
    states = graph.publisher(RobotStatus, "robot_status", qos.robot_status(lockstep=True))
    held, asked = np.array([0.41, 0.0, 0.2]), np.array([0.43, 0.0, 0.2])
    status = RobotStatus(sequence=5, epoch=2, control_period=0.1, lockstep=True, gripper=0.5)
    status.target = pose_message(held, UPRIGHT)
    states.publish(status)
    command = RobotCommand(sequence=5, epoch=2, target=pose_message(asked, UPRIGHT))
    graph.wait_until(lambda: answers, again=lambda: commands.publish(command))
    # A step measured from there would have moved the target a second time.
    np.testing.assert_allclose(position_array(answers[-1].target), held)
    assert answers[-1].gripper == 0.5
    command.sequence = 6
    graph.wait_until(lambda: answers[-1].sequence == 6, again=lambda: commands.publish(command))
    assert position_array(answers[-1].target)[0] > held[0]
    assert process.stop() == 0, process.output


@pytest.mark.parametrize(("clock", "state"), [("lockstep", SafetyStatus.ARMED), ("realtime", SafetyStatus.DISARMED)])
def test_where_time_goes_on_it_is_not_armed_before_a_person_has_looked(graph, clock, state):
    words = graph.subscribe(SafetyStatus, "safety_status", qos.LATCHED)
    process = graph.start("safety", restarts=1, armed_at_start=True, clock=clock)
    word = graph.wait_until(lambda: words and words[-1])
    assert word.state == state
    assert word.reason == ("" if clock == "lockstep" else "safety was killed and started again")
    assert process.stop() == 0, process.output
