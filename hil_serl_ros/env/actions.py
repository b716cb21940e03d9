"""The policy's actions and the robot's commands: one arithmetic for both directions.

An action is (4,) float32: x y z in [-1, 1], each times :data:`STEP` from the target that the robot
holds, then the gripper's class (0 open, 1 keep, 2 close), as in gym_hil and lerobot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

STEP = 0.025  # m of the tool's target for an action of 1, as gym_hil's
TURN = 0.1  # rad about an axis of the base frame for a person's rotation of 1
OPEN, KEEP, CLOSE = 0, 1, 2
GRIPPER_PENALTY = -0.02  # for each change of the gripper's state, as published with HIL-SERL


@dataclass(frozen=True)
class Target:
    """What the robot holds: tool position (3,) m in the base frame, and closure 0 open to 1 closed."""

    position: np.ndarray
    gripper: float


def checked(action: np.ndarray) -> np.ndarray:
    """``action`` as (4,) float32 within its bounds.

    Raises:
        ValueError: another shape, a number that is not finite, or a gripper class other than 0, 1, 2.
    """
    result = np.asarray(action, np.float32)
    if result.shape != (4,):
        raise ValueError(f"an action has 4 elements (x y z and the gripper class); this one has shape {result.shape}")
    if not np.isfinite(result).all():
        raise ValueError(f"action {result.tolist()} is not finite")
    result = np.clip(result, (-1, -1, -1, 0), (1, 1, 1, 2)).astype(np.float32)
    result[3] = np.round(result[3])
    return result


def target_of(action: np.ndarray, held: Target) -> Target:
    """The absolute target that ``action`` asks for while ``held`` is held; limits are `safety`'s business."""
    wanted = {OPEN: 0.0, KEEP: held.gripper, CLOSE: 1.0}[int(action[3])]
    return Target(held.position + STEP * np.asarray(action[:3], np.float64), wanted)


def turned(quaternion: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Unit ``quaternion`` (4,) w x y z after a ``rotation`` (3,) of roll pitch yaw in [-1, 1], each times TURN.

    The three are one rotation vector about the base frame's axes.
    """
    vector = TURN * np.asarray(rotation, np.float64)
    angle = float(np.linalg.norm(vector))
    if angle == 0.0:
        return quaternion
    w, axis = np.cos(angle / 2), np.sin(angle / 2) * vector / angle
    v = quaternion[1:]
    result = np.array([w * quaternion[0] - axis @ v, *(w * v + quaternion[0] * axis + np.cross(axis, v))])
    return result / np.linalg.norm(result)


def executed_action(requested: np.ndarray, held: Target, executed: Target) -> np.ndarray:
    """The action that was executed, from the target held before and the one that `safety` let pass.

    The gripper's class is the requested one where that was executed: closing a closed gripper and
    keeping it are the same command, and the choice between them is the policy's.
    """
    action = np.empty(4, np.float32)
    action[:3] = np.clip((executed.position - held.position) / STEP, -1.0, 1.0)
    if executed.gripper == target_of(requested, held).gripper:
        action[3] = requested[3]
    elif executed.gripper == held.gripper:
        action[3] = KEEP
    else:
        action[3] = CLOSE if executed.gripper > held.gripper else OPEN
    return action


def gripper_penalty(held: Target, executed: Target, penalty: float = GRIPPER_PENALTY) -> float:
    """``penalty`` if the command changed the gripper's state, else 0: holding is free."""
    return penalty if executed.gripper != held.gripper else 0.0
