"""``RosEnv``: the robot of the graph as an ordinary Gymnasium environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from hil_serl_ros.env.actions import Target, checked, executed_action, gripper_penalty, target_of, turned
from hil_serl_ros.env.link import RobotLink
from hil_serl_ros.learning.layout import Layout
from hil_serl_ros.msg import Observation, RobotCommand
from hil_serl_ros.ros.convert import observation_arrays, pose_message, position_array, quaternion_array


def observation_space(layout: Layout) -> gym.spaces.Dict:
    """Gymnasium's space of a layout: unbounded float32 vectors and uint8 images (channels first)."""
    spaces: dict[str, gym.Space] = {}
    for name, shape in layout.shapes().items():
        if name in layout.images:
            spaces[name] = gym.spaces.Box(0, 255, shape, np.uint8)
        else:
            spaces[name] = gym.spaces.Box(-np.inf, np.inf, shape, np.float32)
    return gym.spaces.Dict(spaces)


def action_space() -> gym.spaces.Box:
    """x y z in [-1, 1] and the gripper's class 0 to 2, (4,) float32, as gym_hil's."""
    return gym.spaces.Box(np.array([-1, -1, -1, 0], np.float32), np.array([1, 1, 1, 2], np.float32), dtype=np.float32)


@dataclass(frozen=True)
class Pending:
    """A command on its way: ``requested`` (4,) float32 was asked for while ``held`` was held."""

    command: RobotCommand
    requested: np.ndarray
    held: Target


class RosEnv(gym.Env):
    """Observe, act, wait one control period, observe.

    ``step`` returns in ``info``: ``executed_action`` (4,) float32 (what `safety` let pass, in the
    policy's units), ``discrete_penalty``, ``is_success``, ``verdict`` and ``reason`` of `safety`.
    The message of the last observation is the attribute ``message``: its stamp and number are no part of
    ``info``, which is the same for the same seed and actions.

    Args:
        link: to the robot.
        layout: what is observed.
        max_episode_steps: the time limit, which truncates.
        penalty: for a change of the gripper's state.

    Raises (from ``reset`` and ``step``):
        LinkLost: a peer is silent.
        ValueError: an observation that is not the layout's, or an action that is none.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 (Gymnasium's own form)

    def __init__(self, link: RobotLink, layout: Layout, max_episode_steps: int, penalty: float) -> None:
        self.link = link
        self.layout = layout
        self.max_episode_steps = max_episode_steps
        self.penalty = penalty
        self.observation_space = observation_space(layout)
        self.action_space = action_space()
        self.source = RobotCommand.SOURCE_POLICY  # who drives the next step
        self.rotation = np.zeros(3)  # a person's roll pitch yaw of the next step in [-1, 1]; no part of an action
        self.leaving: Callable[[Pending], None] = lambda _: None  # told of each command before it leaves
        self._period = layout.control_period
        self._held = Target(np.zeros(3), 0.0)
        self._quaternion = np.array([1.0, 0, 0, 0])
        self._observation: Observation | None = None
        self._elapsed = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Reset the world; without a seed, one is drawn from the environment's generator."""
        super().reset(seed=seed)
        world_seed = int(self.np_random.integers(2**31)) if seed is None else seed
        message, answer = self.link.reset(world_seed)
        status = answer.status
        self._held = Target(position_array(status.target), status.gripper)
        self._quaternion = quaternion_array(status.target)
        self._period = status.control_period
        self._elapsed = 0
        return self._arrays(message), {"seed": world_seed, "epoch": status.epoch}

    def step(self, action: np.ndarray) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Ask for ``action`` (4,), let `safety` decide, and observe one control period later."""
        requested, before = checked(action), self.message
        target = target_of(requested, self._held)
        command = RobotCommand(header=before.header, sequence=before.sequence + 1, epoch=before.epoch)
        quaternion = turned(self._quaternion, self.rotation)
        command.target, command.gripper = pose_message(target.position, quaternion), target.gripper
        command.source = self.source
        pending = Pending(command, requested, self._held)
        self.leaving(pending)
        return self.finish(pending)

    def finish(self, pending: Pending) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Send the command, again if need be, and return what :meth:`step` returns."""
        requested, held = pending.requested, pending.held
        arrived = self.link.exchange(pending.command, self._period)
        executed = Target(position_array(arrived.executed.target), arrived.executed.gripper)
        self._held = executed
        self._quaternion = quaternion_array(arrived.executed.target)
        self._elapsed += 1
        reward = arrived.reward
        info = {
            "executed_action": executed_action(requested, held, executed),
            "discrete_penalty": gripper_penalty(held, executed, self.penalty),
            "is_success": bool(reward.success),
            "verdict": int(arrived.executed.verdict),
            "reason": arrived.executed.reason,
        }
        terminated = bool(reward.terminated)
        # A time limit is not a terminal state: the value goes on.
        truncated = not terminated and self._elapsed >= self.max_episode_steps
        return self._arrays(arrived.observation), float(reward.reward), terminated, truncated, info

    def look(self) -> dict[str, np.ndarray]:
        """A fresh observation, after the loop has waited; in lockstep no time has passed."""
        before = self.link.observation
        if not self.link.lockstep:
            self.link.wait(lambda: self.link.observation is not before or None, "observation")
        assert self.link.observation is not None, "reset has seen one"
        return self._arrays(self.link.observation)

    @property
    def message(self) -> Observation:
        """The observation that was returned last, as it came."""
        if self._observation is None:
            raise gym.error.ResetNeeded("call reset first")
        return self._observation

    def after(self, before: Observation) -> list[Observation]:
        """The observation one step after ``before``, if it has come."""
        seen = self._observation
        follows = seen is not None and (seen.epoch, seen.sequence) == (before.epoch, before.sequence + 1)
        return [seen] if follows else []

    def _arrays(self, message: Observation) -> dict[str, np.ndarray]:
        arrays = observation_arrays(message, self.layout.images)
        self.layout.check_observation(arrays)
        self._observation = message
        return arrays
