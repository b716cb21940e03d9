"""A reset that takes its time: the link waits for as long as the robot says that it goes on."""

from __future__ import annotations

import time
from typing import Any

import pytest

from hil_serl_ros.env.link import LinkLost, RobotLink
from hil_serl_ros.msg import TeleopAction
from hil_serl_ros.ros import qos

PATIENCE = 3.0  # s, longer than the robot's second between two words, on a busy machine


@pytest.fixture(scope="module")
def robot(graph) -> Any:
    """An arm whose reset asks the person."""
    graph.play("played_arm")
    robot = graph.start("cartesian_robot", base_frame="base", max_state_age=0.25, scene_ready="person")
    graph.start("state", clock="realtime", environment_state=False)
    return robot


@pytest.fixture(scope="module")
def link(graph, robot) -> RobotLink:
    link = RobotLink(graph.node, graph.executor, lockstep=False, patience=PATIENCE, rewards=())
    graph.wait_until(lambda: link.observation, seconds=40)
    return link


def test_a_reset_that_waits_for_a_person_is_waited_for_and_what_it_says_is_told(graph, link):
    teleop = graph.publisher(TeleopAction, "teleop", qos.TELEOP)
    said: list[str] = []
    began = time.monotonic()

    def on_word(doing: str) -> None:
        said.append(doing)
        if time.monotonic() - began > 2 * PATIENCE:
            teleop.publish(TeleopAction(source="pad", connected=True, event=TeleopAction.EVENT_RESUME))

    link.resetting = on_word
    observation, answer = link.reset(1)
    assert time.monotonic() - began > 2 * PATIENCE
    assert answer.success
    assert observation.epoch == answer.status.epoch
    assert "bring arm and scene to their start" in said[0]


def test_a_robot_that_dies_in_a_reset_is_lost(graph, link, robot):
    said: list[str] = []

    def on_word(doing: str) -> None:
        if not said:
            robot.kill()
        said.append(doing)

    link.resetting = on_word
    with pytest.raises(LinkLost, match="no answer of reset_world"):
        link.reset(1)
    assert said
