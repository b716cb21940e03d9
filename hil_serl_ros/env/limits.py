"""The limits of a command: finite, inside the workspace, under the speed limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


class CommandRefused(ValueError):
    """A command that no clipping makes safe; the message is one sentence."""


@dataclass(frozen=True)
class Limits:
    """What the tool may be asked for, in the base frame.

    Attributes:
        low, high: corners of the workspace, (3,) m.
        speed: largest speed of the target, m/s.
        rotation_speed: largest angular speed of the target, rad/s.
    """

    low: np.ndarray
    high: np.ndarray
    speed: float
    rotation_speed: float


@dataclass(frozen=True)
class Pose:
    """Position (3,) m and unit quaternion (4,) w x y z."""

    position: np.ndarray
    quaternion: np.ndarray


def limited(wanted: Pose, held: Pose, gripper: float, seconds: float, limits: Limits) -> tuple[Pose, str]:
    """``wanted`` moved into the limits, and a sentence that says how (empty: not moved).

    Args:
        wanted: the target asked for.
        held: the target that the robot holds now; speed is measured from it, so limits never wind up.
        gripper: closure asked for.
        seconds: time that the motion has.
        limits: the limits.

    Raises:
        CommandRefused: a number that is not finite, no orientation, or a closure outside 0 to 1.
    """
    if not (np.isfinite(wanted.position).all() and np.isfinite(wanted.quaternion).all() and np.isfinite(gripper)):
        raise CommandRefused("the command has a number that is not finite")
    norm = float(np.linalg.norm(wanted.quaternion))
    if not 0.5 < norm < 2.0:
        raise CommandRefused("the command's orientation is not a quaternion")
    if not 0.0 <= gripper <= 1.0:
        raise CommandRefused(f"the command's gripper closure {gripper} is not between 0 and 1")
    reasons = []
    position = np.clip(wanted.position, limits.low, limits.high)
    if (position != wanted.position).any():
        reasons.append("outside the workspace")
    motion = position - held.position
    distance = float(np.linalg.norm(motion))
    # A tool that starts outside the workspace may come back in at the allowed speed.
    reach = limits.speed * seconds
    if distance > reach * (1 + 1e-9):
        position = held.position + motion * (reach / distance)
        reasons.append("faster than the speed limit")
    quaternion = wanted.quaternion if abs(norm - 1.0) < 1e-6 else wanted.quaternion / norm
    angle = angle_between(held.quaternion, quaternion)
    turn = limits.rotation_speed * seconds
    if angle > turn * (1 + 1e-9) + 1e-6:
        quaternion = slerp(held.quaternion, quaternion, turn / angle)
        reasons.append("faster than the rotation limit")
    return Pose(position, quaternion), " and ".join(reasons)


def angle_between(a: np.ndarray, b: np.ndarray) -> float:
    """Angle in rad of the rotation between two unit quaternions (either sign)."""
    return 2.0 * float(np.arccos(np.clip(abs(a @ b), 0.0, 1.0)))


def slerp(a: np.ndarray, b: np.ndarray, fraction: float) -> np.ndarray:
    """Spherical interpolation from unit quaternion ``a`` towards ``b`` (Shoemake 1985), the short way."""
    b = b if a @ b >= 0 else -b
    angle = float(np.arccos(np.clip(a @ b, -1.0, 1.0)))
    if angle < 1e-9:
        return b
    return (np.sin((1 - fraction) * angle) * a + np.sin(fraction * angle) * b) / np.sin(angle)
