"""What the actor says of itself: who acts and what holds it up, how it rates its chances, how an episode went."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from rclpy.node import Node
from std_msgs.msg import Header

from hil_serl_ros.env import modes
from hil_serl_ros.env.acting import Acting
from hil_serl_ros.env.tally import Tally
from hil_serl_ros.env.teleop import Teleop
from hil_serl_ros.learning.help import HelpRule, HelpSettings
from hil_serl_ros.msg import ActorStatus, EpisodeSummary, PolicyState
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.outbox import Outbox


class Telling:
    """Topics ``actor_status``, ``policy_state`` and ``episodes``.

    Args:
        node: whose topics these are.
        help: when the policy asks for help.
        outbox, tally, acting, teleop: whose figures are told.
    """

    def __init__(
        self, node: Node, help: HelpSettings, outbox: Outbox, tally: Tally, acting: Acting, teleop: Teleop
    ) -> None:
        self._outbox, self._tally, self._acting, self._teleop = outbox, tally, acting, teleop
        self._help = HelpRule(help)
        self._succeeded = False  # the episode before
        self._now = ActorStatus(robot=outbox.robot, run=outbox.run, configuration=outbox.configuration)
        self._now.started = outbox.started
        self._told = False
        self._status = node.create_publisher(ActorStatus, "actor_status", qos.LATCHED)
        self._chances = node.create_publisher(PolicyState, "policy_state", qos.POLICY_STATE)
        self._episodes = node.create_publisher(EpisodeSummary, "episodes", qos.EPISODES)

    def __call__(self, **changes: Any) -> None:
        """Publish who acts in which epoch, and what holds it up, if anything of that has changed."""
        before, teleop = deepcopy(self._now), self._teleop
        for name, value in (changes | {"takeover": teleop.available, "driver": teleop.driver or ""}).items():
            setattr(self._now.header if name == "stamp" else self._now, name, value)
        if self._now != before or not self._told:
            self._told = True
            self._now.robot_steps, self._now.operator_steps = self._outbox.sent, self._tally.operator_steps
            self._now.weights_version = self._acting.version
            self._status.publish(self._now)

    def begin(self) -> None:
        """An episode begins."""
        self._help.begin(succeeded=self._succeeded)

    def chances(self, header: Header, step: int, *, aided: bool) -> None:
        """Say how the policy rates the action that it gave last, and whether it asks for help."""
        value, disagreement = self._acting.chances()
        called = self._help.update(value, disagreement, aided=aided)
        state = PolicyState(header=header, epoch=self._now.epoch, step=step, called=called)
        state.value, state.disagreement, state.reason = value, disagreement, self._help.reason
        self._chances.publish(state)

    def end(self, summary: EpisodeSummary, header: Header) -> None:
        """Count an episode of some steps, and tell how it went; a drive and a replay count for nothing."""
        self._succeeded = summary.success
        if summary.mode in (modes.DRIVE, modes.REPLAY) or not summary.steps:
            return
        summary.header = header
        tally = self._tally
        tally.demonstrations += summary.mode == modes.DEMONSTRATE and summary.success and not summary.discarded
        tally.save()
        summary.robot_steps, summary.operator_steps_total = self._outbox.sent, tally.operator_steps
        summary.weights_version = self._acting.version
        summary.recorded = tally.total if summary.mode in modes.RECORDED else -1
        self._episodes.publish(summary)
