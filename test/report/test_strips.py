"""The worst episodes as pictures."""

from __future__ import annotations

import logged_run
import numpy as np
import pytest
from logged_run import DEMONSTRATE, TRAIN

from hil_serl_ros.data.log_index import log_index
from hil_serl_ros.env.actions import KEEP, Target, target_of
from hil_serl_ros.report.redrawn import Redrawer
from hil_serl_ros.report.strips import FRAMES, endings, strips, worst
from hil_serl_ros.sim.tasks import task_named
from hil_serl_ros.sim.world import World

PLAN = [(DEMONSTRATE, 4, True), (TRAIN, 9, False), (TRAIN, 5, True), (TRAIN, 8, True), (TRAIN, 3, False)]


def test_late_failures_come_first_then_the_longest_successes(tmp_path):
    found = endings(log_index(logged_run.write(tmp_path, logged_run.steps(PLAN))))
    assert [ending.episode for ending in found] == [1, 2, 3, 4]  # a demonstration is nobody's failure
    assert [ending.episode for ending in worst(found)] == [4, 1, 3, 2]
    assert [ending.episode for ending in worst(found, 3)] == [4, 1, 3]


def test_an_episode_that_was_cut_by_a_death_is_not_shown(tmp_path):
    made = logged_run.steps(PLAN)
    found = endings(log_index(logged_run.write(tmp_path, made[:-1])))
    assert [ending.episode for ending in worst(found)] == [1, 3, 2]


def simulated(count: int) -> list:
    """Steps of an episode that was simulated, with actions to and fro."""
    made = logged_run.steps([(TRAIN, count, True)])
    world = World(task_named("pick_cube"))
    world.reset(made[0].seed)
    held, quaternion = Target(world.target_position, 0.0), world.target_quaternion_wxyz
    for number, step in enumerate(made):
        step.observation.state = [*step.observation.state[:-3], *world.tool_position.tolist()]
        step.action = [0.5 * (-1) ** (number // 3), 0.3, -0.2, float(KEEP)]
        held = target_of(np.array(step.action, np.float32), held)
        world.set_target(held.position, quaternion, held.gripper)
        world.step()
    last = made[-1].final_observation[0]
    last.state = [*last.state[:-3], *world.tool_position.tolist()]
    return made


def test_an_episode_without_pictures_is_drawn_again_in_simulation(tmp_path):
    made = simulated(12)
    index = log_index(logged_run.write(tmp_path, made))
    (strip,) = strips(endings(index), logged_run.LAYOUT)
    assert "drawn again" in strip.how
    assert len(strip.frames) == FRAMES
    assert [number for number, _, _ in strip.frames][:: FRAMES - 1] == [0, 12]
    assert all(content.startswith(b"\xff\xd8\xff") for _, _, content in strip.frames)
    assert strip.frames[-1][1] == made[-1].intervention  # who brought it there
    assert strip.driven == sum(step.intervention for step in made)


@pytest.mark.parametrize("spoil", ["tool", "seed"])
def test_an_episode_that_simulation_does_not_repeat_is_not_drawn_as_if_it_did(spoil):
    made = simulated(6)
    if spoil == "tool":
        made[4].observation.state[-1] += 0.05
    else:
        made[0].seed = -1
    assert Redrawer(logged_run.LAYOUT).frames(made, [0, 6]) == []


def test_without_pictures_and_simulation_the_tools_path_is_drawn(tmp_path):
    index = log_index(logged_run.write(tmp_path, logged_run.steps([(TRAIN, 6, False)])))
    (strip,) = strips(endings(index), logged_run.LAYOUT)
    assert (strip.how, strip.frames) == ("the tool's path", [])
    assert b"<svg" in strip.path
