"""The learner's side of the stream: each step on disk first, once and in order."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import serialize_message

from hil_serl_ros.msg import Transition
from hil_serl_ros.ros.inbox import Inbox


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

    def __init__(self) -> None:
        self.faults: Counter[str] = Counter()
        self.log = Log()
        self.send: Any = None
        stand_in: Any = self
        self.inbox = Inbox(stand_in, cast(Any, self.log), "run", "layout", stand_in)

    def create_subscription(self, kind: type, topic: str, callback: Any, profile: Any, *, raw: bool) -> None:
        assert raw  # the message's own bytes are logged
        self.send = callback

    def fault(self, name: str, sentence: str) -> None:
        self.faults[name] += 1

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
