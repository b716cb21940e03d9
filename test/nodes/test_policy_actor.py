"""The node `policy_actor` with a robot, `safety` and a person's hands, all over DDS; the learner is played."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from sensor_msgs.msg import Joy
from std_msgs.msg import Header

from hil_serl_ros.env.actions import KEEP
from hil_serl_ros.env.joy_mapping import JoyMapping, Wish
from hil_serl_ros.msg import Held, LearnerStatus, Observation, Reward, RobotStatus, TeleopAction, Transition
from hil_serl_ros.nodes.policy_actor import label
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import nanoseconds

LIMIT = 8  # steps of an episode
ENDLESS = 10_000  # where a death shall not fall between two of them
MAPPING = JoyMapping()
IDLE = Wish(np.zeros(6), KEEP, False)


def push(x: float) -> Wish:
    return Wish(np.array([x, 0, 0, 0, 0, 0]), KEEP, True)


class Stage:
    """Everything around the actor. ``plan`` says what the hands do at step (episode, step), None: nothing is said."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph
        self.plan: Callable[[int, int], Wish | None] = lambda episode, step: IDLE
        self.transitions: list[Transition] = []
        self.next_plan: Callable[[int, int], Wish | None] | None = None
        self.first = 0  # epoch of the plan's first episode
        self.episodes = 0
        self.said: dict[int, Wish] = {}  # by stamp
        self._epoch = self._step = -1
        self.safety = graph.start("safety", armed_at_start=True)
        self.robot = graph.start("mujoco_bridge")
        self.state = graph.start("state")
        graph.start("joy_teleop")
        self.joy = graph.publisher(Joy, "joy", qos.TELEOP)
        graph.node.create_subscription(Observation, "observation", self.answer, qos.receive_state(lockstep=True))
        graph.node.create_subscription(Transition, "transitions", self.on_transition, qos.TRANSITION)
        self.learner = graph.node.create_publisher(LearnerStatus, "learner_status", qos.LATCHED)
        graph.wait_until(lambda: graph.node.count_publishers("observation") and graph.node.count_publishers("teleop"))

    def on_transition(self, transition: Transition) -> None:
        if transition.observation.epoch >= self.first:
            self.transitions.append(transition)

    def answer(self, observation: Observation) -> None:
        """Say what the hands do; a repeated observation gets the same answer again."""
        stamp = nanoseconds(observation.header.stamp)
        if stamp not in self.said:
            if observation.epoch != self._epoch:
                self._epoch, self._step, self.episodes = observation.epoch, -1, self.episodes + 1
                if self.next_plan is not None:
                    self.plan, self.next_plan, self.episodes = self.next_plan, None, 1
                    self.transitions.clear()
                    self.first = observation.epoch
            self._step += 1
            wish = self.plan(self.episodes - 1, self._step)
            self.said[stamp] = wish or IDLE
            if wish is None:
                return
        axes, buttons = MAPPING.write(self.said[stamp])
        self.joy.publish(Joy(header=observation.header, axes=axes, buttons=buttons))

    def begin(self, plan: Callable[[int, int], Wish | None]) -> None:
        """Follow ``plan`` from the next episode on; what was heard before it is forgotten."""
        self.next_plan = plan
        self.graph.wait_until(lambda: self.next_plan is None, seconds=40)

    def act(self, folder: Any, **parameters: object) -> Any:
        settings = {"run_folder": folder, "demonstrations": 99, "max_episode_steps": LIMIT}
        return self.graph.start("policy_actor", **(settings | parameters))

    def steps(self, count: int) -> list[Transition]:
        self.graph.wait_until(lambda: len(self.transitions) >= count, seconds=40)
        return self.transitions[:count]


@pytest.fixture(scope="module")
def stage(graph) -> Stage:
    return Stage(graph)


