"""What rviz2 shows beside the robot: workspace, target, who drives, value, call for help, objects."""

from __future__ import annotations

import itertools
import math

import numpy as np
from geometry_msgs.msg import Point, Pose, Vector3
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker

from hil_serl_ros.msg import PolicyState, RobotCommand, TaskState
from hil_serl_ros.ros.convert import position_array, quaternion_array
from hil_serl_ros.sim.tasks import OBJECT_HEIGHT

NOBODY, POLICY, PERSON = "nobody", "policy", "person"
COLOURS = {NOBODY: (0.6, 0.6, 0.6), POLICY: (0.2, 0.5, 1.0), PERSON: (1.0, 0.6, 0.0)}
GREY, GREEN, RED = (0.7, 0.7, 0.7), (0.2, 0.8, 0.2), (1.0, 0.1, 0.1)
LINE, LETTER = 0.004, 0.035  # m: width of a line, height of a capital letter
BAR, TALLEST = 0.03, 0.3  # m: width of the value's bar, its height at a value of 1
ARROW = 0.08  # m


def driver_of(command: RobotCommand | None, silent: bool) -> tuple[str, str]:
    """Who moves the arm, a key of ``COLOURS``, and why nobody does (empty: not said)."""
    if command is None or silent:
        return NOBODY, "no command"
    if command.verdict == RobotCommand.VERDICT_HELD or command.source == RobotCommand.SOURCE_HOLD:
        return NOBODY, command.reason
    return (PERSON if command.source == RobotCommand.SOURCE_HUMAN else POLICY), ""


class Markers:
    """Makes markers in ``frame``, the robot's base. Lengths in m.

    Their stamp is 0, which means the latest transform: a marker is never late.
    """

    def __init__(self, frame: str) -> None:
        self._frame = frame

    def workspace(self, low: np.ndarray, high: np.ndarray) -> list[Marker]:
        """The edges of the box that `safety` keeps the tool in; corners (3,)."""
        box = self._marker("workspace", Marker.LINE_LIST, GREY)
        box.scale.x = LINE
        for start in itertools.product((0, 1), repeat=3):
            for axis in (a for a in range(3) if not start[a]):
                end = tuple(1 if a == axis else s for a, s in enumerate(start))
                box.points += [_point(np.where(corner, high, low)) for corner in (start, end)]
        return [box]

    def target(self, target: Pose, driver: str) -> list[Marker]:
        """Where the tool shall be, in the colour of who drives: a ball, and an arrow along the tool's approach."""
        ball = self._marker("target", Marker.SPHERE, COLOURS[driver], 0.7)
        ball.pose, ball.scale = target, Vector3(x=0.025, y=0.025, z=0.025)
        arrow = self._marker("target", Marker.ARROW, COLOURS[driver], 0.7, number=1)
        tip = position_array(target)
        arrow.points = [_point(tip - ARROW * _z_axis(quaternion_array(target))), _point(tip)]
        arrow.scale = Vector3(x=0.008, y=0.016, z=0.02)  # diameter of shaft and head, length of the head
        return [ball, arrow]

    def driver(self, driver: str, why: str, corner: np.ndarray) -> list[Marker]:
        """Who drives, as text at ``corner`` (3,)."""
        words = f"{driver} drives" + (f": {why}" if why else "")
        return [self._words("driver", words, COLOURS[driver], corner, 0.06)]

    def value(self, state: PolicyState, corner: np.ndarray) -> list[Marker]:
        """The policy's own estimate of its chances: a bar, ``TALLEST`` at 1, and the number, or nothing."""
        if math.isnan(state.value):
            return [self._gone("value", 0), self._gone("value", 1)]
        share = min(max(state.value, 0.0), 1.0)
        height = max(share * TALLEST, 0.001)
        red, green, blue = ((1 - share) * bad + share * good for bad, good in zip(RED, GREEN, strict=True))
        bar = self._marker("value", Marker.CUBE, (red, green, blue), 0.9)
        bar.scale = Vector3(x=BAR, y=BAR, z=height)
        x, y, z = (float(v) for v in corner)
        bar.pose.position = Point(x=x, y=y, z=z + height / 2)
        words = self._words("value", f"value {state.value:.2f}", GREY, np.array([x, y, z + height]), 0.03, number=1)
        return [bar, words]

    def help(self, state: PolicyState, corner: np.ndarray) -> list[Marker]:
        """The policy's call for the person, as text, while it calls."""
        if not state.called:
            return [self._gone("help", 0)]
        return [self._words("help", f"help: {state.reason}", RED, corner, 0.12)]

    def objects(self, task: TaskState) -> list[Marker]:
        """The simulated objects as cubes, and their places."""
        shown = []
        edge = 2 * OBJECT_HEIGHT
        for number, pose in enumerate(task.object_poses):
            cube = self._marker("objects", Marker.CUBE, RED, 0.9, number=number)
            cube.pose, cube.scale = pose, Vector3(x=edge, y=edge, z=edge)
            shown.append(cube)
        for number, pose in enumerate(task.goal_poses):
            place = self._marker("goals", Marker.CUBE, GREEN, 0.4, number=number)
            place.pose, place.scale = pose, Vector3(x=edge, y=edge, z=0.002)
            shown.append(place)
        return shown

    def _words(
        self, name: str, words: str, colour: tuple[float, float, float], at: np.ndarray, above: float, number: int = 0
    ) -> Marker:
        marker = self._marker(name, Marker.TEXT_VIEW_FACING, colour, number=number)
        marker.text = words
        marker.scale.z = LETTER
        marker.pose.position = _point(at + np.array([0.0, 0.0, above]))
        return marker

    def _marker(
        self, name: str, kind: int, colour: tuple[float, float, float], alpha: float = 1.0, number: int = 0
    ) -> Marker:
        marker = Marker(ns=name, id=number, type=kind, action=Marker.ADD)
        marker.header.frame_id = self._frame
        red, green, blue = colour
        marker.color = ColorRGBA(r=red, g=green, b=blue, a=alpha)
        marker.pose.orientation.w = 1.0
        return marker

    def _gone(self, name: str, number: int) -> Marker:
        marker = Marker(ns=name, id=number, action=Marker.DELETE)
        marker.header.frame_id = self._frame
        return marker


def _point(position: np.ndarray) -> Point:
    x, y, z = (float(v) for v in position)
    return Point(x=x, y=y, z=z)


def _z_axis(quaternion: np.ndarray) -> np.ndarray:
    """(3,) third column of the rotation matrix of a unit quaternion (w x y z)."""
    w, x, y, z = quaternion
    return np.array([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)])
