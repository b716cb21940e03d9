"""Who speaks on a topic: told apart by names and by the publishers' own counts."""

from __future__ import annotations

import pytest

from hil_serl_ros.ros.talkers import Talkers


def present(messages: list[tuple[str, int | None, float]], silence: float = 0.15) -> list[int]:
    """How many are there after each message."""
    talkers, counts = Talkers(silence), []
    for name, number, now in messages:
        talkers.hear(name, number, now)
        counts.append(len(talkers.present))
    return counts


def test_one_that_goes_on_is_one_though_messages_are_lost():
    assert present([("pad", number, 0.02 * number) for number in (1, 2, 3, 7, 8)]) == [1] * 5


@pytest.mark.parametrize("second", [1, 2, 3, 1000])
def test_two_of_one_name_are_two_within_two_messages_of_the_second(second):
    messages = [("joy", n + k * (second - 1), 0.02 * n + 0.01 * k) for n in range(1, 20) for k in (0, 1)]
    assert set(present(messages)[3:]) == {2}


def test_two_names_are_two_also_where_the_middleware_does_not_count():
    assert present([("a", None, 0.0), ("b", None, 0.01), ("a", None, 0.02)]) == [1, 2, 2]


def test_one_that_was_killed_and_started_again_is_one_after_the_silence():
    assert present([("joy", 500, 0.0), ("joy", 1, 1.0), ("joy", 2, 1.02)]) == [1, 1, 1]


def test_of_two_the_one_that_fell_silent_is_forgotten():
    messages = [("a", 1, 0.0), ("b", 1, 0.01), *(("a", n, 0.02 * n) for n in range(2, 12))]
    assert present(messages)[-1] == 1
