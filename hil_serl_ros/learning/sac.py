"""Soft actor-critic with a gripper head: one update is ``critic_steps`` critic steps and one actor step.

The arithmetic is that of lerobot's ``SACAlgorithm`` on lerobot's shapes, with its faults mended: targets have
an encoder of their own that lags, and the gripper's penalty counts in every step.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from hil_serl_ros.learning import losses, networks
from hil_serl_ros.learning.adam import Adam
from hil_serl_ros.learning.compiling import can_compile, compiled
from hil_serl_ros.learning.layout import Layout
from hil_serl_ros.learning.losses import Batch
from hil_serl_ros.learning.parameters import FlatParameters
from hil_serl_ros.learning.settings import LearnerSettings


class Stats(NamedTuple):
    """Figures of one update, read from its last critic step and its actor step."""

    critic_loss: float
    gripper_loss: float
    actor_loss: float
    temperature: float
    entropy: float
    value: float
    critic_grad_norm: float
    actor_grad_norm: float
    lr: float


def schedule(settings: LearnerSettings, update: int) -> float:
    """Share of the learning rates at an update (counted from 0): linear warm-up, then a cosine, then constant."""
    if update < settings.warmup_updates:
        return (update + 1) / settings.warmup_updates
    if settings.cosine_updates == 0:
        return 1.0
    done = min(1.0, (update - settings.warmup_updates) / settings.cosine_updates)
    return settings.final_lr_share + (1 - settings.final_lr_share) * 0.5 * (1 + math.cos(math.pi * done))


class SAC:
    """Networks, targets, temperature, optimizers and the update.

    Same layout, settings, seed, batches and thread count give the same weights, bit for bit.
    """

    def __init__(self, layout: Layout, settings: LearnerSettings) -> None:
        self.layout = layout
        self.settings = settings
        self.shape = networks.shape_of(layout, settings)
        self.device = torch.device(settings.device)
        self.generator = torch.Generator(device=self.device).manual_seed(settings.seed)
        self.trunk = FlatParameters(networks.trunk_shapes(self.shape), self.device)
        self.actor = FlatParameters(networks.actor_shapes(self.shape), self.device)
        self.target = FlatParameters(networks.trunk_shapes(self.shape), self.device)
        networks.initialise(self.trunk.values, self.actor.values, self.shape, self.generator)
        self.target.follow(self.trunk, 1.0)
        self.log_alpha = FlatParameters({"log_alpha": (1,)}, self.device)
        self.log_alpha.values["log_alpha"].fill_(math.log(settings.temperature_init))
        self.updates = 0
        self.critic_steps = 0
        self.optimizers = {
            "critic": Adam(self.trunk, settings.critic_lr),
            "actor": Adam(self.actor, settings.actor_lr),
            "temperature": Adam(self.log_alpha, settings.temperature_lr),
        }
        self._critic_losses, self._actor_losses = self._bind()

    @property
    def target_entropy(self) -> float:
        """What the temperature steers the policy's entropy to; HIL-SERL counts the gripper as an element."""
        return self.settings.target_entropy or -self.layout.action_size / 2

    def _bind(self) -> tuple[Callable[..., losses.CriticLosses], Callable[..., losses.ActorLosses]]:
        s = self.settings
        critic = functools.partial(
            losses.critic_losses,
            shape=self.shape,
            discount=s.discount,
            backup_entropy=s.backup_entropy,
            margin=s.gripper_margin,
        )
        actor = functools.partial(
            losses.actor_losses,
            shape=self.shape,
            target_entropy=self.target_entropy,
            minimum=s.actor_objective == "min",
            imitation=s.imitation_weight,
        )
        if not s.compile or not can_compile(self.device):
            return critic, actor
        return compiled(critic), compiled(actor)

    def noise(self, rows: int) -> Tensor:
        """Standard normal [rows, A] from this learner's own generator."""
        return torch.randn(rows, self.shape.actions, generator=self.generator, device=self.device)

    def critic_gradients(self, batch: Batch, noise: Tensor) -> tuple[losses.CriticLosses, tuple[Tensor, ...]]:
        """Losses and the gradient of each leaf of the encoder, critics and gripper critic."""
        out = self._critic_losses(
            self.trunk.leaves,
            self.target.values,
            self.actor.values,
            self.log_alpha.values["log_alpha"],
            batch,
            noise,
        )
        return out, torch.autograd.grad(out.total, list(self.trunk.leaves.values()))

    def actor_gradients(self, batch: Batch, noise: Tensor) -> tuple[losses.ActorLosses, tuple[Tensor, ...]]:
        """Losses and the gradient of each leaf of the actor, then of log_alpha."""
        log_alpha = self.log_alpha.leaves["log_alpha"]
        out = self._actor_losses(self.actor.leaves, self.trunk.values, log_alpha, batch, noise)
        return out, torch.autograd.grad(out.total, [*self.actor.leaves.values(), log_alpha])

    def update_critic(self, batch: Batch) -> tuple[losses.CriticLosses, Tensor]:
        """One step of encoder, critics and gripper critic, and of their targets."""
        out, gradients = self.critic_gradients(batch, self.noise(len(batch.reward)))
        norm = self.trunk.set_gradients(gradients, self.settings.grad_clip_norm)
        self.optimizers["critic"].step()
        self.target.follow(self.trunk, self.settings.critic_target_update_weight)
        self.critic_steps += 1
        return out, norm

    def update_actor(self, batch: Batch) -> tuple[losses.ActorLosses, Tensor]:
        """One step of the actor and the temperature."""
        out, gradients = self.actor_gradients(batch, self.noise(len(batch.reward)))
        norm = self.actor.set_gradients(gradients[:-1], self.settings.grad_clip_norm)
        self.log_alpha.set_gradients(gradients[-1:], 0.0)
        self.optimizers["actor"].step()
        self.optimizers["temperature"].step()
        return out, norm

    def update(self, sample: Callable[[], Batch]) -> Stats:
        """One update: ``critic_steps`` critic steps, each on a new batch, and an actor step on the last one."""
        lr = self._set_rates()
        for _ in range(self.settings.critic_steps):
            batch = sample()
            critic, critic_norm = self.update_critic(batch)
        actor, actor_norm = self.update_actor(batch)
        self.updates += 1
        return Stats(
            critic_loss=critic.critic.item(),
            gripper_loss=critic.gripper.item(),
            actor_loss=actor.actor.item(),
            temperature=self.log_alpha.values["log_alpha"].exp().item(),
            entropy=actor.entropy.item(),
            value=critic.value.item(),
            critic_grad_norm=critic_norm.item(),
            actor_grad_norm=actor_norm.item(),
            lr=lr,
        )

    def _set_rates(self) -> float:
        s, share = self.settings, schedule(self.settings, self.updates)
        for name, rate in (("critic", s.critic_lr), ("actor", s.actor_lr), ("temperature", s.temperature_lr)):
            self.optimizers[name].rate = rate * share
        return s.critic_lr * share
