"""The limits of a command: finite, inside the workspace, under the speed and acceleration limits."""

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
        soft_edge: distance to a wall from which on the speed towards it falls linearly, to none at the wall, m.
        acceleration: largest change of the target's velocity, m/s^2; slowing down is always allowed.
        gripper_low, gripper_high: smallest and largest closure, 0 open to 1 closed.
        gripper_speed: largest change of the closure, 1/s.
    """

    low: np.ndarray
    high: np.ndarray
    speed: float
    rotation_speed: float
    soft_edge: float = 0.0
    acceleration: float = np.inf
    gripper_low: float = 0.0
    gripper_high: float = 1.0
    gripper_speed: float = np.inf


@dataclass(frozen=True)
class Pose:
    """Position (3,) m and unit quaternion (4,) w x y z."""

    position: np.ndarray
    quaternion: np.ndarray


@dataclass(frozen=True)
class Held:
    """What the robot holds: everything is measured from it, so limits never wind up.

    ``velocity`` (3,) m/s is the target's in the command before; none where that was held.
    """

    pose: Pose
    gripper: float
    velocity: np.ndarray

    def at_rest(self) -> Held:
        """The same, not moving."""
        return Held(self.pose, self.gripper, np.zeros(3))


def limited(wanted: Pose, gripper: float, held: Held, seconds: float, limits: Limits) -> tuple[Held, str]:
    """``wanted`` and its ``gripper`` closure moved into the limits, and a sentence that says how (empty: not moved).

    Args:
        wanted: the target asked for.
        gripper: closure asked for.
        held: what the robot holds now.
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
    position, reasons = _reachable(wanted.position, held, seconds, limits)
    before = held.pose
    quaternion = wanted.quaternion if abs(norm - 1.0) < 1e-6 else wanted.quaternion / norm
    angle = angle_between(before.quaternion, quaternion)
    turn = limits.rotation_speed * seconds
    if angle > turn * (1 + 1e-9) + 1e-6:
        quaternion = slerp(before.quaternion, quaternion, turn / angle)
        reasons.append("faster than the rotation limit")
    grip = min(max(gripper, limits.gripper_low), limits.gripper_high)
    most = limits.gripper_speed * seconds
    if grip != gripper:
        reasons.append("beyond the gripper's limits")
    if abs(grip - held.gripper) > most * (1 + 1e-9):
        grip = held.gripper + (most if grip > held.gripper else -most)
        reasons.append("faster than the gripper's limit")
    velocity = (position - before.position) / seconds if seconds > 0 else np.zeros(3)
    return Held(Pose(position, quaternion), grip, velocity), " and ".join(reasons)


def _reachable(wanted: np.ndarray, held: Held, seconds: float, limits: Limits) -> tuple[np.ndarray, list[str]]:
    """The position (3,) nearest to ``wanted`` that may be reached in ``seconds``, and what stood in the way."""
    reasons = []
    start = held.pose.position
    position = np.clip(wanted, limits.low, limits.high)
    if (position != wanted).any():
        reasons.append("outside the workspace")
    motion = position - start
    distance = float(np.linalg.norm(motion))
    # A tool that starts outside the workspace may come back in at the allowed speed.
    reach = limits.speed * seconds
    if distance > reach * (1 + 1e-9):
        position = start + motion * (reach / distance)
        reasons.append("faster than the speed limit")
    if seconds > 0:
        change = _acceleration((position - start) / seconds, held.velocity, limits.acceleration * seconds)
        if change is not None:
            position = start + change * seconds
            reasons.append("faster than the acceleration limit")
    floor = np.minimum(limits.low + _nearest(start - limits.low, reach, limits), start)
    ceiling = np.maximum(limits.high - _nearest(limits.high - start, reach, limits), start)
    # Towards a wall only: away from it, or from outside, one may go as fast as anywhere.
    softened = np.where(position < start, np.maximum(position, floor), np.minimum(position, ceiling))
    if (softened != position).any():
        position = softened
        reasons.append("slowed at the workspace's edge")
    return position, reasons


def _acceleration(velocity: np.ndarray, before: np.ndarray, most: float) -> np.ndarray | None:
    """``velocity`` changed from ``before`` by ``most`` (m/s) at most, or None if it is within that.

    What slows down along the way of before is free, so a stop is never delayed.
    """
    speed2 = float(before @ before)
    slowed = before * np.clip(velocity @ before / speed2, 0.0, 1.0) if speed2 > 0 else before
    change = velocity - slowed
    size = float(np.linalg.norm(change))
    return slowed + change * (most / size) if size > most * (1 + 1e-9) else None


def _nearest(distance: np.ndarray, reach: float, limits: Limits) -> np.ndarray:
    """How near (m) to walls that are ``distance`` (3,) away one may come within ``reach`` m of full speed.

    Inside the edge the speed is proportional to the distance, so the distance falls exponentially.
    """
    edge = limits.soft_edge
    if edge <= 0.0:
        return np.zeros(3)
    inside = np.maximum(reach - np.maximum(distance - edge, 0.0), 0.0)
    return np.clip(distance, 0.0, edge) * np.exp(-inside / edge)


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
