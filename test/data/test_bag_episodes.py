"""Which message is in which episode's bag, whatever overtakes what; and what is done when the disk is full."""

from __future__ import annotations

import errno
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from geometry_msgs.msg import PoseStamped
from mcap.reader import make_reader
from rclpy.serialization import serialize_message
from std_msgs.msg import Header

from hil_serl_ros.data import bag_writer
from hil_serl_ros.data.bag_audit import Done
from hil_serl_ros.data.bag_episodes import GRACE, EpisodeBags
from hil_serl_ros.data.bag_file import Topic
from hil_serl_ros.data.bag_open import Begun, Ended
from hil_serl_ros.data.bag_room import Room
from hil_serl_ros.data.bag_topics import COMMAND, EXECUTED, STATUS, TRANSITIONS, Heard
from hil_serl_ros.data.bags import BAGS, DISCARDED, Bag, folders, read_bag
from hil_serl_ros.msg import EpisodeSummary, RobotCommand, RobotStatus, SafetyStatus, Transition
from hil_serl_ros.ros.convert import stamp_of

TRAIN = 2


def heard(name: str, **options: Any) -> Heard:
    return Heard(Topic(f"/{name}", "std_msgs/msg/String", "string data\n"), **options)


class Robot:
    """Says what a robot's graph says, into `bags`."""

    def __init__(self, run: Path, *, lockstep: bool = True, budget: float = 1e9) -> None:
        self.run = run
        (run / BAGS).mkdir()
        self.room = Room(run, budget, 0.0)
        self.bags = EpisodeBags(run, "robot", lockstep=lockstep, room=self.room, facts=lambda mode: {"mode": str(mode)})
        self.topics = {
            "tool_pose": heard("tool_pose", role="tool_pose", clocked=lockstep, stream=True),
            "picture": heard("front/image_raw", clocked=lockstep, stream=True, picture=True),
            STATUS: heard(STATUS, role=STATUS, clocked=True, stream=True, latched=lockstep),
            COMMAND: heard(COMMAND, role=COMMAND, clocked=True),
            EXECUTED: heard(EXECUTED, role=EXECUTED, clocked=True),
            TRANSITIONS: heard(TRANSITIONS, role=TRANSITIONS, clocked=True),
            "safety_status": heard("safety_status", role="safety_status", latched=True),
            "episodes": heard("episodes", role="episodes", latched=True),
        }
        for topic in self.topics.values():
            self.bags.know(topic, needed=topic.role == "tool_pose")
        self.now = 10**18

    def hear(self, name: str, message: Any) -> None:
        self.now += 1_000_000
        self.bags.hear(self.topics[name], serialize_message(message), self.now, self.now)

    def state(self, stamp: int, epoch: int) -> None:
        header = Header(stamp=stamp_of(stamp), frame_id="base")
        for name in ("tool_pose", "picture"):
            self.hear(name, PoseStamped(header=header))
        self.hear(STATUS, RobotStatus(header=header, epoch=epoch))

    def step(self, stamp: int, number: int, *, robot: str = "robot") -> None:
        header = Header(stamp=stamp_of(stamp))
        for name in (COMMAND, EXECUTED):
            self.hear(name, RobotCommand(header=header))
        self.hear(TRANSITIONS, Transition(header=header, robot=robot, step=number))

    def begin(self, stamp: int, epoch: int, *, episode: int = 0) -> None:
        self.bags.begin(Begun(TRAIN, episode, epoch, stamp, 5), self.now)

    def end(self, stamp: int, steps: int, *, episode: int = 0, discarded: bool = False) -> None:
        data = serialize_message(EpisodeSummary(header=Header(stamp=stamp_of(stamp))))
        info = {"result": "success", "steps": str(steps)}
        ended = Ended(TRAIN, episode, Done(steps, True, stamp), stamp, discarded, info)
        self.bags.end(ended, self.topics["episodes"], data, self.now)

    def pass_time(self, nanoseconds: int) -> None:
        self.now += nanoseconds
        self.bags.tick(self.now)

    def close(self) -> list[Bag]:
        """The bags there are, in the order of their numbers."""
        self.bags.close()
        return [read_bag(path) for path in folders(self.run)]


@pytest.fixture
def robot(tmp_path) -> Robot:
    return Robot(tmp_path)


def counts(bag: Bag) -> dict[str, int]:
    with next(bag.path.glob("*.mcap")).open("rb") as file:
        return dict(Counter(channel.topic for _, channel, _ in make_reader(file).iter_messages()))


def episode(robot: Robot, start: int, epoch: int, steps: int, *, number: int = 0) -> None:
    """A whole one: its first observation, then steps, each with the observation after it."""
    robot.state(start, epoch)
    robot.begin(start, epoch, episode=number)
    for step in range(steps):
        robot.step(start + step, step)
        robot.state(start + step + 1, epoch)
    robot.end(start + steps, steps, episode=number)


