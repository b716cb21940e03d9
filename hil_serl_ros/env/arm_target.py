"""What a real arm holds: the target and the closure of the last command, and the target's way to the controller."""

from __future__ import annotations

import numpy as np

from hil_serl_ros.env.arm_settings import ArmSettings
from hil_serl_ros.env.following import Following, near
from hil_serl_ros.env.limits import CommandRefused, Pose

BEHIND = 1.0  # s for which the tool may stay behind its target before that is a fault
LATE = 2.0  # periods of the target that its time goes on by at most: a late call makes it late, and no step


class ArmTarget:
    """Nothing goes to the arm before something was asked for: until then its controller holds by itself.

    Attributes:
        closure: of the gripper that is held, 0 open to 1 closed.
        asked: a target was asked for.
        gripped: a closure was asked for.
    """

    def __init__(self, settings: ArmSettings) -> None:
        self._settings = settings
        self._following: Following | None = None
        self._time = 0.0  # s, the target's own
        self._ticked = -np.inf  # s, monotonic
        self.closure = 0.0
        self.asked = self.gripped = False
        self._behind: float | None = None  # since when the tool is far behind its target, s

    def tick(self, now: float) -> None:
        """Time goes on to ``now`` (s, monotonic)."""
        self._time += min(now - self._ticked, LATE * self._settings.target_period)
        self._ticked = now

    @property
    def there(self) -> bool:
        """Something is held."""
        return self._following is not None

    @property
    def held(self) -> Pose:
        """The target that is held, or that a way back goes to."""
        return self._way.goal

    @property
    def arrived(self) -> bool:
        """The controller was told the target that is held."""
        return self._way.arrived(self._time)

    @property
    def _way(self) -> Following:
        assert self._following is not None, "the arm has been seen"
        return self._following

    def hold(self, pose: Pose) -> None:
        """Hold ``pose``, where the tool is, whatever was held before."""
        settings = self._settings
        self._following = Following(pose, settings.max_target_speed, settings.max_target_rotation_speed)
        self._behind = None

    def let_go(self, pose: Pose) -> None:
        """Hold ``pose`` and ask for nothing more: the arm's controller has whatever somebody else gave it."""
        self.hold(pose)
        self.asked = self.gripped = False

    def command(self, pose: Pose, closure: float) -> None:
        """Go to ``pose`` within a control period, and close the gripper so far.

        Raises:
            CommandRefused: a number that is not finite, no orientation, or a closure outside 0 to 1; it holds.
        """
        norm = float(np.linalg.norm(pose.quaternion))
        if not (np.isfinite(pose.position).all() and np.isfinite(norm) and np.isfinite(closure)):
            raise CommandRefused("it has a number that is not finite")
        if not 0.5 < norm < 2.0:
            raise CommandRefused("its orientation is not a quaternion")
        if not 0.0 <= closure <= 1.0:
            raise CommandRefused(f"its closure {closure} is not between 0 and 1")
        self._way.aim(Pose(pose.position, pose.quaternion / norm), self._time, self._settings.control_period)
        self.closure = closure
        self.asked = self.gripped = True

    def go(self, goal: Pose, speed: float) -> None:
        """Go to ``goal`` at ``speed`` m/s."""
        seconds = float(np.linalg.norm(goal.position - self._way.at(self._time).position)) / speed
        self._way.aim(goal, self._time, seconds)
        self.asked = True

    def grip(self, closure: float) -> bool:
        """Close the gripper; whether that is a change."""
        changed = closure != self.closure
        self.closure, self.gripped = closure, True
        return changed

    def stop(self) -> None:
        """Hold what the controller was told last."""
        if self._following is not None:
            self._following.stop(self._time)

    def lead(self, measured: Pose) -> Pose:
        """What to tell the controller. In a dry run the arm does not come, and nothing pulls at it."""
        target = self._way.at(self._time)
        if self._settings.dry_run:
            return target
        close = self._near(target, measured)
        self._behind = None if close is target else self._time if self._behind is None else self._behind
        return close

    def behind(self) -> bool:
        """The tool has been too far behind for too long; said once each time."""
        if self._behind is None or self._time - self._behind < BEHIND:
            return False
        self._behind = np.inf
        return True

    def far(self, measured: Pose) -> bool:
        """The tool is further from what is held than any target may be."""
        return self._near(self.held, measured) is not self.held

    def _near(self, target: Pose, measured: Pose) -> Pose:
        return near(target, measured, self._settings.max_lead, self._settings.max_turn)
