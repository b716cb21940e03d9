"""The scripted operator does the tasks, from any state, through actions that a person could give."""

from __future__ import annotations

import numpy as np
import pytest

from hil_serl_ros.sim.operator import CLOSE, KEEP, OPEN, STEP, Brain, Expert, OperatorAction
from hil_serl_ros.sim.tasks import TASKS, task_named
from hil_serl_ros.sim.world import World

DOWN = np.array([0.0, 1.0, 0.0, 0.0])


@pytest.fixture(scope="module")
def cube() -> World:
    return World(task_named("pick_cube"))


def look(world: World) -> tuple[np.ndarray, float, np.ndarray, np.ndarray, np.ndarray]:
    closure = world.gripper_command / 255.0
    return world.tool_position, closure, world.object_positions, world.goal_positions, world.target_position


def command(world: World, delta: np.ndarray, gripper: int) -> None:
    closure = {OPEN: 0.0, KEEP: world.gripper_command / 255.0, CLOSE: 1.0}[gripper]
    world.set_target(world.target_position + STEP * delta, world.target_quaternion_wxyz, closure)
    world.step()


def drive(world: World, expert: Brain, limit: int) -> list[OperatorAction]:
    """Let the operator act until the episode ends, at most ``limit`` steps; its actions."""
    actions = []
    while len(actions) < limit and not world.outcome().terminated:
        actions.append(expert.act(*look(world)))
        command(world, actions[-1].delta, actions[-1].gripper)
    return actions


def test_the_cube_is_lifted_in_thirty_of_thirty_random_episodes_and_fast(cube: World) -> None:
    expert, lengths = Expert(), []
    for seed in range(1000, 1030):
        cube.reset(seed)
        expert.reset()
        lengths.append(len(drive(cube, expert, cube.task.max_episode_steps)))
        assert cube.outcome().success, f"seed {seed}"
    assert np.mean(lengths) < 16


@pytest.mark.parametrize("name", TASKS)
def test_every_tasks_brain_does_it_within_the_time_limit(name: str) -> None:
    world = World(task_named(name))
    brain = world.task.brain()
    for seed in (1, 2):
        world.reset(seed)
        brain.reset()
        drive(world, brain, world.task.max_episode_steps)
        assert world.outcome().success, f"seed {seed}"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_five_boxes_are_arranged_within_the_time_limit() -> None:
    world = World(task_named("arrange_boxes"))
    expert = Expert()
    for seed in range(1000, 1004):
        world.reset(seed)
        expert.reset()
        drive(world, expert, world.task.max_episode_steps)
        assert world.outcome().success, f"seed {seed}"


def drop_half_way(world: World) -> None:
    """The policy lifts the cube and opens the gripper in mid-air."""
    expert = Expert()
    while world.object_positions[0, 2] < 0.06:
        action = expert.act(*look(world))
        command(world, action.delta, action.gripper)
    command(world, np.zeros(3), OPEN)


def half_lifted(world: World) -> None:
    """The policy holds the cube in mid-air and stalls."""
    expert = Expert()
    while world.object_positions[0, 2] < 0.06:
        action = expert.act(*look(world))
        command(world, action.delta, action.gripper)


def closed_beside(world: World, offset: tuple[float, float, float]) -> None:
    """The policy goes down beside the cube and closes there."""
    place = world.object_positions[0] + offset
    for height in (0.12, 0.02):
        world.set_target(place + np.array([0.0, 0.0, height - 0.02]), DOWN, 0.0)
        world.advance(0.8)
    world.set_target(place, DOWN, 1.0)
    world.advance(0.5)


def displaced(world: World) -> None:
    """The policy shoves the cube with a closed gripper."""
    start = world.object_positions[0] - np.array([0.07, 0.0, 0.0])
    world.set_target(start + np.array([0.0, 0.0, 0.1]), DOWN, 1.0)
    world.advance(0.8)
    world.set_target(start, DOWN, 1.0)
    world.advance(0.8)
    world.set_target(start + np.array([0.08, 0.0, 0.0]), DOWN, 1.0)
    world.advance(0.8)


STATES = {
    "dropped half way": drop_half_way,
    "half lifted": half_lifted,
    "closed beside it in y": lambda world: closed_beside(world, (0.0, 0.05, 0.0)),
    "closed beside it in x": lambda world: closed_beside(world, (0.05, 0.0, 0.0)),
    "closed on its edge": lambda world: closed_beside(world, (0.0, 0.025, 0.0)),
    "closed above it": lambda world: closed_beside(world, (0.0, 0.0, 0.04)),
    "displaced": displaced,
}


@pytest.mark.parametrize("state", STATES)
def test_it_takes_over_from_what_a_policy_leaves(cube: World, state: str) -> None:
    for seed in (1, 2):
        cube.reset(seed)
        STATES[state](cube)
        assert not cube.outcome().terminated, "the state must leave something to do"
        steps = len(drive(cube, Expert(), 60))
        assert cube.outcome().success
        assert steps <= 35


def test_it_takes_over_from_random_motion(cube: World) -> None:
    random = np.random.default_rng(0)
    taken = 0
    for seed in range(8):
        cube.reset(seed)
        drift = random.uniform(-0.7, 0.7, 3)
        for _ in range(15):
            if not cube.outcome().terminated:
                delta = np.clip(drift + random.normal(0.0, 0.5, 3), -1.0, 1.0)
                command(cube, delta, int(random.choice([OPEN, KEEP, KEEP, KEEP, CLOSE])))
        if not cube.outcome().terminated:
            drive(cube, Expert(), 60)
            assert cube.outcome().success, f"seed {seed}"
            taken += 1
    assert taken >= 6


def test_its_actions_are_such_as_a_person_can_give(cube: World) -> None:
    cube.reset(3)
    actions = drive(cube, Expert(), 60)
    deltas = np.array([action.delta for action in actions])
    assert deltas.shape == (len(actions), 3)
    assert np.abs(deltas).max() <= 1.0
    assert [action.gripper for action in actions].count(CLOSE) == 1
    assert {action.gripper for action in actions} == {KEEP, CLOSE}


def test_lifting_is_a_function_of_what_is_seen_alone(cube: World) -> None:
    cube.reset(5)
    veteran = Expert()
    while not cube.outcome().terminated:
        seen = look(cube)
        action, again = veteran.act(*seen), Expert().act(*seen)
        np.testing.assert_array_equal(action.delta, again.delta)
        assert action.gripper == again.gripper
        command(cube, action.delta, action.gripper)


def test_low_beside_an_object_it_rises_before_it_flies_so_that_nothing_is_shoved() -> None:
    tool = np.array([0.4, 0.1, 0.03])
    action = Expert().act(tool, 0.0, np.array([[0.4, 0.0, 0.02]]), np.zeros((0, 3)), tool)
    np.testing.assert_array_equal(action.delta, [0.0, 0.0, 1.0])
    assert action.gripper == KEEP


def test_what_it_sees_is_left_as_it_was(cube: World) -> None:
    cube.reset(6)
    seen = look(cube)
    before = [np.array(part, copy=True) for part in seen]
    Expert().act(*seen)
    for part, copy in zip(seen, before, strict=True):
        np.testing.assert_array_equal(part, copy)