WHOLE = {"/tool_pose": 4, "/front/image_raw": 4, "/robot_status": 4, "/command": 3, "/command_executed": 3}
WHOLE |= {"/transitions": 3, "/episodes": 1}


def test_the_first_observation_which_comes_before_the_word_of_it_is_in_the_bag(robot):
    episode(robot, 100, 1, 3)
    (bag,) = robot.close()
    assert counts(bag) == WHOLE
    assert bag.state == "complete"
    assert bag.info["result"] == "success"


def test_last_messages_that_the_summary_overtakes_are_in_the_bag_they_belong_to(robot):
    robot.state(100, 1)
    robot.begin(100, 1)
    robot.step(100, 0)
    robot.step(101, 1)
    robot.state(101, 1)
    robot.end(103, 3)
    robot.state(200, 2)  # the next one's reset
    robot.begin(200, 2, episode=1)
    robot.state(102, 1)
    robot.step(102, 2)
    robot.state(103, 1)
    robot.step(200, 0)
    robot.state(201, 2)
    robot.end(201, 1, episode=1)
    one, two = robot.close()
    assert counts(one) == WHOLE
    assert (one.state, two.state) == ("complete", "complete")
    assert counts(two)["/tool_pose"] == 2


def test_a_summary_that_the_next_episodes_begin_overtakes_ends_its_own(robot):
    robot.state(100, 1)
    robot.begin(100, 1)
    robot.step(100, 0)
    robot.state(101, 1)
    robot.state(200, 2)
    robot.begin(200, 2, episode=1)
    robot.end(101, 1)
    robot.step(200, 0)
    robot.state(201, 2)
    robot.end(201, 1, episode=1)
    assert [bag.state for bag in robot.close()] == ["complete", "complete"]


def test_what_is_between_two_episodes_is_in_none(robot):
    episode(robot, 100, 1, 3)
    robot.pass_time(2 * GRACE)
    for stamp in range(110, 120):
        robot.state(stamp, 1)
    episode(robot, 200, 2, 3, number=1)
    for bag in robot.close():
        assert counts(bag) == WHOLE


def test_a_latched_message_of_before_is_at_the_begin_of_each_bag(robot):
    robot.state(90, 0)
    robot.hear("safety_status", SafetyStatus(reason="an old word"))
    robot.hear("safety_status", SafetyStatus())
    robot.state(91, 0)
    for number in range(2):
        episode(robot, 100 * (number + 1), number + 1, 3, number=number)
    for bag in robot.close():
        assert counts(bag)["/safety_status"] == 1
        assert bag.duration < 0.1


def test_a_step_that_is_sent_again_and_another_robots_step_are_left_out(robot):
    robot.state(100, 1)
    robot.begin(100, 1)
    for _ in range(3):
        robot.step(100, 0)
    robot.hear(TRANSITIONS, Transition(header=Header(stamp=stamp_of(100)), robot="another", step=1))
    robot.state(101, 1)
    robot.end(101, 1)
    (bag,) = robot.close()
    assert counts(bag)["/transitions"] == 1
    assert robot.bags.counts["sent again"] == 2


def test_an_episode_without_a_summary_is_kept_as_cut(robot):
    robot.state(100, 1)
    robot.begin(100, 1)
    robot.step(100, 0)
    robot.state(101, 1)
    robot.bags.leave(robot.now)
    robot.pass_time(2 * GRACE)
    episode(robot, 200, 2, 3)
    cut, whole = robot.close()
    assert (cut.state, whole.state) == ("cut", "complete")
    assert counts(cut)["/transitions"] == 1


def test_an_episode_in_which_nothing_was_done_leaves_no_bag(robot):
    robot.state(100, 1)
    robot.begin(100, 1)
    robot.bags.leave(robot.now)
    robot.pass_time(2 * GRACE)
    assert robot.close() == []
    assert list((robot.run / BAGS).iterdir()) == []


def test_an_episode_that_the_operator_threw_away_is_put_aside(robot):
    robot.state(100, 1)
    robot.begin(100, 1)
    robot.step(100, 0)
    robot.state(101, 1)
    robot.end(101, 1, discarded=True)
    (bag,) = robot.close()
    assert bag.discarded
    assert bag.path.parent == robot.run / DISCARDED


def test_what_is_missing_is_said_in_the_bag_and_told(robot):
    robot.state(100, 1)
    robot.begin(100, 1)
    for step in range(3):
        robot.step(100 + step, step)
    robot.hear("picture", PoseStamped(header=Header(stamp=stamp_of(103))))
    robot.end(103, 3)
    (bag,) = robot.close()
    assert bag.state == "short"
    assert "/front/image_raw lacks 2 of 4 observations" in bag.info["missing"]
    assert any("/tool_pose lacks 3 of 4 observations" in sentence for sentence in robot.bags.said)


