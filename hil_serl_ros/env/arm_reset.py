"""A real arm's reset as the graph sees it: the service, what it does meanwhile, and whose leave it needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
from rclpy.node import Node
from std_srvs.srv import Trigger

from hil_serl_ros.env.arm_driver import ArmDriver
from hil_serl_ros.env.arm_settings import SERVICE, ResetSettings
from hil_serl_ros.env.arm_target import ArmTarget
from hil_serl_ros.env.limits import Pose
from hil_serl_ros.env.way_back import Doing, ResetRefused, WayBack
from hil_serl_ros.msg import ResetStatus, RobotStatus, SafetyStatus, TeleopAction
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.slow_service import SlowService
from hil_serl_ros.srv import ResetWorld

SAFETY_SILENT = 2.5  # s without a word of safety, which speaks once a second
TELL_AGAIN = 1.0  # s between two words on a reset that goes on
NOTHING = Doing("")


class Called:
    """A std_srvs/Trigger that was called: :class:`hil_serl_ros.env.way_back.Answer`."""

    def __init__(self, future: Any) -> None:
        self._future = future

    def done(self) -> bool:
        """Its answer has come."""
        return bool(self._future.done())

    def result(self) -> tuple[bool, str]:
        """Whether it was a success, and what it said."""
        answer = self._future.result()
        return bool(answer.success), str(answer.message)


class ArmReset:
    """Resets ``node``'s arm: :class:`hil_serl_ros.env.way_back.Arm`.

    Args:
        node: whose topics and services these are.
        settings: what a reset does.
        target: of the arm.
        driver: of the arm.
        over: called at the end with whether the epoch is over too; the status that is published then.
        dry: nothing must move.

    Raises:
        SettingError: waypoints that are none, or outside the workspace.
    """

    def __init__(
        self,
        node: Node,
        settings: ResetSettings,
        target: ArmTarget,
        driver: ArmDriver,
        over: Callable[[bool], RobotStatus],
        *,
        dry: bool,
    ) -> None:
        self._node, self._target, self._driver, self._over = node, target, driver, over
        self.dry = dry
        self._way_back = WayBack(settings)
        self._way: Generator[Doing, None, None] | None = None
        self._measured: Pose | None = None
        self._moved = False  # since it began
        self._given = False  # a person's word, not yet heeded
        self._safety, self._safety_heard = SafetyStatus(), -np.inf
        self.doing, self._told = NOTHING, -np.inf
        self._publisher = node.create_publisher(ResetStatus, "reset_status", qos.LATCHED)
        node.create_subscription(SafetyStatus, "safety_status", self._on_safety, qos.LATCHED)
        node.create_subscription(TeleopAction, "teleop", self._on_teleop, qos.TELEOP)
        node.create_service(Trigger, "scene_is_ready", self._on_ready)
        self._service = SlowService(node, ResetWorld, "reset_world", self._on_reset)
        asked = [settings.reset_service] * (settings.reset_routine == SERVICE)
        asked += [settings.scene_service] * (settings.scene_ready == SERVICE)
        self._asked = {name: node.create_client(Trigger, name) for name in asked}

    # -------------------- callbacks --------------------
    def _on_safety(self, status: SafetyStatus) -> None:
        self._safety, self._safety_heard = status, self.now()

    def _on_teleop(self, action: TeleopAction) -> None:
        self._given |= action.event == TeleopAction.EVENT_RESUME

    def _on_ready(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Service ``scene_is_ready``: the person's word, as the device's resume is."""
        response.success = self.doing.asks
        response.message = "" if response.success else "no reset waits for it"
        self._given |= self.doing.asks
        return response

    def _on_reset(self, request: ResetWorld.Request, response: ResetWorld.Response) -> ResetWorld.Response | None:
        """See ResetWorld.srv. Who asks while a reset goes on gets the answer of that one."""
        if request.seed < 0:
            response.message = f"a seed is 0 or more; {request.seed} is not"
            return response
        if self._way is None:
            self._way, self._moved = self._way_back.steps(self), False
        return None

    # -------------------- going on --------------------
    @property
    def going(self) -> bool:
        """A reset goes on."""
        return self._way is not None

    def step(self, measured: Pose) -> None:
        """One more step of the way back, if there is one; the tool is where it was ``measured``."""
        self._measured = measured
        if self._way is None:
            return
        try:
            doing = next(self._way)
        except StopIteration:
            self._end("")
        except ResetRefused as refused:
            self._end(str(refused))
        else:
            if doing != self.doing or self.now() - self._told > TELL_AGAIN:
                self._tell(doing)

    def break_off(self, reason: str) -> None:
        """Nobody knows where the arm was: a way back ends; a person who sets up the scene is still waited for."""
        if self._way is not None and self._moved and not self.doing.asks:
            self._way.close()  # takes the arm back from whoever has it
            self._end(reason)

    def _end(self, refusal: str) -> None:
        self._way = None
        self._target.stop()
        # Whatever it moved, everybody measures anew from what is held now.
        status = self._over(self._moved or not refusal)
        self._tell(NOTHING)
        self._service.answer(ResetWorld.Response(success=not refusal, message=refusal, status=status))

    def _tell(self, doing: Doing) -> None:
        if doing.asks and doing != self.doing:
            self._node.get_logger().info(doing.text)
        self.doing, self._told = doing, self.now()
        message = ResetStatus(running=self.going, doing=doing.text, asks=doing.asks)
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)

    # -------------------- what the way back asks for --------------------
    def now(self) -> float:
        """Steady time, s."""
        return time.monotonic()

    def moves_not(self) -> str:
        """Why the arm must not be moved now; empty: it may."""
        if self.now() - self._safety_heard > SAFETY_SILENT:
            return "no word of safety"
        if self._safety.state == SafetyStatus.ARMED:
            return ""
        word = "stopped" if self._safety.state == SafetyStatus.STOPPED else "not armed"
        return f"{word}: {self._safety.reason}"

    def tool(self) -> Pose:
        """The measured tool."""
        assert self._measured is not None, "a step was given it"
        return self._measured

    def held(self) -> Pose:
        """The target that is held."""
        return self._target.held

    def go(self, goal: Pose, speed: float) -> None:
        """Let the target go to ``goal`` at ``speed`` m/s."""
        self._moved = True
        self._target.go(goal, speed)

    def on_its_way(self) -> bool:
        """The target has not come to its goal yet."""
        return not self._target.arrived

    def arrived(self, goal: Pose, tolerance: float) -> bool:
        """The target is there, and so is the tool, within ``tolerance`` m; in a dry run it stays where it is."""
        there = self.dry or float(np.linalg.norm(self.tool().position - goal.position)) <= tolerance
        return there and not self.on_its_way()

    def grip(self, closure: float) -> bool:
        """Close the gripper, 0 open to 1 closed; whether that is a change."""
        self._moved = True
        return self._target.grip(closure)

    def let_go(self, yes: bool) -> None:
        """Leave the arm to somebody else, or take it back where it is."""
        self._moved = True
        self._driver.let_go(yes)
        self._target.let_go(self.tool())

    def call(self, service: str) -> Called | None:
        """Call a std_srvs/Trigger; None: it is not there."""
        client = self._asked[service]
        return Called(client.call_async(Trigger.Request())) if client.service_is_ready() else None

    def word(self) -> bool:
        """A person said that the scene is ready, since this was asked last."""
        given, self._given = self._given, False
        return given
