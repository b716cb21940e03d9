"""The losses of SAC with a gripper head: pure functions of tensors, compiled from outside."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from hil_serl_ros.learning import networks
from hil_serl_ros.learning.networks import Params, Shape


class Batch(NamedTuple):
    """B transitions. Observations are normalised float32 [B, elements] by feature name."""

    observation: dict[str, Tensor]
    next_observation: dict[str, Tensor]
    action: Tensor  # [B, A] in [-1, 1]
    gripper: Tensor  # [B] int64 class
    reward: Tensor  # [B]
    terminated: Tensor  # [B] 1.0: no value after this step; a time limit is 0.0
    penalty: Tensor  # [B] <= 0, for a change of the gripper's state
    operator: Tensor  # [B] 1.0: a person acted


class CriticLosses(NamedTuple):
    """Scalars of a critic step; ``total`` is what the gradient is of."""

    total: Tensor
    critic: Tensor
    gripper: Tensor
    value: Tensor


class ActorLosses(NamedTuple):
    """Scalars of an actor step; ``total`` is what the gradient is of."""

    total: Tensor
    actor: Tensor
    temperature: Tensor
    entropy: Tensor


@torch.no_grad()
def targets(
    trunk: Params,
    target: Params,
    actor: Params,
    log_alpha: Tensor,
    batch: Batch,
    noise: Tensor,
    shape: Shape,
    discount: float,
    backup_entropy: bool,
) -> tuple[Tensor, Tensor]:
    """Bellman targets [B] of the critics and of the gripper critic (double DQN), by networks that lag."""
    live = networks.encode(trunk, batch.next_observation, shape)
    action, log_prob = networks.squash(*networks.actor(actor, live, shape), noise)
    best = networks.gripper(trunk, live, shape).argmax(-1, keepdim=True)
    lagging = networks.encode(target, batch.next_observation, shape)
    value = networks.critics(target, lagging, action, shape).amin(0)
    gripper = networks.gripper(target, lagging, shape).gather(1, best).squeeze(1)
    if backup_entropy:
        value = value - log_alpha.exp() * log_prob
    future = discount * (1 - batch.terminated)
    return batch.reward + future * value, batch.reward + batch.penalty + future * gripper


def critic_losses(
    trunk: Params,
    target: Params,
    actor: Params,
    log_alpha: Tensor,
    batch: Batch,
    noise: Tensor,
    shape: Shape,
    discount: float,
    backup_entropy: bool,
    margin: float = 0.0,
) -> CriticLosses:
    """Squared Bellman errors: the sum over critics of each one's mean, and the gripper critic's mean.

    With a ``margin`` the gripper critic is also asked to value the operator's class by so much above the others
    where the operator acted (DQfD's large-margin loss, Hester et al. 2018).
    """
    wanted, wanted_gripper = targets(trunk, target, actor, log_alpha, batch, noise, shape, discount, backup_entropy)
    features = networks.encode(trunk, batch.observation, shape)
    q = networks.critics(trunk, features, batch.action, shape)
    classes, chosen = networks.gripper(trunk, features, shape), batch.gripper.unsqueeze(1)
    taken = classes.gather(1, chosen).squeeze(1)
    critic = (q - wanted).square().mean(1).sum()
    gripper = F.mse_loss(taken, wanted_gripper)
    total = critic + gripper
    if margin > 0:
        rival = (classes + margin).scatter(1, chosen, taken.unsqueeze(1)).amax(1)
        total = total + _mean_where(rival - taken, batch.operator)
    return CriticLosses(total, critic.detach(), gripper.detach(), q.detach().mean())


def actor_losses(
    actor: Params,
    trunk: Params,
    log_alpha: Tensor,
    batch: Batch,
    noise: Tensor,
    shape: Shape,
    target_entropy: float,
    minimum: bool,
    imitation: float = 0.0,
) -> ActorLosses:
    """SAC's actor loss, the encoder held fixed, and the temperature's loss from the same log densities.

    With ``imitation`` so many times the mean action's squared distance from the operator's is added where the
    operator acted (the cloning term of Nair et al. 2018, without its filter).
    """
    with torch.no_grad():
        features = networks.encode(trunk, batch.observation, shape)
    mean, std = networks.actor(actor, features, shape)
    action, log_prob = networks.squash(mean, std, noise)
    q = networks.critics(trunk, features, action, shape)
    value = q.amin(0) if minimum else q.mean(0)
    loss = (log_alpha.detach().exp() * log_prob - value).mean()
    total = loss
    if imitation > 0:
        distance = (torch.tanh(mean) - batch.action).square().sum(-1)
        total = loss + imitation * _mean_where(distance, batch.operator)
    temperature = (-log_alpha.exp() * (log_prob.detach() + target_entropy)).mean()
    return ActorLosses(total + temperature, loss.detach(), temperature.detach(), -log_prob.detach().mean())


def _mean_where(values: Tensor, mask: Tensor) -> Tensor:
    return (values * mask).sum() / mask.sum().clamp(min=1.0)
