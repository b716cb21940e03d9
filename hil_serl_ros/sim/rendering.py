"""The simulated cameras: pictures, depth and intrinsics of a world, off screen."""

from __future__ import annotations

import copy
import os
from dataclasses import dataclass

import mujoco
import numpy as np

from hil_serl_ros.settings import SettingError
from hil_serl_ros.sim import gl
from hil_serl_ros.sim.thinning import thinned
from hil_serl_ros.sim.world import World

CAMERAS = {"front": "front", "wrist": "handcam_rgb"}  # ours to gym_hil's
FAST, FULL = "fast", "full"
CELL = 0.005  # m; half a pixel of the front camera at 256 pixels


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera without distortion: focal length and principal point in pixels."""

    width: int
    height: int
    focal: float
    center_x: float
    center_y: float


class Renderer:
    """Draws ``world`` as its cameras see it. The same state gives the same pixels.

    ``fast`` leaves out shadows, reflections and multisampling and draws coarser meshes; ``full`` draws the scene as
    MuJoCo would show it.

    Args:
        world: what is drawn; its state at the time of the call.
        cameras: names in ``CAMERAS``.
        width, height: of the pictures, pixels.
        quality: ``fast`` or ``full``.

    Raises:
        SettingError: an unknown camera, or no OpenGL.
    """

    def __init__(self, world: World, cameras: tuple[str, ...], width: int, height: int, quality: str = FAST) -> None:
        if unknown := [name for name in cameras if name not in CAMERAS]:
            raise SettingError(f"there is no camera {unknown[0]}; the simulated ones are {', '.join(CAMERAS)}")
        self.cameras = cameras
        self._world = world
        fast = quality == FAST
        drawn = thinned(world.model, CELL) if fast else copy.copy(world.model)
        drawn.vis.global_.offwidth, drawn.vis.global_.offheight = width, height
        if fast:
            drawn.vis.quality.offsamples = 0
            drawn.vis.quality.shadowsize = 0
            # Mesa draws in this thread then: so little work is done sooner than it is handed to other threads,
            # which wait for a processor while the learner computes.
            os.environ.setdefault("LP_NUM_THREADS", "0")
        self.backend, self._gl, self._context = gl.opened(drawn)
        self._scene = mujoco.MjvScene(drawn, maxgeom=drawn.ngeom + 100)
        for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
            self._scene.flags[flag] = not fast
        self._options, self._perturb, self._camera = mujoco.MjvOption(), mujoco.MjvPerturb(), mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._rect = mujoco.MjrRect(0, 0, width, height)
        self._near, self._far = drawn.vis.map.znear * drawn.stat.extent, drawn.vis.map.zfar * drawn.stat.extent

    def picture(self, camera: str) -> np.ndarray:
        """uint8 (height, width, 3), red first, the top row first."""
        self._draw(camera)
        pixels = np.empty((self._rect.height, self._rect.width, 3), np.uint8)
        mujoco.mjr_readPixels(pixels, None, self._rect, self._context)
        return pixels[::-1]

    def picture_and_depth(self, camera: str) -> tuple[np.ndarray, np.ndarray]:
        """The picture, and float32 (height, width) of its pixels' distance along the optical axis in m."""
        self._draw(camera)
        pixels = np.empty((self._rect.height, self._rect.width, 3), np.uint8)
        raw = np.empty(pixels.shape[:2], np.float32)
        mujoco.mjr_readPixels(pixels, raw, self._rect, self._context)
        # OpenGL's window depth of a perspective projection, solved for the distance.
        near, far = self._near, self._far
        return pixels[::-1], (near / (1 - raw[::-1] * (1 - near / far))).astype(np.float32)

    def intrinsics(self, camera: str) -> Intrinsics:
        """Of the pictures, by the camera's vertical field of view."""
        width, height = self._rect.width, self._rect.height
        fovy = np.radians(self._world.model.camera(CAMERAS[camera]).fovy[0])
        # The middle of the picture lies between two pixels whose centres have whole numbers.
        return Intrinsics(width, height, 0.5 * height / np.tan(fovy / 2), (width - 1) / 2, (height - 1) / 2)

    def _draw(self, camera: str) -> None:
        model, data = self._world.model, self._world.data
        self._camera.fixedcamid = model.camera(CAMERAS[camera]).id
        everything = mujoco.mjtCatBit.mjCAT_ALL
        mujoco.mjv_updateScene(model, data, self._options, self._perturb, self._camera, everything, self._scene)
        mujoco.mjr_render(self._rect, self._scene, self._context)

    def close(self) -> None:
        """Free what OpenGL holds."""
        self._context.free()
        self._gl.free()
