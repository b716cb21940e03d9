"""The whole graph with an arm of another package: `safety`, `state` and the actor before a played Cartesian controller.

The person and the service that looks at the scene are played.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from std_srvs.srv import SetBool, Trigger

from hil_serl_ros.env.actions import KEEP
from hil_serl_ros.msg import (
    ActorStatus,
    EpisodeSummary,
    ResetStatus,
    RobotCommand,
    RobotStatus,
    SafetyStatus,
    TeleopAction,
    Transition,
)
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import position_array
from hil_serl_ros.srv import SetMode

START = [0.42, 0.05, 0.22]  # m
TOOL = slice(15, 18)  # of the observed state
HEARTBEAT = 0.02  # s


class Cell:
    """An arm, the graph, and a person with one device."""

    def __init__(self, graph: Any, folder: Any) -> None:
        self.graph = graph
        self.looks: list[str] = []  # what the scene's service will say, one after the other; nothing: it is ready
        self.word = TeleopAction(source="pad", connected=True, gripper=KEEP)
        graph.node.create_service(Trigger, "scene_ready", self.look)
        graph.play("played_arm")
        # The machine may be busy: patience that a real cell does not have.
        graph.start("safety", clock="realtime", armed_at_start=True, max_command_age=10.0, max_silence=10.0)
        self.robot = graph.start(
            "cartesian_robot",
            base_frame="base",
            max_state_age=0.25,
            reset_routine="waypoints",
            reset_waypoints=[0.42, 0.05, 0.3, 0.0, *START, 0.0],
            reset_speed=0.2,
            scene_ready="service",
        )
        graph.start("state", clock="realtime", environment_state=False)
        self.actor = graph.start(
            "policy_actor",
            clock="realtime",
            interactive=True,
            run_folder=folder,
            environment_state=False,
            reward="operator",
            max_episode_steps=100,
            max_operator_silence=2.0,
        )
        self.said = graph.subscribe(ActorStatus, "actor_status", qos.LATCHED)
        self.reasons: list[str] = []  # each once, in order
        graph.node.create_subscription(ActorStatus, "actor_status", self.on_actor, qos.TRANSITION)
        self.steps = graph.subscribe(Transition, "transitions", qos.TRANSITION)
        self.episodes = graph.subscribe(EpisodeSummary, "episodes", qos.EPISODES)
        self.states = graph.subscribe(RobotStatus, "robot_status", qos.receive_state(lockstep=False))
        self.resets = graph.subscribe(ResetStatus, "reset_status", qos.LATCHED)
        self.safety = graph.subscribe(SafetyStatus, "safety_status", qos.LATCHED)
        self.teleop = graph.publisher(TeleopAction, "teleop", qos.TELEOP)
        graph.wait_until(lambda: self.said and self.states, seconds=60)
        graph.node.create_timer(HEARTBEAT, self.beat, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def look(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """The scene's service."""
        response.message = self.looks.pop(0) if self.looks else ""
        response.success = not response.message
        return response

    def on_actor(self, status: ActorStatus) -> None:
        if status.reason and self.reasons[-1:] != [status.reason]:
            self.reasons.append(status.reason)

    def beat(self) -> None:
        self.teleop.publish(self.word)

    def drive(self, *motion: float) -> None:
        """Push with x y z; without any, let go."""
        self.word.intervening = bool(motion)
        self.word.motion = np.array([*motion, *[0.0] * (6 - len(motion))], np.float32)

    def press(self, event: int) -> None:
        word = TeleopAction(source="pad", connected=True, gripper=KEEP, event=event)
        word.intervening, word.motion = self.word.intervening, self.word.motion
        self.teleop.publish(word)

    def ask(self, mode: int, **request: int) -> None:
        assert self.graph.call(SetMode, "set_mode", SetMode.Request(mode=mode, **request)).success

    @property
    def now(self) -> ActorStatus:
        return self.said[-1]

    def until(self, condition: Any, seconds: float = 30) -> Any:
        return self.graph.wait_until(condition, seconds)

    def demonstrate(self) -> list[Transition]:
        """One episode of some steps forward, labelled as a success; its steps."""
        self.until(lambda: "take over" in self.now.reason)
        self.steps.clear()
        count = len(self.episodes)
        self.drive(0.4, 0.0, 0.0)
        self.until(lambda: len(self.steps) >= 5)
        self.drive()
        self.press(TeleopAction.EVENT_SUCCESS)
        self.until(lambda: len(self.episodes) > count)
        return list(self.steps)


