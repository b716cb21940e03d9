"""Names, starts and judgements of the tasks."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from hil_serl_ros.sim.operator import PLACED
from hil_serl_ros.sim.tasks import TASKS, name_of, task_named, time_limit
from hil_serl_ros.sim.world import World, assets

NOWHERE = np.zeros((0, 3))
START = np.array([[0.4, 0.0, 0.02]])


@pytest.mark.parametrize("name", TASKS)
def test_every_task_starts_undone_within_its_bounds_and_its_reach_and_at_rest(name: str) -> None:
    world = World(task_named(name))
    assert (world.tool_position > world.task.workspace_low).all()
    assert (world.tool_position < world.task.workspace_high).all()
    for seed in range(5):
        world.reset(seed)
        assert not world.outcome().terminated
        starts = world.object_positions
        for places in (starts, world.goal_positions):
            assert (places[:, :2] >= world.task.workspace_low[:2]).all()
            assert (places[:, :2] <= world.task.workspace_high[:2]).all()
        world.step()
        np.testing.assert_allclose(world.object_positions, starts, atol=0.002)


def test_a_scene_can_be_a_file_of_ones_own(tmp_path: Path) -> None:
    shutil.copytree(assets(), tmp_path / "assets")
    file = tmp_path / "assets" / "scene.xml"
    file.write_text(file.read_text().replace('size=".02 .02 .02" mass="0.1"', 'size=".02 .02 .02" mass="0.3"'))
    world = World(dataclasses.replace(task_named("pick_cube"), scene=str(file)))
    assert world.model.body("block").mass[0] == pytest.approx(0.3)


@pytest.mark.parametrize("prefix", ["", "gym_hil/"])
@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("PandaPickCubeBase-v0", "pick_cube"),
        ("PandaPickCube-v0", "pick_cube"),
        ("PandaArrangeBoxesBase-v0", "arrange_boxes"),
        ("PandaArrangeBoxes-v0", "arrange_boxes"),
    ],
)
def test_gym_hils_names_give_our_tasks(prefix: str, name: str, ours: str) -> None:
    assert task_named(prefix + name) is task_named(ours)


@pytest.mark.parametrize("name", ["pick_cub", "", "gym_hil/", "PandaPickCube-v1"])
def test_an_unknown_task_is_refused_with_the_names_that_exist(name: str) -> None:
    with pytest.raises(ValueError, match=r"there is no task .*pick_cube, arrange_boxes, PandaPickCubeBase-v0"):
        task_named(name)


def test_a_name_that_is_not_simulated_is_a_real_robots_task_and_has_no_time_limit_of_its_own() -> None:
    assert (name_of("insert_plug"), time_limit("insert_plug")) == ("insert_plug", 0)
    assert (name_of("gym_hil/PandaPickCube-v0"), time_limit("PandaPickCube-v0")) == ("pick_cube", 100)


def test_a_cube_starts_anywhere_in_the_sampling_box_and_nowhere_else() -> None:
    task = task_named("pick_cube")
    random = np.random.default_rng(0)
    starts = np.concatenate([task.start(random) for _ in range(500)])
    assert starts.shape == (500, 3)
    low, high = starts.min(axis=0), starts.max(axis=0)
    assert (low >= (0.3, -0.15, 0.02)).all()
    assert (high <= (0.5, 0.15, 0.02)).all()
    np.testing.assert_allclose(low, (0.3, -0.15, 0.02), atol=0.005)
    np.testing.assert_allclose(high, (0.5, 0.15, 0.02), atol=0.005)


def test_boxes_start_in_a_shuffled_row() -> None:
    task = task_named("arrange_boxes")
    orders = set()
    for seed in range(20):
        start = task.start(np.random.default_rng(seed))
        np.testing.assert_array_equal(start[:, 0], 0.3)
        np.testing.assert_allclose(np.sort(start[:, 1]), [-0.3, -0.15, 0.0, 0.15, 0.3], atol=1e-12)
        orders.add(tuple(start[:, 1]))
    assert len(orders) > 10


@pytest.mark.parametrize(("height", "lifted"), [(0.119, False), (0.1201, True)])
def test_a_cube_lifted_by_more_than_ten_centimetres_is_success(height: float, lifted: bool) -> None:
    outcome = task_named("pick_cube").outcome(np.array([[0.4, 0.0, height]]), NOWHERE, START)
    assert (outcome.reward, outcome.success, outcome.terminated) == (float(lifted), lifted, lifted)


@pytest.mark.parametrize(
    ("xy", "lost"),
    [
        ((0.251, 0.0), False),
        ((0.249, 0.0), True),
        ((0.549, 0.0), False),
        ((0.551, 0.0), True),
        ((0.4, 0.199), False),
        ((0.4, 0.201), True),
        ((0.4, -0.201), True),
    ],
)
def test_a_cube_that_leaves_the_sampling_box_by_five_centimetres_ends_the_episode_without_success(
    xy: tuple[float, float], lost: bool
) -> None:
    outcome = task_named("pick_cube").outcome(np.array([[*xy, 0.02]]), NOWHERE, START)
    assert (outcome.reward, outcome.success, outcome.terminated) == (0.0, False, lost)


def test_boxes_are_arranged_only_when_each_lies_on_its_own_place() -> None:
    task = task_named("arrange_boxes")
    goals = np.column_stack([np.full(5, 0.5), np.linspace(-0.3, 0.3, 5), np.zeros(5)])
    placed = goals + np.array([0.0, 0.0, 0.02])
    assert task.outcome(placed, goals, placed).success
    for box in range(5):
        moved = placed.copy()
        moved[box, 0] += PLACED
        assert not task.outcome(moved, goals, placed).success
    swapped = placed[[1, 0, 2, 3, 4]]
    outcome = task.outcome(swapped, goals, placed)
    assert (outcome.reward, outcome.success, outcome.terminated) == (0.0, False, False)


@pytest.mark.parametrize("name", ["pick_cube", "arrange_boxes"])
def test_what_a_task_copies_from_gym_hil_is_what_gym_hil_has(name: str) -> None:
    import gym_hil.envs.panda_arrange_boxes_gym_env as arrange
    import gym_hil.envs.panda_pick_gym_env as pick

    source = {"pick_cube": pick, "arrange_boxes": arrange}[name]
    task = task_named(name)
    np.testing.assert_array_equal(task.home, source._PANDA_HOME)
    np.testing.assert_array_equal([task.workspace_low, task.workspace_high], source._CARTESIAN_BOUNDS)
    reach = 0.05 if name == "pick_cube" else 0.35
    bounds = source._SAMPLING_BOUNDS + np.array([[-reach], [reach]])
    np.testing.assert_allclose([task.bounds_low, task.bounds_high], bounds)
