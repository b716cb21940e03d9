"""What ``console_drive.py`` sees of the graph behind the page: the newest of each topic."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Self

import numpy as np
import rclpy
from geometry_msgs.msg import PoseStamped
from rclpy.executors import ExternalShutdownException

from hil_serl_ros.msg import (
    ActorStatus,
    EpisodeSummary,
    LearnerStatus,
    PolicyState,
    RobotCommand,
    RobotStatus,
    SafetyStatus,
    TaskState,
    TeleopAction,
)
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import position_array
from hil_serl_ros.ros.run import executor_of, spin

WAIT = 30.0  # s for anything that takes no learning
LOOK = 0.01  # s between looks


class Eyes:
    """The newest of each topic, heard by a thread; use it in a ``with``."""

    def __init__(self, domain: int) -> None:
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain)
        self._node = rclpy.create_node("bench_eyes", context=self._context)
        self.actor, self.safety, self.robot = ActorStatus(), SafetyStatus(), RobotStatus()
        self.learner, self.policy, self.last = LearnerStatus(), PolicyState(), RobotCommand()
        self.pose, self.task = PoseStamped(), TaskState()
        self.episodes: list[EpisodeSummary] = []
        self.executed: list[tuple[float, int, np.ndarray]] = []  # when (s, monotonic), whose, target (3,) m
        self.said: list[TeleopAction] = []
        self._epoch_at = 0  # commands executed before the present episode
        state = qos.receive_state(lockstep=False)
        for kind, topic, name, profile in (
            (SafetyStatus, "safety_status", "safety", qos.LATCHED),
            (LearnerStatus, "learner_status", "learner", qos.LATCHED),
            (PolicyState, "policy_state", "policy", qos.POLICY_STATE),
            (PoseStamped, "tool_pose", "pose", state),
            (TaskState, "task_state", "task", state),
            (RobotStatus, "robot_status", "robot", state),
        ):
            self._node.create_subscription(kind, topic, lambda m, name=name: setattr(self, name, m), profile)
        self._node.create_subscription(ActorStatus, "actor_status", self._on_actor, qos.LATCHED)
        self._node.create_subscription(EpisodeSummary, "episodes", self.episodes.append, qos.EPISODES)
        self._node.create_subscription(RobotCommand, "command_executed", self._on_executed, qos.COMMAND)
        self._node.create_subscription(TeleopAction, "teleop", self.said.append, qos.TELEOP)
        self._thread = threading.Thread(target=self._spin, daemon=True)

    def _spin(self) -> None:
        with contextlib.suppress(ExternalShutdownException):
            spin(executor_of(self._node), self._node)

    def _on_actor(self, status: ActorStatus) -> None:
        if status.epoch != self.actor.epoch:
            self._epoch_at = len(self.executed)
        self.actor = status

    def _on_executed(self, command: RobotCommand) -> None:
        self.last = command
        self.executed.append((time.monotonic(), command.source, position_array(command.target)))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        rclpy.shutdown(context=self._context)
        self._thread.join()

    # -------------------- what is seen --------------------
    @property
    def count(self) -> int:
        """Commands executed so far."""
        return len(self.executed)

    @property
    def steps_of_episode(self) -> int:
        """Commands executed since the world was reset."""
        return self.count - self._epoch_at

    @property
    def lost(self) -> bool:
        """The arm holds because the hands that drove went away."""
        return "while it drove" in self.actor.reason

    @property
    def target(self) -> np.ndarray:
        """What the arm holds, (3,) m."""
        return position_array(self.robot.target)

    @property
    def cube(self) -> np.ndarray:
        """Where the cube is, (3,) m."""
        return position_array(self.task.object_poses[0])

    def has_moved(self, since: RobotStatus) -> bool:
        """What is held is another target or closure than that of ``since``."""
        return self.robot.target != since.target or self.robot.gripper != since.gripper

    def until(self, condition: Callable[[], object], seconds: float = WAIT) -> None:
        """Wait until it is so.

        Raises:
            TimeoutError: it did not become so; the message says what the graph said.
        """
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                said = (
                    f"mode {self.actor.mode}, driver '{self.actor.driver}', {self.actor.reason}; {self.safety.reason}"
                )
                raise TimeoutError(f"not within {seconds:.0f} s ({said})")
            time.sleep(LOOK)

    def listen(self, seconds: float) -> None:
        """Let it go on for a while."""
        time.sleep(seconds)

    def moved_by(self, source: int, commands: int) -> float:
        """The way of the target in the next ``commands`` of ``source``, m."""
        first = self.count
        self.until(lambda: sum(s == source for _, s, _ in self.executed[first:]) >= commands)
        return self.way(first)

    def way(self, first: int) -> float:
        """The way of the target since the command ``first``, m."""
        points = np.array([position for *_, position in self.executed[max(first - 1, 0) :]])
        return float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum()) if len(points) > 1 else 0.0

    def still_moving_for(self, since: float) -> float:
        """Seconds from ``since`` to the last command of a person that moved the target, seen for a second."""
        time.sleep(max(0.0, since + 1.0 - time.monotonic()))
        moved = [b[0] for a, b in pairwise(self.executed) if (a[2] != b[2]).any()]
        return max(0.0, moved[-1] - since) if moved else 0.0
