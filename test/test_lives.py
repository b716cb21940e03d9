"""Which node is started again."""

from __future__ import annotations

import signal

import pytest

from hil_serl_ros import lives
from hil_serl_ros.lives import SHORT_LIFE, SHORT_LIVES, Lives


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """The time, s; a test turns it."""
    now = [0.0]
    monkeypatch.setattr(lives.time, "monotonic", lambda: now[0])
    return now


def test_a_node_that_a_signal_kills_is_started_again_and_its_restarts_are_counted(clock):
    node = Lives()
    assert node.again(-signal.SIGKILL)
    assert node.again(-signal.SIGSEGV)
    assert node.restarts == 2


@pytest.mark.parametrize("code", [0, 1, 2])
def test_a_node_that_ends_by_itself_stays_ended(clock, code):
    node = Lives()
    assert not node.again(code)
    assert node.restarts == 0


def test_a_node_that_is_killed_soon_again_and_again_stays_dead(clock):
    node = Lives()
    answers = []
    for _ in range(SHORT_LIVES):
        node.begin()
        clock[0] += SHORT_LIFE / 2
        answers.append(node.again(-signal.SIGKILL))
    assert answers == [True] * (SHORT_LIVES - 1) + [False]


def test_a_long_life_between_makes_the_short_ones_forgotten(clock):
    node = Lives()
    for _ in range(3):
        for seconds in [SHORT_LIFE / 2] * (SHORT_LIVES - 1) + [SHORT_LIFE * 2]:
            node.begin()
            clock[0] += seconds
            assert node.again(-signal.SIGKILL)
