"""Coarser meshes for drawing: the simulated model and its physics stay as they are."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from hil_serl_ros.sim.rendering import CELL
from hil_serl_ros.sim.tasks import task_named
from hil_serl_ros.sim.thinning import thinned
from hil_serl_ros.sim.world import World


@pytest.fixture(scope="module")
def world() -> World:
    return World(task_named("pick_cube"))


def saved(model: mujoco.MjModel) -> bytes:
    """The whole model, as MuJoCo writes it."""
    buffer = np.zeros(mujoco.mj_sizeModel(model), np.uint8)
    mujoco.mj_saveModel(model, None, buffer)
    return buffer.tobytes()


def test_the_model_that_is_simulated_stays_bit_for_bit(world: World) -> None:
    before = saved(world.model)
    drawn = thinned(world.model, CELL)
    assert saved(world.model) == before
    assert saved(drawn) != before


def test_more_than_three_fifths_of_the_triangles_go(world: World) -> None:
    drawn = thinned(world.model, CELL)
    assert drawn.mesh_facenum.sum() < 0.4 * world.model.mesh_facenum.sum()