def test_of_a_pause_only_the_last_picture_is_written_and_the_states_are_all_there(tmp_path):
    robot = Robot(tmp_path, lockstep=False)
    robot.state(100, 1)
    robot.begin(100, 1)
    for stamp in range(100, 110):
        robot.step(stamp, stamp - 100)
        robot.state(stamp + 1, 1)
    robot.bags.pause(True)
    for stamp in range(111, 161):
        robot.state(stamp, 1)
    robot.bags.pause(False)
    robot.step(160, 10)
    robot.state(161, 1)
    robot.end(161, 11)
    (bag,) = robot.close()
    assert counts(bag)["/front/image_raw"] == 13
    assert counts(bag)["/tool_pose"] == 62
    assert bag.info["pictures_left_out"] == "49"
    assert bag.state == "complete", bag.info["missing"]


def test_in_realtime_pictures_that_were_lost_are_said(tmp_path):
    robot = Robot(tmp_path, lockstep=False)
    robot.state(100, 1)
    robot.begin(100, 1)
    robot.step(100, 0)
    for stamp in range(101, 200):
        header = Header(stamp=stamp_of(stamp))
        robot.hear("tool_pose", PoseStamped(header=header))
        robot.hear(STATUS, RobotStatus(header=header, epoch=1))
        if stamp % 4:  # by the camera's own clock
            robot.hear("picture", PoseStamped(header=Header(stamp=stamp_of(10**9 + stamp))))
    robot.end(200, 1)
    (bag,) = robot.close()
    assert "/front/image_raw lacks about" in bag.info["missing"]


def test_memory_for_what_comes_between_episodes_is_bounded(tmp_path):
    robot = Robot(tmp_path, lockstep=False)
    for stamp in range(100):
        robot.state(stamp, 1)
        robot.now += 1_000_000_000
    assert len(robot.bags._waiting) < 20
    robot.close()


def test_at_the_end_of_the_budget_the_oldest_discarded_bag_goes_then_the_recording_stops(tmp_path):
    probe = tmp_path / "probe"
    probe.mkdir()
    one = Robot(probe)
    episode(one, 100, 1, 3)
    (bag,) = one.close()
    run = tmp_path / "run"
    run.mkdir()
    robot = Robot(run, budget=2.5 * bag.size)
    for number in range(10):
        robot.state(100 * (number + 1), number + 1)
        robot.begin(100 * (number + 1), number + 1, episode=number)
        robot.step(100 * (number + 1), 0)
        robot.end(100 * (number + 1) + 1, 1, episode=number, discarded=number < 2)
        robot.pass_time(2 * GRACE)
        robot.bags._closer.submit(int).result()  # what was due is closed
    numbers = [bag.number for bag in robot.close()]
    assert robot.room.deleted == 2
    assert not {0, 1} & set(numbers)
    assert "disk_budget" in robot.bags.trouble
    assert sum(bag.size for bag in map(read_bag, folders(run))) <= 3.6 * bag.size


def test_below_the_free_disk_that_is_kept_nothing_is_recorded_and_the_sentence_says_why(robot):
    robot.room._least_free = 1e18
    episode(robot, 100, 1, 3)
    assert "1e+09 GB stay free: episodes are not recorded any more; the run goes on" in robot.bags.trouble
    assert robot.close() == []


def test_a_disk_that_fills_during_an_episode_ends_its_bag_as_cut(robot):
    robot.state(100, 1)
    robot.begin(100, 1)
    robot.step(100, 0)
    robot.room._least_free = 1e18
    robot.pass_time(1)
    robot.state(101, 1)
    robot.end(101, 1)
    (bag,) = robot.close()
    assert bag.state == "cut"
    assert "stay free" in bag.info["end"]
    assert counts(bag)["/transitions"] == 1


def test_a_disk_that_is_full_in_the_middle_ends_the_bag_and_the_next_episode_tries_again(robot, monkeypatch):
    robot.state(100, 1)
    robot.begin(100, 1)
    robot.step(100, 0)

    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(bag_writer.os, "writev", refuse)
        robot.state(101, 1)
    assert "No space left on device" in robot.bags.trouble
    assert "the run goes on" in robot.bags.trouble
    episode(robot, 200, 2, 3, number=1)
    assert robot.bags.trouble == ""
    cut, whole = robot.close()
    assert (cut.state, whole.state) == ("cut", "complete")
    assert counts(cut)["/transitions"] == 1


def test_an_old_word_of_an_episode_that_is_over_begins_nothing(robot):
    robot.end(103, 3)  # latched: from before this recorder's start
    robot.begin(100, 1)
    assert robot.bags.epoch is None
    assert robot.close() == []