@pytest.fixture(scope="module")
def cell(graph, tmp_path_factory) -> Iterator[Cell]:
    cell = Cell(graph, tmp_path_factory.mktemp("run"))
    yield cell
    assert cell.actor.stop() == 0, cell.actor.output
    assert cell.robot.code is None, cell.robot.output


def test_episodes_begin_at_the_last_waypoint_and_what_is_done_in_them_moves_the_arm(cell):
    cell.ask(ActorStatus.MODE_DEMONSTRATE, episodes=2)
    epochs = []
    for _ in range(2):
        steps = cell.demonstrate()
        epochs.append(steps[0].observation.epoch)
        tools = np.array([step.observation.state[TOOL] for step in steps])
        np.testing.assert_allclose(tools[0], START, atol=0.02)
        assert tools[-1][0] - tools[0][0] > 0.02
        assert np.abs(tools[-1][1:] - tools[0][1:]).max() < 0.02
        assert all(step.intervention for step in steps[1:4])
        assert cell.episodes[-1].success
    assert epochs[1] == epochs[0] + 1
    assert any("on the way back, to waypoint 2 of 2" in reason for reason in cell.reasons)
    cell.until(lambda: cell.now.mode == ActorStatus.MODE_IDLE)


def test_where_the_scene_is_not_ready_the_page_says_so_and_the_person_is_waited_for(cell):
    cell.looks = ["there is no cube"]
    cell.reasons.clear()
    cell.ask(ActorStatus.MODE_DEMONSTRATE, episodes=1)
    cell.until(lambda: "there is no cube" in cell.now.reason)
    assert cell.now.paused
    assert "press resume" in cell.now.reason
    cell.steps.clear()
    cell.drive(0.4)
    cell.graph.listen(2.0)
    assert cell.steps == []
    cell.drive()
    cell.press(TeleopAction.EVENT_RESUME)
    assert cell.demonstrate()
    cell.until(lambda: cell.now.mode == ActorStatus.MODE_IDLE)
    assert not cell.now.paused


def test_a_stop_on_the_way_back_is_the_end_of_it_until_the_arm_is_armed_again(cell):
    cell.ask(ActorStatus.MODE_DEMONSTRATE, episodes=1)
    cell.until(lambda: cell.resets and "waypoint 1" in cell.resets[-1].doing)
    cell.graph.call(Trigger, "emergency_stop", Trigger.Request())
    cell.until(lambda: not cell.resets[-1].running)
    cell.until(lambda: cell.now.reason.startswith("stopped"))
    held = position_array(cell.states[-1].target)
    cell.graph.listen(1.0)
    np.testing.assert_array_equal(position_array(cell.states[-1].target), held)
    assert cell.graph.call(Trigger, "clear_stop", Trigger.Request()).success
    assert cell.graph.call(SetBool, "arm", SetBool.Request(data=True)).success
    steps = cell.demonstrate()
    np.testing.assert_allclose(steps[0].observation.state[TOOL], START, atol=0.02)


def test_what_safety_lets_pass_is_what_the_robot_holds(cell):
    executed = cell.graph.subscribe(RobotCommand, "command_executed", qos.COMMAND)
    cell.ask(ActorStatus.MODE_DRIVE)
    cell.until(lambda: cell.now.mode == ActorStatus.MODE_DRIVE and not cell.now.paused)
    cell.drive(-1.0, 1.0, 0.0)
    cell.until(lambda: len(executed) > 20)
    cell.drive()
    cell.ask(ActorStatus.MODE_IDLE)
    cell.graph.listen(1.0)
    last = executed[-1]
    assert (cell.states[-1].sequence, cell.states[-1].epoch) == (last.sequence, last.epoch)
    np.testing.assert_allclose(position_array(cell.states[-1].target), position_array(last.target), atol=1e-9)
