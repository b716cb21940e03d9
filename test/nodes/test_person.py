"""The person in the loop, in real time: a real robot, `safety` and actor over DDS; the person's device is played."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.serialization import serialize_message
from std_srvs.srv import SetBool, Trigger

from hil_serl_ros.data.transition_log import TransitionLog
from hil_serl_ros.env.actions import KEEP, STEP, TURN
from hil_serl_ros.env.limits import angle_between
from hil_serl_ros.msg import ActorStatus, EpisodeSummary, RobotCommand, RobotStatus, TeleopAction, Transition
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import position_array, quaternion_array
from hil_serl_ros.srv import SetMode

HEARTBEAT = 0.02  # s
DEMONSTRATE, DRIVE, IDLE = ActorStatus.MODE_DEMONSTRATE, ActorStatus.MODE_DRIVE, ActorStatus.MODE_IDLE


class Lesson:
    """A robot in real time, and a person with one device."""

    def __init__(self, graph: Any, folder: Any) -> None:
        self.graph = graph
        self.folder = folder
        self.linked = True
        self.word = TeleopAction(source="pad", connected=True, gripper=KEEP)
        self.safety = graph.start("safety", clock="realtime", armed_at_start=True)
        for name in ("mujoco_bridge", "state"):
            graph.start(name, clock="realtime")
        self.actor = graph.start(
            "policy_actor", clock="realtime", interactive=True, run_folder=folder, max_episode_steps=200
        )
        self.said = graph.subscribe(ActorStatus, "actor_status", qos.LATCHED)
        self.steps = graph.subscribe(Transition, "transitions", qos.TRANSITION)
        self.episodes = graph.subscribe(EpisodeSummary, "episodes", qos.EPISODES)
        self.executed = graph.subscribe(RobotCommand, "command_executed", qos.COMMAND)
        self.robot = graph.subscribe(RobotStatus, "robot_status", qos.receive_state(lockstep=False))
        self.teleop = graph.publisher(TeleopAction, "teleop", qos.TELEOP)
        graph.wait_until(lambda: self.said and self.robot, seconds=40)
        self.timer = graph.node.create_timer(HEARTBEAT, self.beat, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def beat(self) -> None:
        if self.linked:
            self.teleop.publish(self.word)

    def drive(self, *motion: float) -> None:
        """Push with x y z roll pitch yaw; without any, let go."""
        self.word.intervening = bool(motion)
        self.word.motion = np.array([*motion, *[0.0] * (6 - len(motion))], np.float32)
        self.beat()

    def press(self, event: int) -> None:
        event_word = TeleopAction(source="pad", connected=True, gripper=KEEP, event=event)
        event_word.intervening, event_word.motion = self.word.intervening, self.word.motion
        self.teleop.publish(event_word)

    def ask(self, mode: int, **request: int) -> Any:
        return self.graph.call(SetMode, "set_mode", SetMode.Request(mode=mode, **request))

    @property
    def now(self) -> ActorStatus:
        return self.said[-1]

    def until(self, condition: Any) -> Any:
        return self.graph.wait_until(condition)

    def begin(self, mode: int) -> None:
        """A fresh episode of ``mode``, with nobody at the stick."""
        self.drive()
        self.linked = True
        self.press(TeleopAction.EVENT_RESUME)
        assert self.ask(IDLE).success
        self.until(lambda: self.now.mode == IDLE and not self.now.paused)
        epoch = self.now.epoch
        assert self.ask(mode).success
        self.until(lambda: self.now.mode == mode and self.now.epoch != epoch)
        self.graph.listen(0.2)
        self.steps.clear()
        self.episodes.clear()
        self.executed.clear()

    def moved(self) -> bool:
        """The robot's target is another one than a control period ago."""
        self.robot.clear()
        self.graph.listen(0.25)
        return position_array(self.robot[0].target).tolist() != position_array(self.robot[-1].target).tolist()


@pytest.fixture(scope="module")
def lesson(graph, tmp_path_factory) -> Iterator[Lesson]:
    lesson = Lesson(graph, tmp_path_factory.mktemp("run"))
    yield lesson
    assert lesson.actor.stop() == 0, lesson.actor.output


def test_a_demonstration_begins_when_the_hands_move_and_not_before(lesson):
    lesson.begin(DEMONSTRATE)
    assert lesson.now.paused
    assert "take over" in lesson.now.reason
    lesson.graph.listen(0.5)
    assert lesson.steps == []
    lesson.drive(0.2)
    lesson.until(lambda: sum(step.intervention for step in lesson.steps) >= 3)
    assert [step.step for step in lesson.steps] == list(range(len(lesson.steps)))
    assert lesson.now.driver == "pad"


