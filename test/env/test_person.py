"""The person as the loop sees them: what is pressed while it waits."""

from __future__ import annotations

from hil_serl_ros.env.modes import Schedule
from hil_serl_ros.env.person import Person
from hil_serl_ros.msg import TeleopAction


def person(*events: int) -> Person:
    heard = Person(Schedule(0, 0, 0, 0), patience=None)
    for event in events:
        heard.teleop.on_message(TeleopAction(source="pad", connected=True, gripper=1, event=event))
    return heard


def test_a_label_that_is_pressed_while_the_loop_waits_counts_when_it_goes_on():
    paused = person(TeleopAction.EVENT_PAUSE, TeleopAction.EVENT_SUCCESS)
    paused.wait()
    assert paused.paused
    assert TeleopAction.EVENT_SUCCESS in paused.attend()
    assert paused.attend() == []


def test_a_label_of_the_episode_before_means_nothing_for_the_next_one():
    late = person(TeleopAction.EVENT_FAILURE)
    late.wait()
    late.begin()
    assert late.attend() == []


def test_a_reset_while_the_loop_waits_ends_the_wait():
    waiting = person(TeleopAction.EVENT_RESET)
    waiting.wait()
    assert waiting.leave
