"""A reset's parts, one after the other: the way back, the look at the scene, the person's word."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from hil_serl_ros.env.arm_settings import ResetSettings
from hil_serl_ros.env.limits import Pose
from hil_serl_ros.env.way_back import Doing, ResetRefused, WayBack
from hil_serl_ros.settings import SettingError

TICK = 0.1  # s
DOWN = np.array([0.0, 1.0, 0.0, 0.0])
WAY = [0.4, 0.0, 0.3, 1.0, 0.5, 0.1, 0.2, 0.0]


@dataclass
class Said:
    """A service's answer that comes after some ticks."""

    arm: PlayedArm
    at: float
    success: bool
    message: str

    def done(self) -> bool:
        return self.arm.time >= self.at

    def result(self) -> tuple[bool, str]:
        return self.success, self.message


@dataclass
class PlayedArm:
    """An arm that is where it is told a second later."""

    dry: bool = False
    time: float = 0.0
    armed: str = ""
    stuck: bool = False
    services: dict[str, tuple[bool, str]] = field(default_factory=dict)
    given: bool = False
    goals: list[list[float]] = field(default_factory=list)
    grips: list[float] = field(default_factory=list)
    had: list[bool] = field(default_factory=list)  # let go, taken back
    _pose: Pose = field(default_factory=lambda: Pose(np.array([0.3, 0.2, 0.2]), DOWN))
    _there: float = 0.0

    def now(self) -> float:
        return self.time

    def moves_not(self) -> str:
        return self.armed

    def tool(self) -> Pose:
        return self._pose

    def held(self) -> Pose:
        return self._pose

    def go(self, goal: Pose, speed: float) -> None:
        self.goals.append(goal.position.tolist())
        self._there = self.time + 1.0
        if not self.stuck:
            self._pose = goal

    def on_its_way(self) -> bool:
        return self.time < self._there

    def arrived(self, goal: Pose, tolerance: float) -> bool:
        return not self.on_its_way() and bool(np.linalg.norm(self._pose.position - goal.position) <= tolerance)

    def grip(self, closure: float) -> bool:
        changed = closure != (self.grips[-1] if self.grips else 0.0)
        self.grips.append(closure)
        return changed

    def let_go(self, yes: bool) -> None:
        self.had.append(yes)

    def call(self, service: str) -> Said | None:
        return Said(self, self.time + 1.0, *self.services[service]) if service in self.services else None

    def word(self) -> bool:
        given, self.given = self.given, False
        return given


def reset(arm: PlayedArm, *, give_after: int = 5, **settings: object) -> list[Doing]:
    """All that a reset with ``settings`` does; the person's word comes ``give_after`` ticks after it is asked for."""
    done: list[Doing] = []
    asked = 0
    for doing in WayBack(ResetSettings(**settings)).steps(arm):
        done += [doing] if not done or doing != done[-1] else []
        asked += doing.asks
        arm.given = asked >= give_after
        arm.time += TICK
        assert arm.time < 300, done[-1]
    return done


def test_without_a_routine_the_person_is_asked():
    (doing,) = reset(PlayedArm())
    assert doing.asks
    assert doing.text.startswith("bring arm and scene to their start, then press resume")


def test_a_word_that_was_given_before_it_was_asked_for_is_no_answer():
    arm = PlayedArm(given=True)
    reset(arm, give_after=20)
    assert arm.time > 1.5


def test_with_nothing_to_do_and_nobody_to_ask_it_is_over_at_once():
    assert reset(PlayedArm(), scene_ready="none") == []


def test_waypoints_come_one_after_the_other_and_each_closure_when_it_is_there():
    arm = PlayedArm()
    done = reset(arm, reset_routine="waypoints", reset_waypoints=WAY, scene_ready="none")
    assert arm.goals == [[0.4, 0.0, 0.3], [0.5, 0.1, 0.2]]
    assert arm.grips == [1.0, 0.0]
    assert [doing.text for doing in done] == [
        "on the way back, to waypoint 1 of 2",
        "the gripper moves at waypoint 1 of 2",
        "on the way back, to waypoint 2 of 2",
        "the gripper moves at waypoint 2 of 2",
    ]
    assert arm.time == pytest.approx(2 * (1.0 + 1.0), abs=0.5)  # each a second of way and a second of gripper
    np.testing.assert_array_equal(arm.tool().quaternion, DOWN)


