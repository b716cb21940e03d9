"""The simulated cameras: what they show, that it is the world's present state, and what happens without OpenGL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple

import mujoco
import numpy as np
import pytest

from hil_serl_ros.probes import try_python
from hil_serl_ros.settings import SettingError
from hil_serl_ros.sim.rendering import CAMERAS, FULL, Renderer
from hil_serl_ros.sim.tasks import task_named
from hil_serl_ros.sim.thinning import thinned
from hil_serl_ros.sim.world import World

SIZE = 128
DRAW = """
import sys
from hil_serl_ros.settings import SettingError
from hil_serl_ros.sim.rendering import Renderer
from hil_serl_ros.sim.tasks import task_named
from hil_serl_ros.sim.world import World
world = World(task_named("pick_cube"))
world.step()
try:
    print(Renderer(world, ("front",), 64, 64).backend)
except SettingError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def world() -> World:
    return World(task_named("pick_cube"))


@pytest.fixture(scope="module")
def renderer(world: World) -> Iterator[Renderer]:
    renderer = Renderer(world, tuple(CAMERAS), SIZE, SIZE)
    yield renderer
    renderer.close()


def away(world: World) -> None:
    """Move the arm out of the front camera's line of sight to the cube."""
    world.reset(2)
    position = world.target_position + np.array([-0.1, -0.2, 0.2])
    for _ in range(10):
        world.set_target(position, world.target_quaternion_wxyz, 0.0)
        world.step()


def projected(world: World, renderer: Renderer, camera: str, point: np.ndarray) -> tuple[float, float, float]:
    """Column and row of ``point`` (m, base frame) by the published intrinsics, and its distance along the axis."""
    seen = world.data.camera(CAMERAS[camera])
    # MuJoCo's camera looks along -z with y up; the optical frame (REP-103) along z with y down.
    x, y, z = seen.xmat.reshape(3, 3).T @ (point - seen.xpos) * [1, -1, -1]
    lens = renderer.intrinsics(camera)
    return lens.focal * x / z + lens.center_x, lens.focal * y / z + lens.center_y, z


def pink(picture: np.ndarray) -> np.ndarray:
    """Rows and columns (n, 2) of the cube's pixels."""
    red, green, blue = picture.astype(int).transpose(2, 0, 1)
    return np.argwhere((red > green + 40) & (blue > green + 40))


@pytest.mark.parametrize("camera", CAMERAS)
def test_a_picture_is_red_green_blue_of_the_size_asked_for(renderer: Renderer, camera: str) -> None:
    picture = renderer.picture(camera)
    assert (picture.shape, picture.dtype) == ((SIZE, SIZE, 3), np.uint8)
    assert picture.std() > 5


def test_the_cube_is_where_the_intrinsics_say_and_it_is_pink(world: World, renderer: Renderer) -> None:
    away(world)
    column, row, _ = projected(world, renderer, "front", world.object_positions[0])
    found = pink(renderer.picture("front"))
    assert len(found) > 5
    np.testing.assert_allclose(found.mean(axis=0), [row, column], atol=1.0)


def test_depth_is_the_distance_along_the_optical_axis_in_metres(world: World, renderer: Renderer) -> None:
    away(world)
    picture, depth = renderer.picture_and_depth("front")
    assert (depth.shape, depth.dtype) == ((SIZE, SIZE), np.float32)
    np.testing.assert_array_equal(picture, renderer.picture("front"))
    seen = world.data.camera(CAMERAS["front"])
    lens = renderer.intrinsics("front")
    group, checked = np.array([1, 1, 1, 0, 0, 0], np.uint8), 0
    for row in range(20, SIZE, 12):
        for column in range(2, SIZE, 12):
            ray = np.array([(column - lens.center_x) / lens.focal, -(row - lens.center_y) / lens.focal, -1.0])
            ray = seen.xmat.reshape(3, 3) @ ray
            away_by = mujoco.mj_ray(world.model, world.data, seen.xpos, ray, group, 1, -1, np.zeros(1, np.int32))
            around = depth[row - 1 : row + 2, column - 1 : column + 2]
            if 0 < away_by < 3 and np.ptp(around) < 0.02:  # on a surface, not on an edge
                assert depth[row, column] == pytest.approx(away_by, abs=0.006)
                checked += 1
    assert checked > 20


def test_the_picture_after_a_step_is_that_of_the_new_state(world: World, renderer: Renderer) -> None:
    world.reset(3)
    before = {camera: renderer.picture(camera) for camera in CAMERAS}
    world.set_target(world.target_position + np.array([0.03, 0.03, -0.03]), world.target_quaternion_wxyz, 1.0)
    world.step()
    after = {camera: renderer.picture(camera) for camera in CAMERAS}
    fresh = World(task_named("pick_cube"))
    fresh.data.qpos[:] = world.data.qpos
    mujoco.mj_forward(fresh.model, fresh.data)
    other = Renderer(fresh, tuple(CAMERAS), SIZE, SIZE)
    for camera in CAMERAS:
        assert (after[camera] != before[camera]).any(), camera
        # The world's derived positions are those of the last physics step's start: 2 ms of motion apart.
        assert np.abs(after[camera].astype(int) - other.picture(camera)).mean() < 0.5
    other.close()


@pytest.mark.parametrize("quality", ["fast", FULL])
def test_the_same_state_gives_the_same_pixels_in_another_renderer_too(quality: str) -> None:
    pictures = []
    for _ in range(2):
        world = World(task_named("pick_cube"))
        world.reset(5)
        world.step()
        renderer = Renderer(world, tuple(CAMERAS), 64, 64, quality)
        pictures.append([renderer.picture(camera) for camera in CAMERAS])
        pictures.append([renderer.picture(camera) for camera in CAMERAS])
        renderer.close()
    for other in pictures[1:]:
        np.testing.assert_array_equal(pictures[0], other)


