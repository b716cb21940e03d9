"""The node `recorder` beside a robot, `safety`, `state` and an actor, all over DDS: what is in its bags."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from mcap.reader import make_reader
from rclpy.serialization import deserialize_message
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_typestore
from std_msgs.msg import String

from hil_serl_ros.data.bags import BAGS, Bag, folders, read_bag
from hil_serl_ros.msg import EpisodeSummary, RobotStatus, Transition
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import nanoseconds

pytestmark = pytest.mark.patient

LIMIT = 8  # steps of an episode
CAMERA = "front"
EACH = ["/joint_states", "/tool_pose", "/tool_twist", "/task_state", "/ground_truth", "/robot_status"]
PICTURES = [f"/{CAMERA}/image_raw", f"/{CAMERA}/camera_info"]


class Stage:
    """A robot with a camera, and whoever is asked to act on it."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph
        graph.start("safety", armed_at_start=True)
        graph.start("mujoco_bridge", cameras=f"[{CAMERA}]", image_width=32, image_height=32)
        graph.start("state", cameras=f"[{CAMERA}]", image_width=32, image_height=32, frozen_after=0)
        self.transitions = graph.subscribe(Transition, "transitions", qos.TRANSITION)
        self.summaries = graph.subscribe(EpisodeSummary, "episodes", qos.EPISODES)
        graph.wait_until(lambda: graph.node.count_publishers("observation"))

    def record(self, folder: Path, robot: str, **parameters: object) -> Any:
        """A recorder that listens already."""
        process = self.graph.start("recorder", run_folder=folder, robot=robot, least_free=0.0, **parameters)
        self.graph.faults("recorder")  # its first report
        return process

    def act(self, folder: Path, robot: str, **parameters: object) -> Any:
        """An actor that demonstrates nothing, episode after episode."""
        options = {"demonstrations": 99, "max_episode_steps": LIMIT, "operator": False, "cameras": f"[{CAMERA}]"}
        options |= {"image_width": 32, "image_height": 32, **parameters}
        return self.graph.start("policy_actor", run_folder=folder, robot=robot, **options)

    def ended(self, robot: str, count: int) -> list[EpisodeSummary]:
        """The first summaries of a robot's episodes."""
        mine = lambda: [s for s in self.summaries if s.robot == robot]  # noqa: E731
        self.graph.wait_until(lambda: len(mine()) >= count, seconds=60)
        return mine()[:count]

    def bags(self, folder: Path, count: int) -> list[Bag]:
        """The run's first bags that are ended."""
        ended = lambda: [bag for bag in map(read_bag, folders(folder)) if bag.info]  # noqa: E731
        self.graph.wait_until(lambda: len(ended()) >= count, seconds=30)
        return ended()[:count]


@pytest.fixture(scope="module")
def stage(graph) -> Stage:
    return Stage(graph)