def test_a_killed_actor_loses_no_step_and_uses_no_episode_twice(stage, tmp_path):
    stage.plan = lambda episode, step: push(0.2)
    process = stage.act(tmp_path, robot="mortal")
    mine = lambda: [t for t in stage.transitions if t.robot == "mortal"]  # noqa: E731
    stage.graph.wait_until(lambda: len(mine()) >= LIMIT + 3, seconds=40)
    process.kill()
    stage.graph.listen(0.2)
    executed = {t.index: t for t in mine()}
    process = stage.act(tmp_path, robot="mortal")
    # The learner says that it holds nothing: all is sent again.
    word = LearnerStatus(run="run", held=[Held(robot="mortal", count=0)])
    stage.transitions.clear()
    stage.first = 0
    seen: dict[int, Transition] = {}

    def whole() -> bool:
        seen.update({t.index: t for t in mine()})
        return len(seen) > max(executed) + LIMIT and set(seen) == set(range(len(seen)))

    stage.graph.wait_until(whole, seconds=40, again=lambda: stage.learner.publish(word))
    assert process.stop() == 0, process.output
    assert all(seen[index] == step for index, step in executed.items())
    interrupted = max(t.episode for t in executed.values())
    later = [t for t in seen.values() if t.episode > interrupted]
    assert later
    assert {t.seed for t in later}.isdisjoint({t.seed for t in executed.values()})
    assert min(t.index for t in later) >= len(executed)


def test_a_label_on_the_last_step_that_comes_late_does_not_end_the_next_episode(stage, tmp_path):
    verdicts = stage.graph.node.create_publisher(Reward, "reward", qos.REWARD)
    seen: dict[int, dict[int, Header]] = {}  # by epoch and stamp
    asked: set[int] = set()  # epochs whose last observation was sent again: the hands' word on it is waited for

    def judge(observation: Observation) -> None:
        steps, stamp = seen.setdefault(observation.epoch, {}), nanoseconds(observation.header.stamp)
        if stamp in steps and len(steps) == 5:
            asked.add(observation.epoch)
        steps[stamp] = observation.header
        over = list(steps).index(stamp) == 4
        verdicts.publish(Reward(header=observation.header, success=over, terminated=over, reward=float(over)))

    def plan(episode: int, step: int) -> Wish | None:
        ended = [epoch for epoch, steps in seen.items() if len(steps) == 5]
        if step == 0 and ended and ended[-1] not in asked:
            # Nobody waited for it: now it comes.
            axes, buttons = MAPPING.write(Wish(np.zeros(6), KEEP, True, success=True))
            stage.joy.publish(Joy(header=list(seen[ended[-1]].values())[4], axes=axes, buttons=buttons))
        return None if step == 4 else push(0.1)

    judging = stage.graph.node.create_subscription(Observation, "observation", judge, qos.receive_state(lockstep=True))
    process = stage.act(tmp_path, robot="judged", reward="classifier")
    stage.begin(plan)
    steps = [t for t in stage.steps(12) if t.robot == "judged"]
    assert process.stop() == 0, process.output
    stage.graph.node.destroy_subscription(judging)
    assert [t.step for t in steps] == [0, 1, 2, 3] * 3


def stuck(stage: Stage, robot: str) -> list[Transition]:
    """The robot's steps until nobody observes any more: another step has been executed, and is on its way."""
    statuses = stage.graph.subscribe(RobotStatus, "robot_status", qos.robot_status(lockstep=True))
    mine = lambda: [t for t in stage.transitions if t.robot == robot]  # noqa: E731
    stage.graph.wait_until(lambda: len(mine()) >= 3, seconds=40)
    stage.state.kill()

    def asked_again() -> bool:
        # The actor asks each second, and the robot says the same again and again.
        return len(statuses) > 5 and len({status.sequence for status in statuses[-5:]}) == 1

    stage.graph.wait_until(asked_again, seconds=40)
    assert statuses[-1].sequence == mine()[-1].observation.sequence + 2
    return mine()


def test_a_step_in_which_the_robot_died_is_kept_and_its_outcome_is_not_made_up(stage, tmp_path):
    stage.plan = lambda episode, step: push(0.2)
    process = stage.act(tmp_path, robot="mortal 3", max_episode_steps=ENDLESS)
    before = stuck(stage, "mortal 3")
    stage.robot.kill()
    stage.robot = stage.graph.start("mujoco_bridge", restarts=1)
    stage.state = stage.graph.start("state")
    steps = lambda: [t for t in stage.transitions if t.robot == "mortal 3"]  # noqa: E731
    stage.graph.wait_until(lambda: len(steps()) > len(before) + 2, seconds=40)
    assert process.stop() == 0, process.output
    last, unknown, after = steps()[len(before) - 1 : len(before) + 2]
    assert unknown.index == last.index + 1
    assert (unknown.truncated, list(unknown.final_observation)) == (True, [])
    assert after.observation.epoch > 1_000_000
    assert after.step == 0


