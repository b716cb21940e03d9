"""What an arm's driver says of it, checked: joints picked out and ordered, the tool's pose, how old both are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import JointState

from hil_serl_ros.env.limits import Pose
from hil_serl_ros.ros.convert import nanoseconds, position_array, quaternion_array


class BadState(ValueError):
    """A state that cannot be used; the message is one sentence, ``kind`` the name it is counted under."""

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind


@dataclass(frozen=True)
class ArmState:
    """One instant of the arm: joints (n,) rad, rad/s and N m (empty: not told), the tool in the base frame.

    ``linear`` and ``angular`` (3,) m/s and rad/s along the base frame's axes, from two poses of the driver.
    """

    positions: np.ndarray
    velocities: np.ndarray
    efforts: np.ndarray
    pose: Pose
    linear: np.ndarray
    angular: np.ndarray


@dataclass
class _Part:
    """The newest good message of a topic: its stamp (ns) and when it came (s, monotonic)."""

    stamp: int = -1
    heard: float = -np.inf


class ArmSenses:
    """Keeps the newest state of a driver.

    A stamp that stays the same is no news: a driver whose hardware hangs may go on publishing.

    Args:
        joint_names: to pick, in this order.
        base_frame: that the pose must be in.
        max_age: s from which on a part is stale.
    """

    def __init__(self, joint_names: list[str], base_frame: str, max_age: float) -> None:
        self._names, self._frame, self._max_age = joint_names, base_frame, max_age
        self._parts = {"joint state": _Part(), "pose of the tool": _Part()}
        self._joints: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        self._poses: list[tuple[int, Pose]] = []  # the one of the state before, and the newest, with stamps in ns
        self._twist: tuple[np.ndarray, np.ndarray] = (np.zeros(3), np.zeros(3))

    def on_joints(self, message: JointState, now: float) -> None:
        """Take a JointState that came at ``now`` (s, monotonic).

        Raises:
            BadState: it lacks a joint or its velocity, or has a number that is not finite.
        """
        index = {name: i for i, name in enumerate(message.name)}
        missing = [name for name in self._names if name not in index]
        if missing:
            raise BadState(
                "missing joints",
                f"the driver's joint state has no {missing[0]}, only {', '.join(message.name) or 'nothing'}; "
                "set joint_names and arm_joint_states",
            )
        if len(message.position) < len(message.name) or len(message.velocity) < len(message.name):
            raise BadState(
                "missing joints",
                "the driver's joint state has no velocity for each position; set arm_joint_states to a topic that has",
            )
        picked = [index[name] for name in self._names]
        positions = np.array(message.position)[picked]
        velocities = np.array(message.velocity)[picked]
        efforts = np.array(message.effort)[picked] if len(message.effort) == len(message.name) else np.zeros(0)
        if not (np.isfinite(positions).all() and np.isfinite(velocities).all()):
            raise BadState("not finite", "the driver's joint state has a number that is not finite")
        self._joints = positions, velocities, efforts
        self._hear("joint state", nanoseconds(message.header.stamp), now)

    def on_pose(self, message: PoseStamped, now: float) -> None:
        """Take the tool's pose that came at ``now``.

        Raises:
            BadState: another frame, a number that is not finite, or no orientation.
        """
        if message.header.frame_id != self._frame:
            raise BadState(
                "wrong frame",
                f"the driver's pose is in the frame {message.header.frame_id!r}, not {self._frame!r}; set base_frame, "
                "or let the driver publish in it",
            )
        position, quaternion = position_array(message.pose), quaternion_array(message.pose)
        norm = float(np.linalg.norm(quaternion))
        if not (np.isfinite(position).all() and np.isfinite(norm)):
            raise BadState("not finite", "the driver's pose has a number that is not finite")
        if not 0.9 < norm < 1.1:
            raise BadState("not finite", "the orientation of the driver's pose is not a quaternion of norm 1")
        stamp = nanoseconds(message.header.stamp)
        if self._hear("pose of the tool", stamp, now):
            self._poses = [*self._poses[:1], (stamp, Pose(position, quaternion / norm))]

    def _hear(self, part: str, stamp: int, now: float) -> bool:
        """Keep when a part came; whether it is news."""
        news = stamp != self._parts[part].stamp
        if news:
            self._parts[part] = _Part(stamp, now)
        return news

    def at(self, now: float) -> ArmState:
        """The state at ``now`` (s, monotonic).

        Raises:
            BadState: a part is stale.
        """
        for name, part in self._parts.items():
            age = now - part.heard
            if age > self._max_age:
                raise BadState(
                    "stale",
                    f"no new {name} from the driver"
                    + (f" for {age:.2f} s" if np.isfinite(age) else "")
                    + "; is it running, is its stamp the time, and is the controller at its rate?",
                )
        assert self._joints is not None
        self._differentiate()
        return ArmState(*self._joints, self._poses[-1][1], *self._twist)

    def _differentiate(self) -> None:
        """The tool's velocity between the state before and this one."""
        if len(self._poses) == 2:
            (before, old), (stamp, new) = self._poses
            seconds = (stamp - before) * 1e-9
            if 0.0 < seconds < 10 * self._max_age:
                rotation = rotation_vector(old.quaternion, new.quaternion)
                self._twist = (new.position - old.position) / seconds, rotation / seconds
            else:
                self._twist = np.zeros(3), np.zeros(3)
        self._poses = self._poses[-1:]


def rotation_vector(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The rotation (3,) rad about the base frame's axes from unit quaternion ``a`` to ``b``, the short way."""
    w = float(a @ b)
    v = a[0] * b[1:] - b[0] * a[1:] + np.cross(a[1:], b[1:])
    size = float(np.linalg.norm(v))
    if size < 1e-12:
        return np.zeros(3)
    angle = 2.0 * np.arctan2(size, abs(w))
    return v / size * (angle if w >= 0 else -angle)


def closure_of(message: JointState, joint: str, opened: float, closed: float) -> float:
    """The gripper's closure, 0 open to 1 closed, from its JointState.

    Raises:
        BadState: it has no such joint, or a number that is not finite.
    """
    names = list(message.name)
    if joint and joint not in names:
        raise BadState("missing joints", f"the gripper's joint state has no {joint}; set gripper_joint")
    index = names.index(joint) if joint else 0
    if len(message.position) <= index or not np.isfinite(message.position[index]) or opened == closed:
        raise BadState("not finite", "the gripper's joint state has no position; set gripper_states")
    return float(np.clip((message.position[index] - opened) / (closed - opened), 0.0, 1.0))
