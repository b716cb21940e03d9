"""A real arm's reset: its way back to the start, a look whether the scene is ready, and otherwise a person's word.

Each part is a generator that is asked on again and again and yields what it does: nothing here waits or knows ROS.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hil_serl_ros.env.arm_settings import NO_ROUTINE, PERSON, SERVICE, WAYPOINTS, ResetSettings, orientation, waypoints
from hil_serl_ros.env.limits import Pose

LOOK_PATIENCE = 10.0  # s that the service scene_service may take
LET_GO = 0.3  # s until everybody knows that this node commands the arm no more
GRIP = 1.0  # s that the gripper has to open or close
BOTH = "bring arm and scene to their start"
HOW = "then press resume, or call the service scene_is_ready"


@dataclass(frozen=True)
class Doing:
    """What the reset does, one sentence; ``asks``: it waits for a person's word."""

    text: str
    asks: bool = False


class ResetRefused(RuntimeError):
    """The reset ended without the arm at its start; the message is one sentence."""


class Answer(Protocol):
    """A service's answer to come."""

    def done(self) -> bool:
        """It has come."""

    def result(self) -> tuple[bool, str]:
        """Whether it was a success, and what it said."""


class Arm(Protocol):
    """What the way back needs of the robot's node; ``dry``: nothing must move."""

    dry: bool

    def now(self) -> float:
        """Steady time, s."""

    def moves_not(self) -> str:
        """Why the arm must not be moved now; empty: it may."""

    def tool(self) -> Pose:
        """The measured tool."""

    def held(self) -> Pose:
        """The target that is held."""

    def go(self, goal: Pose, speed: float) -> None:
        """Let the target go to ``goal`` at ``speed`` m/s."""

    def arrived(self, goal: Pose, tolerance: float) -> bool:
        """The target has come to its goal, and the tool is within ``tolerance`` m of it."""

    def on_its_way(self) -> bool:
        """The target has not come to its goal yet."""

    def grip(self, closure: float) -> bool:
        """Close the gripper, 0 open to 1 closed; whether that is a change."""

    def let_go(self, yes: bool) -> None:
        """Leave the arm to somebody else, or take it back where it is."""

    def call(self, service: str) -> Answer | None:
        """Call a std_srvs/Trigger; None: it is not there."""

    def word(self) -> bool:
        """A person said that the scene is ready, since this was asked last."""


Steps = Generator[Doing, None, str]  # returns why arm or scene is not ready, one sentence; empty: it is


class WayBack:
    """The reset that the settings describe.

    Raises:
        SettingError: waypoints that are none, or outside the workspace.
    """

    def __init__(self, settings: ResetSettings) -> None:
        self.settings = settings
        self.waypoints, self.orientation = waypoints(settings), orientation(settings)

    def steps(self, arm: Arm) -> Generator[Doing, None, None]:
        """All of it, to be asked on at the target's rate.

        Raises:
            ResetRefused: `safety` does not let the arm move, or a stop came; where it is, it stays.
        """
        settings = self.settings
        trouble = ""
        if settings.reset_routine == WAYPOINTS:
            trouble = yield from self._along(arm)
        elif settings.reset_routine == SERVICE and not arm.dry:
            trouble = yield from self._by_service(arm)
        if not trouble and settings.scene_ready == SERVICE:
            trouble = yield from self._look(arm)
        if trouble or settings.scene_ready == PERSON:
            yield from self._ask(arm, trouble)

    # -------------------- parts of it --------------------
    def _along(self, arm: Arm) -> Steps:
        """From one waypoint to the next; each one's closure is the gripper's when it is there."""
        settings, count = self.settings, len(self.waypoints)
        for number, (position, closure) in enumerate(self.waypoints, 1):
            self._check(arm)
            doing = Doing(f"on the way back, to waypoint {number} of {count}")
            goal = Pose(np.array(position), np.array(self.orientation) if self.orientation else arm.held().quaternion)
            arm.go(goal, settings.reset_speed)
            late = None
            while not arm.arrived(goal, settings.reset_tolerance):
                yield doing
                self._check(arm)
                if arm.on_its_way():
                    continue
                late = late or arm.now() + settings.reset_patience
                if arm.now() > late:
                    away = float(np.linalg.norm(arm.tool().position - goal.position))
                    return (
                        f"the arm did not come to waypoint {number} of {count}, {away:.2f} m away from it; look what "
                        "is in its way and whether its controller is active"
                    )
            if arm.grip(closure):
                until = arm.now() + GRIP
                while arm.now() < until:
                    yield Doing(f"the gripper moves at waypoint {number} of {count}")
                    self._check(arm)
        return ""

    def _by_service(self, arm: Arm) -> Steps:
        """Somebody's own way back; meanwhile this node commands nothing."""
        name = self.settings.reset_service
        self._check(arm)
        arm.let_go(True)
        try:
            until = arm.now() + LET_GO
            while arm.now() < until:
                yield Doing(f"the arm is left to {name}")
                self._check(arm)
            said = yield from self._called(arm, name, self.settings.service_patience, f"{name} brings the arm back")
            return f"{name} did not bring the arm back: {said}" if said else ""
        finally:
            arm.let_go(False)

    def _look(self, arm: Arm) -> Steps:
        """Ask the service whether the scene is ready."""
        name = self.settings.scene_service
        said = yield from self._called(arm, name, LOOK_PATIENCE, f"{name} looks at the scene", moves=False)
        return f"the scene is not ready: {said}" if said else ""

    def _called(self, arm: Arm, name: str, patience: float, doing: str, *, moves: bool = True) -> Steps:
        """Call a service and wait for its answer."""
        answer = arm.call(name)
        if answer is None:
            return f"there is no service {name}"
        until = arm.now() + patience
        while not answer.done():
            yield Doing(doing)
            if moves:
                self._check(arm)
            if arm.now() > until:
                return f"{name} gave no answer within {patience:.0f} s"
        success, message = answer.result()
        return "" if success else message or f"{name} says no"

    def _ask(self, arm: Arm, trouble: str) -> Generator[Doing, None, None]:
        """Wait for a person's word, for as long as it takes."""
        asked = "set up the scene" if self.settings.reset_routine != NO_ROUTINE and not trouble else BOTH
        arm.word()  # what was said before is no answer
        while not arm.word():
            yield Doing(f"{trouble}; {asked}, {HOW}" if trouble else f"{asked}, {HOW}", asks=True)

    def _check(self, arm: Arm) -> None:
        """Moving needs what every command needs: an armed `safety`."""
        if reason := arm.moves_not():
            raise ResetRefused(f"the way back was not taken to its end: {reason}")
