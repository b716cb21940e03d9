"""Several robots at one learner: what one of them does is not felt by the others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rclpy.serialization import deserialize_message

from hil_serl_ros.data.journal import Journal
from hil_serl_ros.data.transition_log import read_log
from hil_serl_ros.learning.agreement import configuration
from hil_serl_ros.learning.observed import ObservationSettings
from hil_serl_ros.msg import ActorStatus, LearnerStatus, Observation, Transition
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.outbox import Outbox

LAYOUT = ObservationSettings().layout("pick_cube")
ROBOTS = ["good", "fast", "strange", "mortal"]
SMALL = {"latent_dim": 8, "hidden_dims": [16, 16], "batch_size": 16, "online_step_before_learning": 10}
# A robot in a process of its own, which can be killed: it sends step after step until then.
MORTAL = """
import rclpy
from test_fleet import Robot
rclpy.init()
robot = Robot(rclpy.create_node("policy_actor", namespace="/mortal"), "mortal", {folder!r})
executor = rclpy.executors.SingleThreadedExecutor()
executor.add_node(robot.node)
while True:
    robot.step()
    executor.spin_once(timeout_sec=0.02)
"""


class Robot:
    """A real outbox that sends steps of episodes of five."""

    def __init__(self, node: Any, name: str, folder: Path | str, layout: str = LAYOUT.hash) -> None:
        self.node, self.layout = node, layout
        self.journal = Journal(Path(folder) / name)
        self.outbox = Outbox(_In(node, name), self.journal, name, "run", configuration(LAYOUT, "realtime"))

    def step(self) -> None:
        index = self.outbox.sent
        seen = Observation(state=[0.1] * 18, environment_state=[0.4, 0.0, 0.02])
        step = Transition(episode=index // 5, step=index % 5, layout=self.layout, mode=Transition.MODE_TRAIN)
        step.action, step.observation = [0.1, 0.0, 0.0, 1.0], seen
        if index % 5 == 4:
            step.truncated, step.final_observation = True, [seen]
        self.outbox.send(step)


class _In:
    """A node that puts a robot's own topics into its namespace."""

    def __init__(self, node: Any, robot: str) -> None:
        self._node, self._robot = node, robot

    def _name(self, topic: str) -> str:
        return f"/{topic}" if topic == "learner_status" else f"/{self._robot}/{topic}"

    def create_publisher(self, kind: type, topic: str, profile: Any) -> Any:
        return self._node.create_publisher(kind, self._name(topic), profile)

    def create_subscription(self, kind: type, topic: str, callback: Any, profile: Any) -> Any:
        return self._node.create_subscription(kind, self._name(topic), callback, profile)


@pytest.fixture(scope="module")
def learner(graph: Any) -> Any:
    folder = graph.folder / "run"
    names = f"[{','.join(ROBOTS)}]"
    return graph.start("learner", run="run", run_folder=folder, clock="realtime", robots=names, **SMALL)


@pytest.fixture(scope="module")
def good(graph: Any, learner: Any) -> Iterator[Robot]:
    robot = Robot(graph.node, "good", graph.folder / "journal")
    graph.wait_until(lambda: robot.outbox.learner is not None, seconds=60)
    yield robot
    robot.journal.close()


def logged(graph: Any, robot: str) -> list[int]:
    messages = [deserialize_message(record.data, Transition) for record in read_log(graph.folder / "run" / "log")]
    return [message.index for message in messages if message.robot == robot]


def goes_on(graph: Any, robot: Robot, steps: int = 20) -> None:
    """The robot's steps are held, and each is in the log once."""
    until = robot.outbox.sent + steps

    def step() -> None:
        if robot.outbox.sent < until:
            robot.step()

    graph.wait_until(lambda: robot.outbox.held >= until, seconds=60, again=step)
    assert logged(graph, robot.outbox.robot) == list(range(until))


def test_a_robot_of_another_layout_is_refused_and_the_others_lose_nothing(graph, good):
    strange = Robot(graph.node, "strange", graph.folder / "journal", layout="another")
    for _ in range(20):
        strange.step()
    goes_on(graph, good)
    assert graph.wait_until(lambda: graph.faults("learner").get("other layout"))
    assert logged(graph, "strange") == []
    strange.journal.close()


def test_a_robot_that_sends_a_thousand_steps_at_once_loses_none_and_holds_nobody_up(graph, good):
    fast = Robot(graph.node, "fast", graph.folder / "journal")
    for _ in range(1200):  # more than any queue of the middleware holds
        fast.step()
    goes_on(graph, good)
    graph.wait_until(lambda: fast.outbox.held == fast.outbox.sent, seconds=60)
    assert logged(graph, "fast") == list(range(1200))
    fast.journal.close()


def test_a_robot_that_is_killed_costs_nothing_and_goes_on_where_it_was(graph, good):
    held: dict[str, int] = {}

    def on_status(status: LearnerStatus) -> None:
        held.update({one.robot: one.count for one in status.held})

    graph.node.create_subscription(LearnerStatus, "learner_status", on_status, qos.LATCHED)
    script = MORTAL.format(folder=str(graph.folder / "journal"))
    environment = {**graph.environment, "PYTHONPATH": f"{Path(__file__).parent}:{os.environ.get('PYTHONPATH', '')}"}
    for _ in range(2):
        before = held.get("mortal", 0)
        process = subprocess.Popen([sys.executable, "-c", script], env=environment)
        try:
            graph.wait_until(lambda before=before: held.get("mortal", 0) >= before + 20, seconds=60)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        goes_on(graph, good)
    steps = logged(graph, "mortal")
    assert steps == list(range(len(steps)))


def test_an_actor_that_takes_the_name_of_another_one_ends_and_says_so(graph, good):
    status = graph.node.create_publisher(ActorStatus, "actor_status", qos.LATCHED)
    status.publish(ActorStatus(robot="arm", run="named", started=1))
    later = graph.start("policy_actor", run="named", robot="arm", run_folder=graph.folder / "named", demonstrations=1)
    assert later.wait(60) == 2, later.output
    assert "another actor of run 'named' calls itself 'arm'" in later.output
    graph.node.destroy_publisher(status)
