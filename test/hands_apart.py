"""A robot, and on another machine the gamepad of the person who drives it."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

from apart import HERE, Apart
from two_machines import TwoMachines

from hil_serl_ros.msg import ActorStatus, RobotCommand

START = 200  # s at most for all nodes to be up, on a busy machine
NOT_NEEDED = ("recorder", "console", "learner", "monitor", "joy_device")


class HandsApart(Apart):
    """``joy_teleop`` and a played gamepad are in the office, all else is the robot's."""

    def __init__(self, folder: Path, machines: TwoMachines, environment: dict[str, str] | None = None) -> None:
        changes = {"interactive": True, "max_episode_steps": 1000}
        super().__init__(
            folder, machines, "teach", changes, office=("joy_teleop",), without=NOT_NEEDED, environment=environment
        )
        try:
            self.start("pad", "office", [sys.executable, str(HERE / "played_pad.py")])
            self.wait_until(lambda: self.last("actor_status").get("takeover"), START)
        except BaseException:
            self.close()
            raise

    def drive(self) -> None:
        """Until the person moves the arm in a demonstration, over a link that is whole."""
        self.mend()
        self.tell("pad", "let go")
        self.listen(0.5)
        if self.last("actor_status")["mode"] != ActorStatus.MODE_DEMONSTRATE:
            self.tell("pad", "press demonstrate")
            self.wait_until(lambda: self.last("actor_status")["mode"] == ActorStatus.MODE_DEMONSTRATE, 20)
        self.tell("pad", "drive 0.02")
        self.wait_until(lambda: len(self.motions(self.mended_at + 0.5)) > 3, 20)

    def motions(self, since: float) -> list[float]:
        """When the arm's target was moved, s, monotonic."""
        return [
            after["at"]
            for before, after in itertools.pairwise(self.of("command_executed"))
            if after["at"] > since and after["target"] != before["target"] and after["epoch"] == before["epoch"]
        ]

    def held_at(self) -> float:
        """When `safety` said after the cut that nobody drives, s, monotonic."""
        words = self.of("safety_status", self.cut_at)
        return next(word["at"] for word in words if word["driver"] == RobotCommand.SOURCE_HOLD)
