"""The node `learner` and its disk: what it holds is kept, whatever the disk does."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import Any

import pytest
from rclpy.serialization import deserialize_message

from hil_serl_ros.data.transition_log import read_log
from hil_serl_ros.learning.agreement import configuration
from hil_serl_ros.learning.observed import ObservationSettings
from hil_serl_ros.msg import ActorStatus, LearnerStatus, Observation, Transition
from hil_serl_ros.ros import qos

pytestmark = pytest.mark.patient

LAYOUT = ObservationSettings().layout("pick_cube")
SMALL = {"latent_dim": 8, "hidden_dims": [16, 16], "batch_size": 16, "online_step_before_learning": 10, "save_freq": 5}


class Robot:
    """Sends steps of episodes of five, and hears what the learner holds."""

    def __init__(self, graph: Any, run: str) -> None:
        self.graph, self.run = graph, run
        self.sent = 0
        self.said: LearnerStatus | None = None
        self.publisher = graph.node.create_publisher(Transition, "transitions", qos.TRANSITION)
        graph.node.create_subscription(LearnerStatus, "learner_status", self.hear, qos.LATCHED)

    def hear(self, status: LearnerStatus) -> None:
        if status.run == self.run:
            self.said = status

    @property
    def held(self) -> int:
        return next((held.count for held in self.said.held), 0) if self.said is not None else 0

    def send(self) -> None:
        """The steps that the learner lacks, or a new one."""
        self.sent = max(self.sent, self.held + 1)
        for index in range(self.held, self.sent):
            seen = Observation(state=[0.1] * 18, environment_state=[0.4, 0.0, 0.02])
            ends = index % 5 == 4
            step = Transition(robot="arm", run=self.run, index=index, episode=index // 5, step=index % 5)
            step.layout, step.mode, step.action = LAYOUT.hash, Transition.MODE_TRAIN, [0.1, 0.0, 0.0, 1.0]
            step.observation, step.truncated, step.final_observation = seen, ends, [seen] if ends else []
            self.publisher.publish(step)

    def reach(self, steps: int) -> None:
        self.graph.wait_until(lambda: self.held >= steps, seconds=100, again=self.send)

    def rest(self) -> None:
        """Until the learner has nothing to do: lerobot's files, which a checkpoint needs, take seconds once."""
        self.graph.wait_until(lambda: self.said.state == "waiting" and not self.said.owed, seconds=100)


@pytest.fixture
def robot(graph: Any, tmp_path: Path) -> Robot:
    return Robot(graph, tmp_path.name)


def learner(graph: Any, robot: Robot, folder: Path, **parameters: object) -> Any:
    return graph.start("learner", run=robot.run, run_folder=folder, **(SMALL | parameters))


def logged(folder: Path) -> list[int]:
    return [deserialize_message(record.data, Transition).index for record in read_log(folder / "log")]


def session(leader: int) -> list[int]:
    return [int(path.name) for path in Path("/proc").glob("[0-9]*") if os.getsid(int(path.name)) == leader]


def test_a_full_disk_ends_it_with_a_sentence_and_every_step_that_it_held_is_kept(graph, robot, tmp_path):
    process = learner(graph, robot, tmp_path, save_freq=100_000)
    robot.reach(20)
    limit = (tmp_path / "log" / "000000.mcap").stat().st_size + 2000  # bytes of any file; acts as a full disk does
    for number in session(process._process.pid):
        resource.prlimit(number, resource.RLIMIT_FSIZE, (limit, limit))
    graph.wait_until(lambda: process.code is not None, seconds=150, again=robot.send)
    assert process.code == 2, process.output
    assert "error: " in process.output
    assert "000000.mcap cannot be written" in process.output
    assert "Traceback" not in process.output
    assert logged(tmp_path) == list(range(robot.held))
    again = learner(graph, robot, tmp_path, resume=True)
    robot.reach(robot.held + 20)
    robot.rest()
    assert again.stop() == 0, again.output
    assert logged(tmp_path) == list(range(robot.held))


def test_a_checkpoint_with_a_flipped_byte_is_named_and_the_one_before_it_is_used(graph, robot, tmp_path):
    process = learner(graph, robot, tmp_path)
    robot.reach(40)
    robot.rest()
    assert process.stop() == 0, process.output
    last = (tmp_path / "checkpoints" / "last").resolve()
    weights = last / "pretrained_model" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-7] ^= 1
    weights.write_bytes(content)
    again = learner(graph, robot, tmp_path, resume=True)
    robot.reach(robot.held + 5)
    graph.wait_until(lambda: robot.said.updates > int(last.name))
    assert again.stop() == 0, again.output
    assert f"{weights} is not as it was written" in again.output
    assert (last.parent / f"{last.name}.damaged" / "pretrained_model" / "model.safetensors").read_bytes() == content
    assert int((tmp_path / "checkpoints" / "last").resolve().name) >= int(last.name)


def test_a_log_of_another_layout_is_refused_with_the_difference_named(graph, robot, tmp_path):
    process = learner(graph, robot, tmp_path)
    robot.reach(5)
    robot.rest()
    assert process.stop() == 0, process.output
    other = learner(graph, robot, tmp_path, resume=True, environment_state=False)
    assert other.wait(60) == 2, other.output
    assert "observation.environment_state is missing here, there there" in other.output


def test_an_actor_that_meets_a_learner_of_another_configuration_ends_and_names_the_difference(graph, robot, tmp_path):
    status = graph.node.create_publisher(LearnerStatus, "learner_status", qos.LATCHED)
    status.publish(LearnerStatus(run="mine", configuration=configuration(LAYOUT, "realtime")))
    actor = graph.start("policy_actor", run="mine", run_folder=tmp_path, demonstrations=1)
    assert actor.wait(60) == 2, actor.output
    assert "clock is lockstep here, realtime there" in actor.output
    graph.node.destroy_publisher(status)


def test_a_learner_counts_an_actor_of_another_configuration(graph, robot, tmp_path):
    learner(graph, robot, tmp_path)
    status = graph.publisher(ActorStatus, "actor_status", qos.LATCHED)
    other = configuration(ObservationSettings(environment_state=False).layout("pick_cube"), "lockstep")
    status.publish(ActorStatus(robot="arm", run=robot.run, configuration=other))
    assert graph.wait_until(lambda: graph.faults("learner").get("other configuration"))
