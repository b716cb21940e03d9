"""Large messages over a slow link: one leaves when the one before has arrived, or after some patience."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from hil_serl_ros.ros import pace as module
from hil_serl_ros.ros.pace import LARGE, LATE, PATIENCE, Pace

PERIOD = 0.5  # s


class Link:
    """Publisher, diagnostics and time, played."""

    def __init__(self) -> None:
        self.arrived = False
        self.seconds = 0.0
        self.faults: list[str] = []

    def wait_for_all_acked(self, _: Any) -> bool:
        return self.arrived

    def fault(self, name: str, sentence: str) -> None:
        self.faults.append(name)


@pytest.fixture
def link(monkeypatch) -> Link:
    link = Link()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: link.seconds))
    return link


def test_the_next_message_waits_until_the_one_before_has_arrived(link):
    pace = Pace(link, link)
    pace.left(LARGE)
    link.seconds += 2 * PERIOD
    assert not pace.may_follow(PERIOD)
    link.arrived = True
    assert pace.may_follow(PERIOD)


def test_a_quick_link_carries_one_each_period_and_no_more(link):
    pace = Pace(link, link)
    link.arrived = True
    pace.left(LARGE)
    link.seconds += 0.5 * PERIOD
    assert not pace.may_follow(PERIOD)
    link.seconds += 0.6 * PERIOD
    assert pace.may_follow(PERIOD)


def test_a_robot_that_is_gone_holds_the_others_up_for_some_seconds_only(link):
    pace = Pace(link, link)
    pace.left(LARGE)
    link.seconds += PATIENCE + 0.1
    assert pace.may_follow(PERIOD)


def test_small_messages_wait_for_nothing(link):
    pace = Pace(link, link)
    pace.left(LARGE - 1)
    link.seconds += 1.1 * PERIOD
    assert pace.may_follow(PERIOD)


def test_a_link_that_lets_none_through_is_told_once_until_one_has_arrived(link):
    pace = Pace(link, link)
    for _ in range(4):
        pace.left(LARGE)
        link.seconds += LATE
        pace.may_follow(PERIOD)
    assert link.faults == ["late weights"]
    link.arrived = True
    pace.may_follow(PERIOD)
    link.arrived = False
    link.seconds += LATE + 0.1
    pace.may_follow(PERIOD)
    assert link.faults == ["late weights"] * 2
