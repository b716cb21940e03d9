"""The policy that acts, with the learner's weights as they come or a checkpoint's."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import torch
from rclpy.node import Node
from torch import Tensor

from hil_serl_ros.data.checkpoint import CheckpointError, read_policy
from hil_serl_ros.learning import networks
from hil_serl_ros.learning.encoder import EncoderError
from hil_serl_ros.learning.layout import Layout
from hil_serl_ros.learning.lerobot_actor import LerobotActor, PolicyError, policy_type
from hil_serl_ros.learning.lerobot_names import ShapeError, load_acting
from hil_serl_ros.learning.parameters import FlatParameters
from hil_serl_ros.learning.policy import Policy
from hil_serl_ros.learning.settings import LearnerSettings
from hil_serl_ros.learning.vision import Vision
from hil_serl_ros.learning.weights import MAX_BYTES, WeightsError, unpack
from hil_serl_ros.msg import Weights
from hil_serl_ros.ros import qos
from hil_serl_ros.settings import SettingError, setting, validate

MOST_SETTINGS = 20_000  # characters of the settings that come with weights
KEPT = 8  # versions; the learner's queue holds fewer


@dataclasses.dataclass
class EncoderSettings:
    """The frozen vision encoder of the actor's machine; the learner names its own by hash."""

    vision_encoder: str = setting("small", "The learner's vision encoder: small, resnet10 or a folder on this machine.")
    vision_encoder_seed: int = setting(0, "Seed of the random weights of small and resnet10.", minimum=0)


class Acting:
    """Acts with the newest weights, or in lockstep with exact ones.

    Args:
        node: whose topic `weights` is read.
        layout: what the policy sees; weights of another one are refused.
        run: name of the run whose weights are taken.
        exact: keep versions until they are asked for (lockstep).
        encoder: the frozen vision encoder of this machine, which the learner's must equal.
        checkpoint: folder of a pretrained_model; then no weights are awaited.

    Raises:
        SettingError: the checkpoint cannot be used.
    """

    def __init__(
        self, node: Node, layout: Layout, *, run: str, exact: bool, checkpoint: str, encoder: EncoderSettings
    ) -> None:
        torch.set_num_threads(1)  # two cores are a design limit; a batch of one gains nothing from more
        self.version = 0
        self.refused = 0
        self._node = node
        self._layout = layout
        self._run = run
        self._encoder = encoder
        self._exact = exact
        self._waiting: dict[int, Weights] = {}
        self._greedy = False
        self._settings = "", ""
        self._random = np.random.default_rng(0)
        self._policy: Policy | LerobotActor | None = None
        self._critics = False  # the weights had them
        if checkpoint:
            try:
                if policy_type(Path(checkpoint)) not in ("", "gaussian_actor"):
                    self._policy = LerobotActor(Path(checkpoint), layout)
                else:
                    self._use(*read_policy(Path(checkpoint), layout))
            except (CheckpointError, EncoderError, ShapeError, PolicyError) as error:
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
        if isinstance(self._policy, LerobotActor):
            self._policy.begin(seed)
        elif self._policy is not None:
            self._policy.random = self._random

    @property
    def plans(self) -> bool:
        """The policy works through plans of several actions."""
        return isinstance(self._policy, LerobotActor)

    def forget(self) -> None:
        """A person acts: what was planned is not done any more."""
        if isinstance(self._policy, LerobotActor):
            self._policy.forget()

    def act(self, observation: dict[str, np.ndarray]) -> np.ndarray:
        """The policy's action (4,) float32 for an observation of the layout."""
        assert self._policy is not None, "weights are waited for before the policy acts"
        return self._policy.act(observation, deterministic=self._greedy)

    def chances(self) -> tuple[float, float]:
        """The lowest critic's value of the action that :meth:`act` gave last, and how far the highest is above it.

        NaN where the weights came without critics.
        """
        return self._policy.chances() if isinstance(self._policy, Policy) and self._critics else (math.nan, math.nan)

    def take(self, version: int) -> bool:
        """Act with weights of ``version``, or the oldest newer ones, from now on; False: none have come yet."""
        # After a restart only newer weights than the asked ones may be there; then those go on acting.
        if self._policy is not None and self.version >= version and version not in self._waiting:
            return True
        fit = [v for v in self._waiting if v >= version]
        return bool(fit) and self._load(min(fit))

    @property
    def ready(self) -> bool:
        """There is a policy to act with."""
        return self._policy is not None

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
            if (message.settings, message.encoder) != self._settings:
                if len(message.settings) > MOST_SETTINGS:
                    raise ValueError(f"their settings have more than {MOST_SETTINGS} characters")
                self._use(validate(LearnerSettings(**json.loads(message.settings))), tensors, message.encoder)
                self._settings = message.settings, message.encoder
            else:
                self._critics = load_acting(tensors, self._trunk.values, self._actor.values, self._shape)
        except (WeightsError, ShapeError, TypeError, ValueError, RecursionError) as error:
            self._refuse(str(error))
            return False
        self.version = version
        return True

    def _use(self, settings: LearnerSettings, tensors: dict[str, Tensor], encoder: str | None = None) -> None:
        """Build the policy of ``settings`` and load ``tensors`` (lerobot's names) into it.

        Raises:
            ValueError: the frozen vision encoder here is not the one of hash ``encoder``, or cannot be had. Without a
                hash (a checkpoint's policy) the settings' own encoder is taken.
        """
        # The actor acts on the processor, wherever the learner learns.
        settings = dataclasses.replace(settings, device="cpu")
        if encoder is not None:
            # A path that came over the network is not opened: the encoder is the one of this node's parameters.
            own = self._encoder
            settings = dataclasses.replace(
                settings, vision_encoder=own.vision_encoder, vision_encoder_seed=own.vision_encoder_seed
            )
        vision = Vision(self._layout, settings) if self._layout.images else None
        if vision is not None and vision.frozen and encoder is not None and vision.encoder.hash != encoder:
            raise ValueError(
                f"the vision encoder {settings.vision_encoder} is another one here ({vision.encoder.hash[:12]}...) "
                f"than the learner's ({encoder[:12]}...)"
            )
        self._shape = networks.shape_of(self._layout, settings)
        asked = [*networks.trunk_shapes(self._shape).values(), *networks.actor_shapes(self._shape).values()]
        if 4 * sum(map(math.prod, asked)) > MAX_BYTES:  # before any of it is made
            raise ValueError(f"their settings ask for a policy of more than {MAX_BYTES} bytes")
        device = torch.device("cpu")
        self._trunk = FlatParameters(networks.trunk_shapes(self._shape), device)
        self._actor = FlatParameters(networks.actor_shapes(self._shape), device)
        self._critics = load_acting(tensors, self._trunk.values, self._actor.values, self._shape)
        policy = Policy(self._layout, settings, vision=vision)
        policy.use(self._trunk.values, self._actor.values)
        policy.random = self._random
        self._policy = policy

    def _refuse(self, why: str) -> None:
        self.refused += 1
        if self.refused == 1:
            self._node.get_logger().error(f"weights refused: {why}; start learner and actor with one configuration")
