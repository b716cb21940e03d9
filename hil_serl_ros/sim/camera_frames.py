"""Where the simulated cameras are: their optical frames, x right, y down, z forward (REP-103)."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from hil_serl_ros.sim.rendering import CAMERAS
from hil_serl_ros.sim.world import World

OPTICAL = np.diag([1.0, -1.0, -1.0])  # MuJoCo's cameras look along -z, and their y is up


@dataclass(frozen=True)
class CameraFrame:
    """Pose of ``<camera>_optical_frame`` in the tool's frame, if it moves with the tool, or else in the base's.

    ``position`` (3,) m, ``quaternion`` (4,) w x y z.
    """

    camera: str
    on_tool: bool
    position: np.ndarray
    quaternion: np.ndarray


def camera_frames(world: World) -> list[CameraFrame]:
    """The frames of all simulated cameras; a reset of the world does not change them."""
    model, data = world.model, world.data
    tool = np.zeros(9)
    mujoco.mju_quat2Mat(tool, world.tool_quaternion_wxyz)
    frames = []
    for name, theirs in CAMERAS.items():
        camera = model.camera(theirs).id
        on_tool = model.cam_bodyid[camera] != 0
        position, rotation = data.cam_xpos[camera].copy(), data.cam_xmat[camera].reshape(3, 3) @ OPTICAL
        if on_tool:
            position = tool.reshape(3, 3).T @ (position - world.tool_position)
            rotation = tool.reshape(3, 3).T @ rotation
        quaternion = np.zeros(4)
        mujoco.mju_mat2Quat(quaternion, rotation.ravel())
        frames.append(CameraFrame(name, bool(on_tool), position, quaternion))
    return frames