class Recorded:
    """A run of some episodes that is over, and what was said in it."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self.folder = folder
        recorder = stage.record(folder, "seen", cameras=f"[{CAMERA}]")
        extra = stage.graph.publisher(String, "weather", qos.LATCHED)  # a topic that nobody knows beforehand
        extra.publish(String(data="rain"))
        actor = stage.act(folder, "seen")
        self.summaries = stage.ended("seen", 4)
        self.bags = stage.bags(folder, 4)
        assert actor.stop() == 0, actor.output
        assert recorder.stop() == 0, recorder.output
        stage.graph.node.destroy_publisher(extra)
        self.transitions = [t for t in stage.transitions if t.robot == "seen"]


@pytest.fixture(scope="module")
def recorded(stage, tmp_path_factory) -> Recorded:
    return Recorded(stage, tmp_path_factory.mktemp("run"))


def messages(bag: Bag) -> list[tuple[str, int, bytes]]:
    path = next(bag.path.glob("*.mcap"))
    with path.open("rb") as file:
        found = make_reader(file, validate_crcs=True).iter_messages()
        return [(channel.topic, message.log_time, message.data) for _, channel, message in found]


def stamps_of(bag: Bag) -> dict[str, set[bytes]]:
    """The different stamps of each topic; a stamp is what a header begins with."""
    found: dict[str, set[bytes]] = defaultdict(set)
    for topic, _, data in messages(bag):
        found[topic].add(data[4:12])
    return found


def test_each_episode_is_a_bag_that_holds_all_of_its_messages_and_none_of_another_ones(recorded):
    for bag in recorded.bags[:3]:
        counts = Counter(topic for topic, _, _ in messages(bag))
        # Whoever waits too long asks again, and gets the same message again: instants are counted.
        instants = {topic: len(stamps) for topic, stamps in stamps_of(bag).items()}
        assert {topic: instants[topic] for topic in [*EACH, *PICTURES]} == dict.fromkeys([*EACH, *PICTURES], LIMIT + 1)
        asked = {topic: instants[topic] for topic in ("/command", "/command_executed", "/transitions")}
        assert asked == dict.fromkeys(asked, LIMIT)
        assert counts["/episodes"] == 1
        assert counts["/actor_status"] >= 1
        assert counts["/safety_status"] >= 1
        assert not {"/observation", "/clock", "/weights"} & set(counts)
        assert bag.state == "complete"


def test_a_bag_begins_with_its_first_observation_and_its_epoch_is_one(recorded):
    for bag in recorded.bags[:3]:
        statuses = [deserialize_message(d, RobotStatus) for topic, _, d in messages(bag) if topic == "/robot_status"]
        assert {status.epoch for status in statuses} == {int(bag.info["epoch"])}
        steps = [deserialize_message(d, Transition) for topic, _, d in messages(bag) if topic == "/transitions"]
        assert nanoseconds(statuses[0].header.stamp) == nanoseconds(steps[0].header.stamp)
        assert [step.step for step in steps] == list(range(LIMIT))


def test_the_bytes_are_those_that_were_sent(recorded):
    by_index = {t.index: t for t in recorded.transitions}
    for bag in recorded.bags[:3]:
        steps = [deserialize_message(d, Transition) for topic, _, d in messages(bag) if topic == "/transitions"]
        heard = [step for step in steps if step.index in by_index]  # the test may find the actor later
        assert heard
        assert heard == [by_index[step.index] for step in heard]


def test_a_topic_that_nobody_knew_before_is_found_and_its_latched_message_is_in_each_bag(recorded):
    for bag in recorded.bags[1:3]:
        said = [data for topic, _, data in messages(bag) if topic == "/weather"]
        assert [deserialize_message(data, String).data for data in said] == ["rain"]


def test_what_is_known_of_an_episode_is_in_its_description(recorded):
    for bag, summary in zip(recorded.bags, recorded.summaries, strict=True):
        info = bag.info
        assert (info["run"], info["robot"], info["task"], info["mode"]) == ("run", "seen", "pick_cube", "demonstrate")
        assert (info["episode"], info["recorded"]) == (str(summary.episode), str(summary.recorded))
        assert (info["seed"], info["steps"], info["result"]) == (str(summary.seed), str(LIMIT), "truncated")
        assert "hil_serl_ros" in info["versions"]
        assert info["missing"] == ""


def test_stock_readers_of_rosbag2_read_every_message_of_every_bag(recorded):
    store = get_typestore(Stores.EMPTY)
    for bag in recorded.bags:
        expected = messages(bag)
        with Reader(bag.path) as reader:
            assert reader.message_count == len(expected)
            assert [(c.topic, time, bytes(data)) for c, time, data in reader.messages()] == expected
    with AnyReader([bag.path for bag in recorded.bags], default_typestore=store) as reader:
        steps = [reader.deserialize(d, c.msgtype) for c, _, d in reader.messages() if c.topic == "/transitions"]
        pictures = [reader.deserialize(d, c.msgtype) for c, _, d in reader.messages() if c.topic == PICTURES[0]]
    assert {step.robot for step in steps} == {"seen"}
    assert {(p.width, p.height, p.data.size) for p in pictures} == {(32, 32, 3 * 32 * 32)}


def test_a_player_is_told_which_topics_are_latched(recorded):
    with Reader(recorded.bags[0].path) as reader:
        latched = {
            topic
            for topic, info in reader.topics.items()
            if info.connections[0].ext.offered_qos_profiles[0].durability.name == "TRANSIENT_LOCAL"
        }
    assert latched == {"/safety_status", "/actor_status", "/episodes", "/robot_status", "/weather"}


@pytest.mark.timeout(240)
def test_of_a_killed_recorder_every_whole_message_is_kept_and_the_next_one_goes_on(stage, tmp_path):
    recorder = stage.record(tmp_path, "cut")
    actor = stage.act(tmp_path, "cut")
    stage.ended("cut", 1)
    mine = lambda: [t for t in stage.transitions if t.robot == "cut"]  # noqa: E731
    stage.graph.wait_until(lambda: mine()[-1].step == 3, seconds=30)
    recorder.kill()
    recorder = stage.record(tmp_path, "cut")
    stage.graph.wait_until(lambda: "left open by a kill and are ended now" in recorder.output)
    # It joins a graph that is running: until it has found all publishers its bags are short, and say so.
    states = lambda: [read_bag(path).state for path in folders(tmp_path)]  # noqa: E731
    stage.graph.wait_until(lambda: states().count("complete") >= 2, seconds=100)
    assert actor.stop() == 0, actor.output
    assert recorder.stop() == 0, recorder.output
    assert "torn" in states()
    for bag in map(read_bag, folders(tmp_path)):
        with Reader(bag.path) as reader:
            assert sum(1 for _ in reader.messages()) == len(messages(bag)) > 0


@pytest.mark.timeout(240)  # two actors, which load torch, and a participant that is missed for 20 s
def test_the_episode_of_a_killed_actor_is_kept_and_says_so(stage, tmp_path):
    recorder = stage.record(tmp_path, "mortal")
    actor = stage.act(tmp_path, "mortal", max_episode_steps=400)  # so long that it does not die between two
    mine = lambda: [t for t in stage.transitions if t.robot == "mortal"]  # noqa: E731
    stage.graph.wait_until(lambda: mine() and mine()[-1].step >= 3, seconds=60)
    actor.kill()
    stage.graph.listen(0.2)
    last = mine()[-1]
    actor = stage.act(tmp_path, "mortal")
    there = lambda: [read_bag(path) for path in folders(tmp_path)]  # noqa: E731
    ended = lambda: [bag.state for bag in there()]  # noqa: E731

    def goes_on() -> bool:
        # The first commands of a new process may come before the recorder has found it; they are missed and said so.
        return "cut" in ended() and "complete" in ended()[ended().index("cut") :]

    stage.graph.wait_until(goes_on, seconds=150)
    assert actor.stop() == 0, actor.output
    assert recorder.stop() == 0, recorder.output
    bag = next(bag for bag in there() if bag.state == "cut")
    assert "the actor gave no summary of it" in bag.info["end"]
    steps = [deserialize_message(d, Transition) for topic, _, d in messages(bag) if topic == "/transitions"]
    assert [step.step for step in steps] == list(range(len(steps)))
    assert {step.episode for step in steps} <= {last.episode, last.episode + 1}


def test_at_the_end_of_its_budget_it_says_so_and_the_robot_goes_on(stage, tmp_path):
    reports: list[DiagnosticArray] = []
    subscription = stage.graph.node.create_subscription(DiagnosticArray, "/diagnostics", reports.append, 10)
    recorder = stage.record(tmp_path, "small", disk_budget=0.0002)
    actor = stage.act(tmp_path, "small")
    stage.graph.wait_until(lambda: "disk_budget is 0.0002 GB" in recorder.output, seconds=60)
    stage.ended("small", len([s for s in stage.summaries if s.robot == "small"]) + 2)
    errors = lambda: [  # noqa: E731
        s for r in reports for s in r.status if s.name == "/recorder" and s.level == DiagnosticStatus.ERROR
    ]
    stage.graph.wait_until(errors)
    assert "episodes are not recorded any more; the run goes on" in errors()[0].message
    assert actor.stop() == 0, actor.output
    assert recorder.code is None
    assert recorder.stop() == 0, recorder.output
    stage.graph.node.destroy_subscription(subscription)
    there = [read_bag(path) for path in folders(tmp_path)]
    assert there
    for bag in there:
        with Reader(bag.path) as reader:
            assert sum(1 for _ in reader.messages()) == len(messages(bag)) > 0


def test_a_folder_that_cannot_be_written_ends_it_with_a_sentence(stage, tmp_path):
    (tmp_path / BAGS).write_text("a file is in the way")
    process = stage.graph.start("recorder", run_folder=tmp_path, robot="nobody")
    assert process.wait() == 2
    assert process.output.strip().splitlines()[-1].startswith(f"error: {tmp_path / BAGS} cannot be written: ")


def test_topics_can_be_left_out(stage, tmp_path):
    recorder = stage.record(tmp_path, "picky", leave_out="['*/image_raw', joint_states, diagnostics, rosout]")
    actor = stage.act(tmp_path, "picky")
    (bag,) = stage.bags(tmp_path, 1)
    assert actor.stop() == 0, actor.output
    assert recorder.stop() == 0, recorder.output
    topics = {topic for topic, _, _ in messages(bag)}
    assert "/observation" in topics
    assert f"/{CAMERA}/camera_info" in topics
    assert not topics & {"/joint_states", PICTURES[0]}