def test_the_waypoints_orientation_is_xyzw_as_ros_has_it():
    arm = PlayedArm()
    reset(
        arm,
        reset_routine="waypoints",
        reset_waypoints=WAY,
        scene_ready="none",
        reset_orientation=[0.0, 0.0, 1.0, 1.0],
    )
    np.testing.assert_allclose(arm.tool().quaternion, [0.5**0.5, 0, 0, 0.5**0.5])


def test_an_arm_that_is_stuck_is_the_persons_after_some_patience():
    arm = PlayedArm(stuck=True)
    done = reset(arm, reset_routine="waypoints", reset_waypoints=WAY, scene_ready="none")
    assert len(arm.goals) == 1
    assert "did not come to waypoint 1 of 2, 0.24 m away from it" in done[-1].text
    assert done[-1].asks


def test_without_leave_it_does_not_begin_and_a_stop_ends_it():
    settings = ResetSettings(reset_routine="waypoints", reset_waypoints=WAY)
    arm = PlayedArm(armed="not armed: yet")
    with pytest.raises(ResetRefused, match="not armed: yet"):
        next(WayBack(settings).steps(arm))
    assert arm.goals == []
    arm.armed = ""
    steps = WayBack(settings).steps(arm)
    next(steps)
    arm.armed = "stopped: by hand"
    with pytest.raises(ResetRefused, match="stopped: by hand"):
        next(steps)


def test_somebodys_own_way_back_is_called_and_the_arm_is_theirs_meanwhile():
    arm = PlayedArm(services={"mine": (True, "")})
    reset(arm, reset_routine="service", reset_service="mine", scene_ready="none")
    assert arm.had == [True, False]
    assert arm.goals == []


@pytest.mark.parametrize(
    ("services", "words"),
    [
        ({}, "mine did not bring the arm back: there is no service mine"),
        ({"mine": (False, "the drawer is stuck")}, "mine did not bring the arm back: the drawer is stuck"),
        ({"mine": (False, "")}, "mine did not bring the arm back: mine says no"),
    ],
)
def test_a_way_back_that_fails_is_the_persons_and_the_arm_is_taken_back(services, words):
    arm = PlayedArm(services=services)
    done = reset(arm, reset_routine="service", reset_service="mine", scene_ready="none")
    assert done[-1].text.startswith(words)
    assert done[-1].asks
    assert arm.had == [True, False]


def test_a_stop_takes_the_arm_back_from_somebodys_own_way():
    arm = PlayedArm(services={"mine": (True, "")})
    steps = WayBack(ResetSettings(reset_routine="service", reset_service="mine")).steps(arm)
    next(steps)
    arm.armed = "stopped"
    with pytest.raises(ResetRefused):
        next(steps)
    assert arm.had == [True, False]


def test_a_way_back_without_end_is_the_persons():
    arm = PlayedArm(services={"mine": (True, "")})
    arm.call = lambda service: Said(arm, np.inf, True, "")  # type: ignore[method-assign]
    done = reset(arm, reset_routine="service", reset_service="mine", service_patience=20.0)
    assert "mine gave no answer within 20 s" in done[-1].text


def test_in_a_dry_run_nobodys_own_way_back_is_called():
    arm = PlayedArm(dry=True, services={"mine": (True, "")})
    reset(arm, reset_routine="service", reset_service="mine", scene_ready="none")
    assert arm.had == []


def test_a_scene_that_is_ready_asks_nobody():
    done = reset(PlayedArm(services={"look": (True, "")}), scene_ready="service", scene_service="look")
    assert not any(doing.asks for doing in done)


def test_a_scene_that_is_not_ready_is_the_persons():
    arm = PlayedArm(services={"look": (False, "there is no cube")})
    done = reset(arm, scene_ready="service", scene_service="look")
    assert done[-1].text.startswith("the scene is not ready: there is no cube")
    assert done[-1].asks


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"reset_routine": "waypoints"}, "reset_waypoints has none"),
        ({"reset_waypoints": [0.4, 0.0, 0.3]}, "3 numbers"),
        ({"reset_waypoints": [0.4, 0.0, 0.6, 0.0]}, r"\[0.4, 0.0, 0.6\] lies outside the workspace"),
        ({"reset_waypoints": [0.4, 0.0, 0.3, 1.5]}, "closure 1.5"),
        ({"reset_orientation": [0.0, 0.0, 0.0, 0.0]}, "no quaternion"),
        ({"workspace_low": [0.7, 0.0, 0.0]}, "low below high"),
    ],
)
def test_a_way_back_that_makes_no_sense_is_refused_at_the_start(settings, words):
    with pytest.raises(SettingError, match=words):
        WayBack(ResetSettings(**settings))
