"""What the operator's page shows, without ROS and without a page."""

from __future__ import annotations

import math

import pytest

from hil_serl_ros.console import desk as module
from hil_serl_ros.console.desk import HOLDING, PERSON, POLICY, STOPPED, Actor, Desk, Episode, Learner, Safety

ARMED = Safety(armed=True, driver=POLICY)


class Clock:
    """A monotonic clock that stands still until it is moved."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(module.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.fixture
def desk(clock):
    desk = Desk()
    desk.on_actor(Actor("train", epoch=1))
    desk.on_safety(ARMED)
    return desk


def episode(number: int = 0, **values: object) -> Episode:
    known = {"mode": "train", "number": number, "recorded": number, "success": True, "discarded": False}
    known |= {"steps": 10, "operator_steps": 0, "episode_return": 1.0}
    return Episode(**(known | values))  # type: ignore[arg-type]


def test_the_band_says_who_moves_the_arm(desk):
    assert desk.driving() == (POLICY, "")
    desk.on_actor(Actor("train", epoch=1, driver="joy"))
    desk.on_safety(Safety(armed=True, driver=PERSON))
    assert desk.driving() == (PERSON, "with: joy")


def test_a_stop_is_said_with_its_reason_and_the_way_out_of_it(desk):
    desk.on_safety(Safety(stopped=True, reason="the operator pressed stop on page", driver=HOLDING))
    who, why = desk.driving()
    assert who == STOPPED
    assert "the operator pressed stop on page" in why
    assert "Clear stop" in desk.advice()


def test_an_arm_that_is_not_armed_counts_as_stopped(desk):
    desk.on_safety(Safety(reason="not armed yet"))
    assert desk.driving() == (STOPPED, "not armed: not armed yet")
    assert "Arm" in desk.advice()


def test_a_safety_that_has_died_shows_as_a_stop(desk, clock):
    clock.now += module.SILENT + 0.1
    assert desk.driving() == (STOPPED, "no word from safety: the arm holds")


def test_before_safety_has_spoken_nobody_is_said_to_drive(clock):
    assert Desk().driving()[0] == STOPPED


def test_a_holding_arm_says_why_the_loop_waits_before_why_safety_holds(desk):
    desk.on_safety(Safety(armed=True, reason="no word from the actor", driver=HOLDING))
    assert desk.driving() == (HOLDING, "no word from the actor")
    desk.on_actor(Actor("train", paused=True, reason="the operator paused it", epoch=1))
    assert desk.driving() == (HOLDING, "the operator paused it")


def test_an_idle_arm_is_not_said_to_miss_its_actor(desk):
    desk.on_safety(Safety(armed=True, reason="no word from the actor; the arm holds", driver=HOLDING))
    assert "no word" in desk.driving()[1]
    desk.on_actor(Actor("idle", epoch=1))
    assert desk.driving() == (HOLDING, "nothing is asked of the arm")


def test_an_episode_takes_the_pictures_since_its_world_was_reset(desk):
    desk.on_frame("front", b"before")
    desk.on_actor(Actor("train", epoch=2))
    for frame in (b"a", b"b"):
        desk.on_frame("front", frame)
    desk.on_episode(episode())
    assert desk.episode(1).films == {"front": [b"a", b"b"]}
    assert desk.pictures["front"] == (3, b"b")


def test_an_arm_that_waits_is_shown_but_not_filmed(desk):
    desk.on_actor(Actor("train", paused=True, epoch=1))
    desk.on_frame("front", b"still")
    assert not desk.filming
    desk.on_episode(episode())
    assert not desk.episode(1).nbytes
    assert desk.pictures["front"] == (1, b"still")


def test_the_films_memory_is_bounded_by_episodes_and_by_bytes(desk, monkeypatch):
    monkeypatch.setattr(module, "KEPT_EPISODES", 3)
    monkeypatch.setattr(module, "KEPT_BYTES", 25)
    for number in range(6):
        desk.on_frame("front", b"0123456789")
        desk.on_episode(episode(number))
    assert [e.nbytes for e in desk.newest(10)] == [10, 10, 0, 0, 0, 0]
    assert [e.number for e in desk.newest(2)] == [5, 4]


def test_a_long_film_ends_and_the_live_picture_goes_on(desk, monkeypatch):
    monkeypatch.setattr(module, "MOST_FRAMES", 2)
    for frame in (b"a", b"b", b"c"):
        desk.on_frame("front", frame)
    desk.on_episode(episode())
    assert desk.episode(1).films["front"] == [b"a", b"b"]
    assert desk.pictures["front"] == (3, b"c")


def test_an_episode_keeps_its_number_when_older_ones_are_forgotten(clock, monkeypatch):
    monkeypatch.setattr(module, "KEPT_POINTS", 2)
    desk = Desk()
    for number in range(3):
        desk.on_episode(episode(number))
    assert desk.episode(1) is None
    assert desk.episode(3).number == 2


def test_the_curves_count_what_was_recorded_and_not_thrown_away(desk):
    desk.on_episode(episode(0, success=False, operator_steps=10, episode_return=0.0))
    desk.on_episode(episode(1, operator_steps=5))
    desk.on_episode(episode(2, discarded=True))
    desk.on_episode(episode(-1, mode="evaluate"))
    assert {name: desk.curves()[name] for name in ("success", "share", "return")} == {
        "success": [0.0, 0.5],
        "share": [1.0, 0.5],
        "return": [0.0, 1.0],
    }


def test_a_success_with_help_is_none_of_the_policy_alone(desk):
    desk.on_episode(episode(0, operator_steps=5))
    desk.on_episode(episode(1))
    assert (desk.curves()["alone"], desk.curves()["success"]) == ([0.0, 0.5], [1.0, 1.0])


def test_a_demonstration_says_nothing_about_the_policys_success(desk):
    desk.on_episode(episode(0, mode="demonstrate", operator_steps=10))
    desk.on_episode(episode(1, success=False))
    assert (desk.curves()["success"], desk.curves()["share"]) == ([None, 0.0], [1.0, 0.0])


def test_success_is_the_mean_of_the_last_ten(desk):
    for number in range(12):
        desk.on_episode(episode(number, success=number >= 2))
    assert desk.curves()["success"][-2:] == [pytest.approx(0.9), 1.0]


def test_the_age_of_the_weights_counts_from_their_change(desk, clock):
    desk.on_learner(Learner("learning", version=10))
    clock.now += 3
    desk.on_learner(Learner("learning", version=10))
    assert clock.now - desk.version_at == 3
    desk.on_learner(Learner("learning", version=20))
    assert desk.version_at == clock.now


def test_the_latency_is_from_the_wish_to_the_next_command_that_can_know_it(desk, clock):
    assert math.isnan(desk.latency)
    desk.on_hand()
    clock.now += module.TRAVEL / 2
    desk.on_human_command()  # was under way already
    clock.now += 0.05
    desk.on_hand()  # the first unanswered wish counts
    desk.on_human_command()
    assert desk.latency == pytest.approx(55)
    desk.on_human_command()  # no wish: no figure
    assert len(desk._latencies) == 1


def test_a_wish_that_was_never_answered_is_no_latency(desk, clock):
    desk.on_hand()
    clock.now += 60
    desk.on_hand()
    clock.now += 0.04
    desk.on_human_command()
    assert desk.latency == pytest.approx(40)


def test_steps_are_counted_from_the_reset_on(desk):
    desk.on_command()
    assert desk.step == 1
    desk.on_actor(Actor("train", epoch=2))
    assert desk.step == 0
