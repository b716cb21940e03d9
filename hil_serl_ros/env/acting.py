"""The policy that acts, with the learner's weights as they come or a checkpoint's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from rclpy.node import Node
from torch import Tensor

from hil_serl_ros.data.checkpoint import CheckpointError, read_policy
from hil_serl_ros.learning import networks
from hil_serl_ros.learning.layout import Layout
from hil_serl_ros.learning.lerobot_names import ShapeError, load_policy
from hil_serl_ros.learning.parameters import FlatParameters
from hil_serl_ros.learning.policy import Policy
from hil_serl_ros.learning.settings import LearnerSettings
from hil_serl_ros.learning.weights import WeightsError, unpack
from hil_serl_ros.msg import Weights
from hil_serl_ros.ros import qos
from hil_serl_ros.settings import SettingError, validate

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
        torch.set_num_threads(1)  # two cores are a design limit; a batch of one gains nothing from more
        self.version = 0
        self.refused = 0
        self._node = node
        self._layout = layout
        self._run = run
        self._exact = exact
        self._waiting: dict[int, Weights] = {}
        self._greedy = False
        self._settings = ""
        self._random = np.random.default_rng(0)
        self._policy: Policy | None = None
        if checkpoint:
            try:
                self._use(*read_policy(Path(checkpoint), layout))
            except (CheckpointError, ShapeError) as error:
                raise SettingError(f"checkpoint: {error}") from None
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
        self._random = np.random.default_rng(seed)
        self._greedy = greedy
        if self._policy is not None:
            self._policy.random = self._random

    def act(self, observation: dict[str, np.ndarray]) -> np.ndarray:
        """The policy's action (4,) float32 for an observation of the layout."""
        assert self._policy is not None, "weights are waited for before the policy acts"
        return self._policy.act(observation, deterministic=self._greedy)

    def take(self, version: int) -> bool:
        """Act with weights of ``version``, or the oldest newer ones, from now on; False: none have come yet."""
        # After a restart only newer weights than the asked ones may be there; then those go on acting.
        if self._policy is not None and self.version >= version and version not in self._waiting:
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
            if message.settings != self._settings:
                self._use(validate(LearnerSettings(**json.loads(message.settings))), tensors)
                self._settings = message.settings
            else:
                load_policy(tensors, self._trunk.values, self._actor.values, self._shape)
        except (WeightsError, ShapeError, TypeError, ValueError) as error:
            self._refuse(str(error))
            return False
        self.version = version
        return True

    def _use(self, settings: LearnerSettings, tensors: dict[str, Tensor]) -> None:
        """Build the policy of ``settings`` and load ``tensors`` (lerobot's names) into it."""
        self._shape = networks.shape_of(self._layout, settings)
        device = torch.device("cpu")
        self._trunk = FlatParameters(networks.trunk_shapes(self._shape), device)
        self._actor = FlatParameters(networks.actor_shapes(self._shape), device)
        load_policy(tensors, self._trunk.values, self._actor.values, self._shape)
        self._policy = Policy(self._layout, settings)
        self._policy.use(self._trunk.values, self._actor.values)
        self._policy.random = self._random

    def _refuse(self, why: str) -> None:
        self.refused += 1
        if self.refused == 1:
            self._node.get_logger().error(f"weights refused: {why}")
