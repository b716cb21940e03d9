"""What the audit of an episode's bag finds missing, and what it lets pass."""

from __future__ import annotations

import pytest

from hil_serl_ros.data.bag_audit import Audit, Done

PERIOD = 20_000_000  # ns


def audit(*streams: str, lockstep: bool = True) -> Audit:
    return Audit(set(streams), lockstep=lockstep, commands="/command", executed="/executed", transitions="/transitions")


def steps(found: Audit, count: int) -> None:
    for number in range(count):
        found.message("/command", number)
        found.message("/executed", number)
        found.step(number)


def test_a_whole_episode_lacks_nothing():
    found = audit("/joints")
    steps(found, 3)
    for stamp in range(4):
        found.message("/joints", stamp)
    assert found.missing(Done(3, True, 3)) == []


def test_a_message_that_is_there_twice_does_not_stand_for_another():
    found = audit("/joints")
    steps(found, 3)
    for stamp in (0, 1, 1, 3):
        found.message("/joints", stamp)
    assert found.missing(Done(3, True, 3)) == ["/joints lacks 1 of 4 observations"]


@pytest.mark.parametrize(
    ("there", "done", "sentence"),
    [
        (3, Done(4, False, None), "1 of 4 commands are missing"),
        (3, Done(4, True, None), "3 transitions are there, and 4 steps were done"),
    ],
)
def test_fewer_steps_than_were_done_are_said(there, done, sentence):
    found = audit()
    steps(found, there)
    assert sentence in found.missing(done)


def test_a_step_without_an_executed_command_is_said_and_a_command_that_made_no_step_is_not():
    found = audit()
    steps(found, 3)
    found.message("/command", 3)
    assert found.missing(Done(3, False, None)) == []
    assert found.missing(Done(4, False, None)) == ["1 of 4 executed commands are missing"]


def test_an_episode_that_is_not_logged_needs_no_transitions():
    found = audit()
    for name in ("/command", "/executed"):
        found.message(name, 0)
    assert found.missing(Done(1, False, None)) == []


def stream(found: Audit, stamps: list[int]) -> list[str]:
    for stamp in stamps:
        found.message("/camera", stamp)
    return found.missing(Done(0, False, None))


def test_in_realtime_a_few_lost_pictures_of_many_are_let_pass_and_more_are_said():
    stamps = [n * PERIOD for n in range(200)]
    few = [s for n, s in enumerate(stamps) if n % 40 != 7]
    many = [s for n, s in enumerate(stamps) if n % 5 != 2]
    assert stream(audit("/camera", lockstep=False), few) == []
    assert stream(audit("/camera", lockstep=False), many) == ["/camera lacks about 40 of 199 messages"]


def test_in_realtime_no_rate_need_be_known_but_a_stream_must_be_there():
    assert stream(audit("/camera", lockstep=False), [n * 7 * PERIOD for n in range(20)]) == []
    assert stream(audit("/camera", lockstep=False), []) == ["/camera is missing"]


def test_what_a_pause_leaves_out_is_not_missing():
    found = audit("/camera", lockstep=False)
    for stamp in range(10):
        found.message("/camera", stamp * PERIOD)
    found.interrupt("/camera")
    assert stream(found, [stamp * PERIOD for stamp in range(500, 510)]) == []
