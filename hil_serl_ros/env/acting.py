"""The policy that acts, with the learner's weights as they come or a checkpoint's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rclpy.node import Node

from hil_serl_ros.learning.layout import Layout
from hil_serl_ros.learning.policy import ActingPolicy
from hil_serl_ros.learning.weights import WeightsError, unpack
from hil_serl_ros.msg import Weights
from hil_serl_ros.ros import qos
from hil_serl_ros.settings import SettingError

KEPT = 8  # versions; the learner's queue holds fewer


class Acting:
    """Acts with the newest weights, or in lockstep with exact ones.

    Args:
        node: whose topic `weights` is read.
        layout: what the policy sees; weights of another one are refused.
        run: name of the run whose weights are taken.
        exact: keep versions until they are asked for (lockstep).
        checkpoint: folder of a pretrained_model; then no weights are awaited.

    Raises:
        SettingError: the checkpoint cannot be used.
    """

    def __init__(self, node: Node, layout: Layout, *, run: str, exact: bool, checkpoint: str) -> None:
        self.version = 0
        self.refused = 0
        self._node = node
        self._layout = layout
        self._run = run
        self._exact = exact
        self._waiting: dict[int, Weights] = {}
        self._greedy = False
        self._generator = np.random.default_rng(0)
        self._policy: ActingPolicy | None = None
        if checkpoint:
            try:
                self._policy = ActingPolicy.from_pretrained(Path(checkpoint), layout)
            except (OSError, ValueError) as error:
                raise SettingError(f"checkpoint {checkpoint}: {error}") from None
        else:
            node.create_subscription(Weights, "weights", self._on_weights, qos.WEIGHTS)

    def _on_weights(self, message: Weights) -> None:
        if message.run != self._run:
            return
        if message.layout != self._layout.hash:
            self._refuse("they were made for another layout (task, features or units)")
            return
        self._waiting[message.version] = message
        while len(self._waiting) > (KEPT if self._exact else 1):
            self._waiting.pop(min(self._waiting))

    def begin(self, seed: int, *, greedy: bool) -> None:
        """Begin an episode: exploration is a function of ``seed``; greedy takes the mean action."""
        self._generator = np.random.default_rng(seed)
        self._greedy = greedy

    def act(self, observation: dict[str, np.ndarray]) -> np.ndarray:
        """The policy's action (4,) float32 for an observation of the layout."""
        assert self._policy is not None, "weights are waited for before the policy acts"
        return self._policy.act(observation, self._generator, deterministic=self._greedy)

    def take(self, version: int) -> bool:
        """Act with the oldest weights of at least ``version`` from now on; False: they have not come yet."""
        if self._policy is not None and self.version == version:
            return True
        fit = [v for v in self._waiting if v >= version]
        return bool(fit) and self._load(min(fit))

    def take_newest(self) -> bool:
        """Act with the newest weights; False: none have ever come."""
        if self._waiting:
            self._load(max(self._waiting))
        return self._policy is not None

    def _load(self, version: int) -> bool:
        message = self._waiting.pop(version)
        self._waiting = {v: w for v, w in self._waiting.items() if v > version}
        try:
            tensors = unpack(bytes(message.data), message.sha256)
            if self._policy is None:
                self._policy = ActingPolicy(self._layout, tensors)
            else:
                self._policy.load(tensors)
        except WeightsError as error:
            self._refuse(str(error))
            return False
        self.version = version
        return True

    def _refuse(self, why: str) -> None:
        self.refused += 1
        if self.refused == 1:
            self._node.get_logger().error(f"weights refused: {why}")