@pytest.fixture(scope="module")
def acting(stage, tmp_path_factory) -> Iterator[Stage]:
    """The stage with an actor on it that demonstrates one episode after the other."""
    process = stage.act(tmp_path_factory.mktemp("run"), seed=5)
    yield stage
    assert process.stop() == 0, process.output


def test_the_intervention_flag_and_the_action_belong_to_the_step_that_the_hands_changed(acting):
    pushed = {1: 0.5, 2: -0.5, 5: 1.0}
    acting.begin(lambda episode, step: push(pushed[step]) if step in pushed else IDLE)
    for step in acting.steps(2 * LIMIT):
        x = pushed.get(step.step)
        assert step.intervention == (x is not None)
        np.testing.assert_allclose(step.action, [x or 0.0, 0, 0, KEEP], atol=1e-5)


def test_the_stream_of_steps_is_whole(acting):
    acting.begin(lambda episode, step: push(0.3))
    steps = acting.steps(2 * LIMIT)
    first = steps[0]
    assert [s.index - first.index for s in steps] == list(range(2 * LIMIT))
    assert [(s.episode - first.episode, s.step) for s in steps] == [(e, n) for e in range(2) for n in range(LIMIT)]
    for step, following in itertools.pairwise(steps):
        if following.episode == step.episode:
            # The next observation is the next message's: one number, and one period, later.
            assert following.observation.sequence == step.observation.sequence + 1
            passed = nanoseconds(following.header.stamp) - nanoseconds(step.header.stamp)
            assert passed == 100_000_000
            assert not step.final_observation
    for last in (steps[LIMIT - 1], steps[2 * LIMIT - 1]):
        # The time limit truncates: it is no terminal state.
        assert (last.terminated, last.truncated) == (False, True)
        assert last.final_observation[0].sequence == last.observation.sequence + 1
    assert len({s.seed for s in steps}) == 2
    assert all(s.mode == Transition.MODE_DEMONSTRATE for s in steps)


def test_a_label_ends_the_episode_with_the_step_that_led_to_what_the_person_saw(acting):
    success = Wish(np.zeros(6), KEEP, True, success=True)
    failure = Wish(np.zeros(6), KEEP, True, failure=True)
    again = Wish(np.zeros(6), KEEP, True, again=True)
    labels = [success, failure, again]
    acting.begin(lambda episode, step: labels[episode] if step == 4 and episode < 3 else push(0.1))
    steps = acting.steps(13)  # 3 episodes of 4 steps, and the first step of the next one
    ends = [steps[3], steps[7], steps[11]]
    # Observation 4 is what step 3 led to.
    assert [end.step for end in ends] == [3, 3, 3]
    assert steps[12].step == 0
    assert [(e.reward, e.terminated, e.truncated, e.success) for e in ends] == [
        (1.0, True, False, True),
        (0.0, True, False, False),
        (0.0, False, True, False),
    ]


def test_a_word_of_the_operator_that_was_lost_is_asked_for_again(acting):
    acting.begin(lambda episode, step: None if step == 3 else push(0.2))
    steps = acting.steps(LIMIT)
    assert [s.step for s in steps] == list(range(LIMIT))
    assert [s.intervention for s in steps] == [step != 3 for step in range(LIMIT)]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (TeleopAction.EVENT_SUCCESS, (1.0, True, False, True)),
        (TeleopAction.EVENT_FAILURE, (0.0, True, False, False)),
        (TeleopAction.EVENT_AGAIN, (0.5, False, True, False)),
        (TeleopAction.EVENT_PAUSE, (0.5, False, False, False)),
    ],
)
def test_labels_end_an_episode_as_what_they_say(event, expected):
    assert label(event, 0.5, False, False, False) == expected
