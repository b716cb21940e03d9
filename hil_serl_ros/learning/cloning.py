"""Behaviour cloning: the policy that does what the operator did, as a baseline or to start from."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from hil_serl_ros.learning import networks
from hil_serl_ros.learning.adam import Adam
from hil_serl_ros.learning.losses import Batch
from hil_serl_ros.learning.networks import Params, Shape
from hil_serl_ros.learning.sac import SAC

MARGIN = 0.1  # of the operator's gripper class: the values keep the scale that the critics' learning goes on from


def cloning_loss(trunk: Params, actor: Params, batch: Batch, shape: Shape) -> Tensor:
    """Mean squared distance of the mean action from the operator's, and the gripper class's large-margin loss.

    The margin is DQfD's (Hester et al. 2018): the policy takes the class of highest value, so that is what is taught.
    """
    features = networks.encode(trunk, batch.observation, shape)
    mean, _ = networks.actor(actor, features, shape)
    classes, chosen = networks.gripper(trunk, features, shape), batch.gripper.unsqueeze(1)
    taken = classes.gather(1, chosen)
    rival = (classes + MARGIN).scatter(1, chosen, taken).amax(1, keepdim=True)
    return (torch.tanh(mean) - batch.action).square().sum(-1).mean() + (rival - taken).mean()


def clone(
    sac: SAC, sample: Callable[[], Batch], updates: int, told: Callable[[float], None] = lambda loss: None
) -> None:
    """Fit encoder, actor and gripper critic of ``sac`` to what ``sample`` draws of the operator's steps.

    The moments of its optimizers stay as they are; the targets follow at the end.

    Args:
        told: called after each update with its loss.
    """
    groups = (sac.trunk, sac.actor)
    adams = [Adam(sac.trunk, sac.settings.critic_lr), Adam(sac.actor, sac.settings.actor_lr)]
    leaves = [leaf for group in groups for leaf in group.leaves.values()]
    for _ in range(updates):
        loss = cloning_loss(sac.trunk.leaves, sac.actor.leaves, sample(), sac.shape)
        found = torch.autograd.grad(loss, leaves, allow_unused=True)
        # The critics have no part in it.
        gradients = [torch.zeros_like(leaf) if one is None else one for leaf, one in zip(leaves, found, strict=True)]
        count = len(sac.trunk.leaves)
        for group, adam, part in zip(groups, adams, (gradients[:count], gradients[count:]), strict=True):
            group.set_gradients(part, sac.settings.grad_clip_norm)
            adam.step()
        told(loss.item())
    sac.target.follow(sac.trunk, 1.0)