def test_a_pause_holds_the_arm_and_the_step_before_it_keeps_its_true_next_observation(lesson):
    lesson.begin(DEMONSTRATE)
    lesson.drive(0.1)
    lesson.until(lambda: len(lesson.steps) >= 3)
    lesson.press(TeleopAction.EVENT_PAUSE)
    lesson.until(lambda: lesson.now.paused)
    before = len(lesson.steps)
    assert lesson.now.reason == "the operator paused it"
    assert not lesson.moved()
    lesson.press(TeleopAction.EVENT_RESUME)
    lesson.until(lambda: len(lesson.steps) >= before + 2)
    last, following = lesson.steps[before - 1], lesson.steps[before]
    assert (last.terminated, last.truncated) == (False, True)
    assert last.final_observation[0].sequence == last.observation.sequence + 1
    assert (following.episode, following.step) == (last.episode, last.step + 1)
    waited = following.header.stamp.sec - last.header.stamp.sec
    waited += (following.header.stamp.nanosec - last.header.stamp.nanosec) * 1e-9
    assert waited > 0.2


def test_hands_that_are_lost_while_they_drive_hold_the_arm_until_they_take_over_again(lesson):
    lesson.begin(DEMONSTRATE)
    lesson.drive(0.2)
    lesson.until(lambda: len(lesson.steps) >= 3)
    lesson.linked = False
    lesson.until(lambda: lesson.now.paused)
    assert "pad fell silent while it drove" in lesson.now.reason
    assert not lesson.now.takeover
    assert not lesson.moved()
    before = len(lesson.steps)
    lesson.drive()  # the link is back, and nobody has taken over
    lesson.linked = True
    lesson.until(lambda: lesson.now.takeover)
    assert not lesson.moved()
    lesson.drive(-0.2)
    lesson.until(lambda: len(lesson.steps) >= before + 2)


@pytest.mark.parametrize(("event", "discarded"), [(TeleopAction.EVENT_AGAIN, True), (TeleopAction.EVENT_RESET, False)])
def test_again_and_reset_cut_the_episode_and_begin_it_anew_and_again_throws_it_away(lesson, event, discarded):
    lesson.begin(DEMONSTRATE)
    lesson.drive(0.1)
    lesson.until(lambda: len(lesson.steps) >= 3)
    epoch = lesson.now.epoch
    lesson.press(event)
    lesson.until(lambda: lesson.now.epoch != epoch and lesson.episodes)
    last = next(step for step in lesson.steps if step.final_observation)
    assert (last.terminated, last.truncated, last.discarded) == (False, True, discarded)
    assert lesson.episodes[0].discarded is discarded
    assert lesson.now.mode == DEMONSTRATE


def test_an_emergency_stop_holds_until_a_person_clears_it_and_arms(lesson):
    lesson.begin(DEMONSTRATE)
    lesson.drive(0.1)
    lesson.until(lambda: len(lesson.steps) >= 3)
    lesson.press(TeleopAction.EVENT_STOP)
    lesson.until(lambda: lesson.now.paused)
    assert lesson.now.reason.startswith("stopped: ")
    assert not lesson.moved()
    before = len(lesson.steps)
    assert lesson.graph.call(Trigger, "clear_stop", Trigger.Request()).success
    lesson.until(lambda: lesson.now.reason.startswith("not armed"))
    assert lesson.graph.call(SetBool, "arm", SetBool.Request(data=True)).success
    lesson.until(lambda: len(lesson.steps) >= before + 2)


@pytest.mark.parametrize("mode", [DEMONSTRATE, IDLE])
def test_a_reset_under_an_emergency_stop_does_not_move_the_world(lesson, mode):
    lesson.begin(DEMONSTRATE)
    lesson.drive(0.1)
    lesson.until(lambda: len(lesson.steps) >= 1)
    lesson.press(TeleopAction.EVENT_STOP)
    lesson.until(lambda: lesson.now.paused)
    if mode == IDLE:
        assert lesson.ask(IDLE).success
        lesson.until(lambda: lesson.now.mode == IDLE)
    epoch = lesson.robot[-1].epoch
    for _ in range(2):  # the first one ends the episode
        lesson.press(TeleopAction.EVENT_RESET)
        lesson.graph.listen(0.4)
    assert lesson.robot[-1].epoch == epoch
    assert lesson.graph.call(Trigger, "clear_stop", Trigger.Request()).success
    assert lesson.graph.call(SetBool, "arm", SetBool.Request(data=True)).success


def test_free_drive_moves_the_arm_and_records_nothing(lesson):
    lesson.begin(DRIVE)
    lesson.drive(0.3)
    lesson.until(lambda: len(lesson.executed) >= 4)
    assert lesson.moved()
    assert lesson.steps == []
    assert lesson.episodes == []


