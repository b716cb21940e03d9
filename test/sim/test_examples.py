"""What is shown to the reward classifier: success held, and failures that look like it."""

from __future__ import annotations

import numpy as np
import pytest

from hil_serl_ros.sim.examples import BESIDE, DONE, KINDS, STOPPED, WANDER, Examples
from hil_serl_ros.sim.tasks import task_named
from hil_serl_ros.sim.world import World

STEPS = 40


@pytest.fixture(scope="module")
def world() -> World:
    return World(task_named("pick_cube"))


def shown(world: World, episode: int, seed: int = 0) -> tuple[str, list[bool], list[float]]:
    """Kind of an episode, and after each step: success, and the tool's height in m."""
    examples = Examples(world.task)
    examples.begin(seed, episode)
    world.reset(1000 + episode)
    quaternion = world.target_quaternion_wxyz
    success, heights = [], []
    for _ in range(STEPS):
        closure = world.gripper_command / 255
        action = examples.act(
            world.tool_position, closure, world.object_positions, world.goal_positions, world.target_position
        )
        gripper = (0.0, closure, 1.0)[action.gripper]
        world.set_target(world.target_position + 0.025 * action.delta, quaternion, gripper)
        world.step()
        success.append(world.outcome().success)
        heights.append(float(world.tool_position[2]))
    return examples.kind, success, heights


@pytest.mark.parametrize("episode", range(len(KINDS)))
def test_the_task_is_held_done_in_its_episodes_and_never_done_in_the_others(world: World, episode: int) -> None:
    kind, success, _ = shown(world, episode)
    assert (sum(success) >= 15 and success[-1]) if kind == DONE else not any(success)


def test_the_arm_rises_without_the_object_too(world: World) -> None:
    kind, success, heights = shown(world, KINDS.index(BESIDE))
    assert kind == BESIDE
    assert max(heights[10:]) > 0.12
    assert not any(success)


def test_a_third_of_the_episodes_shows_success() -> None:
    assert sorted(set(KINDS)) == sorted({DONE, STOPPED, BESIDE, WANDER})
    assert KINDS.count(DONE) / len(KINDS) == pytest.approx(1 / 3)


def test_the_same_seed_and_episode_show_the_same(world: World) -> None:
    assert shown(world, 5) == shown(world, 5)
    assert shown(world, 5)[2] != shown(world, 5, seed=1)[2]


def test_what_is_shown_stays_finite_at_the_edge_of_the_workspace() -> None:
    examples = Examples(task_named("pick_cube"))
    examples.begin(0, KINDS.index(WANDER))
    far = np.array([0.6, 0.3, 0.5])
    for _ in range(100):
        delta = examples.act(far, 0.0, np.zeros((1, 3)), np.zeros((0, 3)), far).delta
        assert np.isfinite(delta).all()
        assert np.abs(delta).max() <= 1
