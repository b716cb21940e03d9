"""Ctrl-C and SIGTERM end every node cleanly, whatever it is doing."""

from __future__ import annotations

import signal

import numpy as np
import pytest
from std_srvs.srv import SetBool

from hil_serl_ros.msg import RobotCommand, RobotStatus
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import pose_message

pytestmark = pytest.mark.patient


@pytest.mark.parametrize("name", ["state", "joy_teleop", "mujoco_bridge", "scripted_operator"])
def test_an_idle_node_ends_cleanly(graph, name):
    process = graph.start(name)
    graph.wait_until(lambda: name in graph.node.get_node_names())
    process.signal(signal.SIGINT)
    assert process.wait() == 0, process.output
    assert "Traceback" not in process.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_node_that_is_busy_with_commands_ends_cleanly(graph, number):
    # A KeyboardInterrupt inside a callback aborts the events executor: the signal must come while one runs.
    process = graph.start("safety", armed_at_start=True)
    graph.call(SetBool, "arm", SetBool.Request(data=True))
    states = graph.publisher(RobotStatus, "robot_status", qos.robot_status(lockstep=True))
    commands = graph.publisher(RobotCommand, "command", qos.COMMAND)
    target = pose_message(np.array([0.4, 0, 0.2]), np.array([1.0, 0, 0, 0]))
    states.publish(RobotStatus(target=target, control_period=0.1))
    for sequence in range(1, 300):
        commands.publish(RobotCommand(sequence=sequence, target=target))
    process.signal(number)
    for sequence in range(300, 600):
        commands.publish(RobotCommand(sequence=sequence, target=target))
    assert process.wait() == 0, process.output


def test_an_actor_that_waits_for_a_robot_ends_cleanly(graph):
    process = graph.start("policy_actor", demonstrations=1)
    graph.wait_until(lambda: graph.node.count_clients("reset_world"), seconds=40)
    process.signal(signal.SIGINT)
    assert process.wait() == 0, process.output
    assert "Traceback" not in process.output
