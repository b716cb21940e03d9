"""The target on its way to a controller that follows poses: never in a step, never far from the tool."""

from __future__ import annotations

import numpy as np

from hil_serl_ros.env.limits import Pose, angle_between, slerp


class Following:
    """Goes from the target before to the new one in the time between two commands, or slower.

    An impedance controller answers a step of its target with a jerk, and commands come ten times a second.

    Args:
        pose: where it begins.
        speed: largest speed, m/s.
        rotation_speed: largest angular speed, rad/s.
    """

    def __init__(self, pose: Pose, speed: float, rotation_speed: float) -> None:
        self.goal = pose
        self._start = pose
        self._began = self._seconds = 0.0
        self._speed, self._rotation_speed = speed, rotation_speed

    def aim(self, goal: Pose, now: float, seconds: float) -> None:
        """Go to ``goal`` from where it is at ``now`` (s), in ``seconds`` or, where that is too fast, more."""
        self._start, self.goal, self._began = self.at(now), goal, now
        distance = float(np.linalg.norm(goal.position - self._start.position))
        angle = angle_between(self._start.quaternion, goal.quaternion)
        self._seconds = max(seconds, distance / self._speed, angle / self._rotation_speed)

    def at(self, now: float) -> Pose:
        """Where it is at ``now``."""
        if now - self._began >= self._seconds:
            return self.goal
        part = max(now - self._began, 0.0) / self._seconds
        position = self._start.position + part * (self.goal.position - self._start.position)
        return Pose(position, slerp(self._start.quaternion, self.goal.quaternion, part))

    def stop(self, now: float) -> None:
        """Stay where it is."""
        self.goal = self._start = self.at(now)
        self._seconds = 0.0

    def arrived(self, now: float) -> bool:
        """It is at its goal."""
        return now - self._began >= self._seconds


def near(target: Pose, measured: Pose, lead: float, turn: float) -> Pose:
    """``target`` itself, or what of the way to it is within ``lead`` m and ``turn`` rad of the ``measured`` tool.

    It bounds what a spring between the two pulls with, whatever stands in the tool's way.
    """
    away = target.position - measured.position
    distance = float(np.linalg.norm(away))
    angle = angle_between(measured.quaternion, target.quaternion)
    if distance <= lead and angle <= turn:
        return target
    position = measured.position + away * min(lead / max(distance, 1e-12), 1.0)
    return Pose(position, slerp(measured.quaternion, target.quaternion, min(turn / max(angle, 1e-12), 1.0)))