def test_fast_pictures_look_like_full_ones_but_for_light_and_shadow(world: World) -> None:
    away(world)
    shapes = []
    for quality in ("fast", FULL):
        renderer = Renderer(world, ("front",), SIZE, SIZE, quality)
        picture, depth = renderer.picture_and_depth("front")
        shapes.append((pink(picture).mean(axis=0), depth))
        renderer.close()
    (fast_cube, fast_depth), (full_cube, full_depth) = shapes
    np.testing.assert_allclose(fast_cube, full_cube, atol=0.5)
    # On surfaces: multisampling takes depth up to half a pixel beside the middle, and outlines may be a pixel off.
    around = np.stack([np.roll(full_depth, (down, right), (0, 1)) for down in (-1, 0, 1) for right in (-1, 0, 1)])
    surface = np.ptp(around, axis=0) < 0.02 * full_depth
    assert surface.mean() > 0.4
    assert (np.abs(fast_depth / full_depth - 1) < 0.01)[surface].mean() > 0.99


def test_drawing_changes_nothing_in_the_world() -> None:
    worlds = [World(task_named("pick_cube")) for _ in range(2)]
    renderer = Renderer(worlds[0], tuple(CAMERAS), 64, 64)
    for world in worlds:
        for _ in range(3):
            if world is worlds[0]:
                renderer.picture_and_depth("wrist")
            world.set_target(world.target_position + np.array([0.02, 0, -0.02]), world.target_quaternion_wxyz, 0.0)
            world.step()
    renderer.close()
    np.testing.assert_array_equal(worlds[0].data.qpos, worlds[1].data.qpos)


def test_thinned_meshes_stay_near_the_whole_ones_with_less_than_half_of_the_triangles(world: World) -> None:
    cell = 0.005
    drawn = thinned(world.model, cell)
    assert drawn.mesh_facenum.sum() < 0.5 * world.model.mesh_facenum.sum()
    for mesh in range(drawn.nmesh):
        first, start = drawn.mesh_vertadr[mesh], drawn.mesh_faceadr[mesh]
        vertices = drawn.mesh_vert[first : first + drawn.mesh_vertnum[mesh]]
        used = vertices[np.unique(drawn.mesh_face[start : start + drawn.mesh_facenum[mesh]])]
        # No part of a mesh is lost: its extent stays.
        np.testing.assert_allclose(used.min(axis=0), vertices.min(axis=0), atol=2 * cell)
        np.testing.assert_allclose(used.max(axis=0), vertices.max(axis=0), atol=2 * cell)


@pytest.mark.parametrize("camera", CAMERAS)
def test_the_focal_length_is_the_fields_of_view(world: World, renderer: Renderer, camera: str) -> None:
    lens = renderer.intrinsics(camera)
    fovy = np.radians(world.model.camera(CAMERAS[camera]).fovy[0])
    assert 2 * np.arctan(SIZE / 2 / lens.focal) == pytest.approx(fovy)
    assert astuple(lens)[:2] == (SIZE, SIZE)


def test_an_unknown_camera_is_refused_with_those_that_there_are(world: World) -> None:
    with pytest.raises(SettingError, match=r"no camera side; the simulated ones are front, wrist"):
        Renderer(world, ("front", "side"), SIZE, SIZE)


def test_without_opengl_the_world_runs_and_cameras_are_refused_with_the_packages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("__EGL_VENDOR_LIBRARY_DIRS", "/nonexistent")
    monkeypatch.setenv("MUJOCO_GL", "egl")
    said = try_python(DRAW, {}).words
    assert said.startswith("the cameras cannot be rendered (egl: no device can be used)")
    assert "libegl1" in said
    assert "libgl1-mesa-dri" in said
    assert "libosmesa6" in said


@pytest.mark.parametrize("name", ["glfw", "nonsense", "off"])
def test_a_backend_that_cannot_draw_off_screen_is_refused_not_a_crash(name: str) -> None:
    tried = try_python(DRAW, {"MUJOCO_GL": name})
    assert (tried.ok, tried.words) == (
        True,
        f"MUJOCO_GL is '{name}'; cameras are rendered off screen by egl or osmesa",
    )


def test_an_egl_without_a_device_leaves_the_process_open_to_osmesa() -> None:
    """Loaded for the whole process, libEGL is where MuJoCo takes its functions from, and OSMesa fails."""
    code = (
        "import ctypes; from hil_serl_ros.sim import gl; import mujoco\n"
        "try: gl.opened(mujoco.MjModel.from_xml_string('<mujoco/>'))\n"
        "except gl.SettingError: pass\n"
        "print(hasattr(ctypes.CDLL(None), 'eglGetProcAddress'))"
    )
    tried = try_python(code, {"__EGL_VENDOR_LIBRARY_DIRS": "/nonexistent", "MUJOCO_GL": ""})
    assert (tried.ok, tried.words) == (True, "False")


def test_a_context_that_mujoco_cannot_use_is_followed_by_the_next_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    from hil_serl_ros.sim import gl

    def broken(backend: str, model: mujoco.MjModel) -> None:
        raise mujoco.FatalError("gladLoadGL error")

    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.setattr(gl, "_open", broken)
    with pytest.raises(SettingError, match=r"egl: gladLoadGL error; osmesa: gladLoadGL error"):
        gl.opened(mujoco.MjModel.from_xml_string("<mujoco/>"))