def test_a_person_may_turn_the_tool(lesson):
    lesson.begin(DRIVE)
    lesson.drive(0, 0, 0, 0, 0, 0.5)
    lesson.until(lambda: len(lesson.executed) >= 4)
    for one, other in itertools.pairwise(quaternion_array(e.target) for e in lesson.executed[:4]):
        assert angle_between(one, other) == pytest.approx(0.5 * TURN, abs=1e-3)


def test_taking_over_and_handing_back_move_the_target_by_no_more_than_a_step(lesson):
    lesson.begin(DRIVE)
    for motion in ((1.0, 1.0, 1.0), (), (-1.0, 1.0, -1.0), ()):
        lesson.drive(*motion)
        lesson.executed.clear()
        lesson.until(lambda: len(lesson.executed) >= 4)
        targets = [position_array(e.target) for e in lesson.executed]
        for before, after in itertools.pairwise(targets):
            assert np.abs(after - before).max() <= STEP + 1e-9
        if not motion:
            assert (targets[-1] == targets[-2]).all()


def test_a_tap_shorter_than_a_tick_moves_one_step(lesson):
    lesson.begin(DRIVE)
    lesson.until(lambda: len(lesson.executed) >= 2)
    start = position_array(lesson.executed[-1].target)
    lesson.drive(0, 1.0)
    lesson.drive()
    lesson.graph.listen(0.5)
    np.testing.assert_allclose(position_array(lesson.executed[-1].target) - start, [0, STEP, 0], atol=1e-9)


def test_demonstrate_from_idle_records_one_demonstration_and_idles_again(lesson):
    lesson.begin(DRIVE)
    assert lesson.ask(IDLE).success
    lesson.until(lambda: lesson.now.mode == IDLE)
    lesson.press(TeleopAction.EVENT_DEMONSTRATE)
    lesson.until(lambda: lesson.now.mode == DEMONSTRATE)
    lesson.drive(0.1)
    lesson.until(lambda: len(lesson.steps) >= 2)
    lesson.press(TeleopAction.EVENT_SUCCESS)
    lesson.until(lambda: lesson.now.mode == IDLE)
    assert not lesson.now.finished
    assert lesson.steps[-1].success


def test_an_episode_of_the_log_is_replayed_from_its_start_with_the_same_targets(lesson):
    lesson.begin(DEMONSTRATE)
    lesson.drive(0.5, -0.3, -0.2)
    lesson.until(lambda: len(lesson.steps) >= 6)
    lesson.press(TeleopAction.EVENT_SUCCESS)
    lesson.until(lambda: lesson.episodes)
    episode = lesson.steps[0].episode
    shown = [step for step in lesson.steps if step.episode == episode]
    number = shown[0].observation.sequence + 1
    targets = {
        e.sequence - number: position_array(e.target) for e in lesson.executed if e.epoch == shown[0].observation.epoch
    }
    log = TransitionLog(lesson.folder / "log")
    for step in shown:
        log.append(serialize_message(step), 1, 1)
    log.close()
    lesson.begin(DRIVE)
    assert lesson.ask(ActorStatus.MODE_REPLAY, episode=episode).success
    lesson.until(lambda: lesson.now.mode == ActorStatus.MODE_REPLAY)
    epoch = lesson.until(lambda: lesson.robot[-1].epoch)
    lesson.until(lambda: lesson.now.mode == IDLE)
    again = [e for e in lesson.executed if e.epoch >= epoch][-len(shown) :]
    assert len(again) == len(shown)
    for n, command in enumerate(again):
        np.testing.assert_allclose(position_array(command.target), targets[n], atol=1e-6)
    assert lesson.steps == []


def test_an_episode_that_is_not_in_the_log_is_not_replayed_and_the_answer_says_so(lesson):
    answer = lesson.ask(ActorStatus.MODE_REPLAY, episode=12345)
    assert not answer.success
    assert "12345" in answer.message or "no transition log" in answer.message


def test_the_robot_holds_while_safety_is_dead_and_goes_on_when_it_is_back_and_armed(lesson):
    lesson.begin(DRIVE)
    lesson.drive(0.1)
    lesson.until(lambda: len(lesson.executed) >= 3)
    lesson.safety.kill()
    lesson.graph.listen(0.15)
    assert not lesson.moved()
    lesson.safety = lesson.graph.start("safety", clock="realtime")
    lesson.until(lambda: lesson.now.reason.startswith("not armed"))
    assert not lesson.moved()
    assert lesson.graph.call(SetBool, "arm", SetBool.Request(data=True)).success
    lesson.until(lesson.moved)
