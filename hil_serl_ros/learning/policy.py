"""The acting policy: one path for training and evaluation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from hil_serl_ros.learning import networks, weights
from hil_serl_ros.learning.layout import Layout
from hil_serl_ros.learning.networks import Params
from hil_serl_ros.learning.normalization import Normalizer
from hil_serl_ros.learning.settings import LearnerSettings
from hil_serl_ros.learning.vision import Vision


class Policy:
    """Acts from raw observations with the newest weights.

    The gripper takes the class of highest value, in training too, as in HIL-SERL: its exploration is the
    operator's and the arm's.
    """

    def __init__(self, layout: Layout, settings: LearnerSettings, seed: int = 0, vision: Vision | None = None) -> None:
        self.layout = layout
        self.vision = vision or (Vision(layout, settings) if layout.images else None)
        self.shape = networks.shape_of(layout, settings)
        self._normalizer = Normalizer(layout, torch.device("cpu"))
        self.random = np.random.default_rng(seed)
        self._trunk: Params = {name: torch.zeros(size) for name, size in networks.trunk_shapes(self.shape).items()}
        self._actor: Params = {name: torch.zeros(size) for name, size in networks.actor_shapes(self.shape).items()}

    def use(self, trunk: Params, actor: Params) -> None:
        """Act with these very tensors from the next call on; whoever owns them may change them."""
        self._trunk, self._actor = trunk, actor

    def load(self, data: bytes, sha256: str) -> None:
        """Act with the weights that ``weights.pack`` made.

        Raises:
            WeightsError: the bytes are not this policy's weights; the policy acts as before.
        """
        weights.apply(data, sha256, self._trunk, self._actor, self.shape)

    @torch.inference_mode()
    def act(self, observation: Mapping[str, np.ndarray], deterministic: bool = False) -> np.ndarray:
        """One action for one observation.

        Args:
            observation: float32 [elements] by feature name, in the robot's units, and uint8 pictures [3, H, W].
            deterministic: the mean action (evaluation) instead of a sample.

        Returns:
            float32 [A + 1]: each continuous element in [-1, 1], then the gripper class.
        """
        raw = {name: torch.from_numpy(observation[name]).unsqueeze(0) for name in self.layout.vectors}
        seen = self._normalizer(raw)
        if self.vision is not None:
            seen |= self.vision.acting(observation)  # once a tick, for actor and gripper
        features = self._features = networks.encode(self._trunk, seen, self.shape)
        mean, std = networks.actor(self._actor, features, self.shape)
        if not deterministic:
            noise = self.random.standard_normal(self.shape.actions, dtype=np.float32)
            mean = mean + std * torch.from_numpy(noise)
        action = np.empty(self.layout.action_size, np.float32)
        action[:-1] = torch.tanh(mean)[0].numpy()
        action[-1] = int(networks.gripper(self._trunk, features, self.shape).argmax())
        self._acted = torch.from_numpy(action[:-1]).unsqueeze(0)
        return action

    @torch.inference_mode()
    def chances(self) -> tuple[float, float]:
        """Value of the action that ``act`` gave last: the lowest critic's, and how far the highest is above it."""
        values = networks.critics(self._trunk, self._features, self._acted, self.shape)[:, 0]
        return float(values.min()), float(values.max() - values.min())
