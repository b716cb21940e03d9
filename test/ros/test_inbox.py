"""The learner's side of the stream: each step on disk first, once and in order."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import serialize_message

from hil_serl_ros.msg import ActorStatus, Transition
from hil_serl_ros.ros.inbox import Inbox
from hil_serl_ros.ros.robot_line import QUEUE_MOST, SILENT_AFTER

MINE = '{"clock":"lockstep","layout":{"control_period":0.1}}'


class Log:
    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.full = False

    def append(self, data: bytes, log_time: int, publish_time: int) -> None:
        if self.full:
            raise OSError("no space left on device")
        self.written.append(data)


class Peer:
    """Stands where the node and its diagnostics stand."""

    def __init__(self, robots: tuple[str, ...] = ("",)) -> None:
        self.faults: Counter[str] = Counter()
        self.log = Log()
        self.send: Any = None
        self.hear: Any = None
        self.said = ""
        stand_in: Any = self
        self.inbox = Inbox(stand_in, cast(Any, self.log), "run", "layout", MINE, stand_in, robots)

    def create_subscription(self, kind: type, topic: str, callback: Any, profile: Any, *, raw: bool = False) -> None:
        if kind is ActorStatus:
            self.hear = callback
        else:
            assert raw  # the message's own bytes are logged
            self.send = callback

    def fault(self, name: str, sentence: str) -> None:
        self.faults[name] += 1
        self.said = sentence

    def event(self, name: str) -> None:
        pass

    def step(self, index: int, robot: str = "arm", run: str = "run", layout: str = "layout") -> bytes:
        data = serialize_message(Transition(index=index, robot=robot, run=run, layout=layout))
        self.send(data)
        return data

    def taken(self) -> list[tuple[str, int]]:
        steps = []
        while (message := self.inbox.take(0.0)) is not None:
            steps.append((message.robot, message.index))
        return steps


def test_a_step_is_logged_by_its_own_bytes_before_it_can_be_taken():
    peer = Peer()
    data = peer.step(0)
    assert peer.log.written == [data]
    assert peer.inbox.held == {"arm": 1}
    assert peer.taken() == [("arm", 0)]
    assert peer.inbox.take(0.0) is None


@given(st.lists(st.tuples(st.sampled_from(["left", "right"]), st.integers(0, 6)), max_size=60))
def test_each_step_is_learned_from_once_and_in_order_whatever_comes(arrivals):
    peer = Peer()
    for robot, index in arrivals:
        peer.step(index, robot)
    taken = peer.taken()
    for robot in ("left", "right"):
        indices = [index for name, index in taken if name == robot]
        assert indices == list(range(len(indices)))
        assert peer.inbox.held.get(robot, 0) == len(indices)
    assert len(peer.log.written) == len(taken)


def test_a_step_that_comes_too_early_waits_for_the_robot_to_send_the_gap():
    peer = Peer()
    for index in (0, 2, 1, 2):
        peer.step(index)
    assert [index for _, index in peer.taken()] == [0, 1, 2]
    assert peer.faults["gap"] == 1


@pytest.mark.parametrize(("change", "fault"), [({"run": "other"}, "other run"), ({"layout": "x"}, "other layout")])
def test_a_step_of_another_run_or_layout_is_refused_and_counted(change, fault):
    peer = Peer()
    peer.step(0, **change)
    assert peer.faults[fault] == 1
    assert peer.log.written == []
    assert peer.taken() == []


def test_a_step_that_the_disk_refuses_is_not_held_and_stops_the_learner():
    peer = Peer()
    peer.step(0)
    peer.log.full = True
    peer.step(1)
    assert peer.inbox.held == {"arm": 1}
    with pytest.raises(OSError, match="no space"):
        peer.inbox.take(0.0)


@given(st.binary(max_size=300))
def test_bytes_that_are_no_transition_are_counted_and_not_logged(data):
    peer = Peer()
    peer.send(data)
    assert peer.log.written == []
    assert peer.faults.total() == 1
    peer.step(0)
    assert peer.taken() == [("arm", 0)]


def test_an_actor_that_is_configured_differently_is_counted_and_the_difference_named():
    peer = Peer()
    peer.hear(ActorStatus(robot="arm", run="run", configuration=MINE))
    peer.hear(ActorStatus(robot="arm", run="other", configuration=MINE.replace("0.1", "0.05")))
    assert not peer.faults
    peer.hear(ActorStatus(robot="arm", run="run", configuration=MINE.replace("0.1", "0.05")))
    assert peer.faults == {"other configuration": 1}
    assert "control_period is 0.1 here, 0.05 there" in peer.said
    peer.step(0, layout="x")
    assert "control_period is 0.1 here, 0.05 there" in peer.said


class Fleet(Peer):
    """Two robots with topics of their own."""

    def __init__(self) -> None:
        self.topics: dict[str, Any] = {}
        super().__init__(("left", "right"))

    def create_subscription(self, kind: type, topic: str, callback: Any, profile: Any, *, raw: bool = False) -> None:
        self.topics[topic] = callback

    def send_to(self, space: str, index: int, robot: str = "", **parts: Any) -> None:
        step = Transition(index=index, robot=robot or space, run="run", layout="layout", **parts)
        self.topics[f"{space}/transitions"](serialize_message(step))


def test_robots_are_taken_from_in_turn_however_much_one_of_them_sends():
    fleet = Fleet()
    for index in range(100):
        fleet.send_to("left", index)
    for index in range(3):
        fleet.send_to("right", index)
    assert [name for name, _ in fleet.taken()[:6]].count("right") == 3


def test_a_robot_that_floods_fills_its_own_queue_only_and_is_taken_from_again_once_there_is_room():
    fleet = Fleet()
    for index in range(QUEUE_MOST + 50):
        fleet.send_to("left", index)
    fleet.send_to("right", 0)
    assert fleet.inbox.held == {"left": QUEUE_MOST, "right": 1}
    assert fleet.faults == {"full": 50}
    assert len(fleet.taken()) == QUEUE_MOST + 1
    fleet.send_to("left", QUEUE_MOST)
    assert fleet.inbox.held["left"] == QUEUE_MOST + 1


def test_a_robot_under_another_robots_name_is_refused_and_what_to_do_is_said():
    fleet = Fleet()
    fleet.send_to("left", 0)
    fleet.send_to("right", 1, robot="left")
    assert fleet.inbox.held == {"left": 1, "right": 0}
    assert fleet.faults == {"other name": 1}
    assert "set its parameter robot to 'right'" in fleet.said


def test_a_step_that_comes_again_with_other_bytes_tells_that_two_robots_bear_one_name():
    fleet = Fleet()
    fleet.send_to("left", 0, reward=0.5)
    fleet.send_to("left", 0, reward=0.5)  # sent again
    assert not fleet.faults
    fleet.send_to("left", 0, reward=0.25)
    assert fleet.faults == {"two of one name": 1}
    assert len(fleet.log.written) == 1


def test_a_robot_that_falls_silent_while_it_trains_is_reported_once_and_awaited_no_more(monkeypatch):
    fleet = Fleet()
    for space in ("left", "right"):
        fleet.topics[f"{space}/actor_status"](ActorStatus(robot=space, run="run", mode=ActorStatus.MODE_TRAIN))
    assert fleet.inbox.training == 2
    later = time.monotonic() + SILENT_AFTER + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    fleet.send_to("right", 0)
    fleet.inbox.look()
    fleet.inbox.look()
    assert fleet.faults == {"silent robot": 1}
    assert fleet.inbox.training == 1
    assert str(fleet.inbox.figures()["left state"]).startswith("silent for")
    assert fleet.inbox.figures()["right state"] == "ok"


def test_figures_count_each_robots_success_and_operator():
    fleet = Fleet()
    for index in range(8):
        parts = {"episode": index // 2, "success": index % 4 == 1, "intervention": index < 2}
        fleet.send_to("left", index, mode=Transition.MODE_TRAIN, **parts)
    figures = fleet.inbox.figures()
    assert figures["left steps"] == 8
    assert figures["left success [%]"] == 67  # the last episode has not ended
    assert figures["left operator [%]"] == 25
    assert figures["right steps"] == 0
