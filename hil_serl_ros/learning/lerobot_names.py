"""Which of our tensors is which tensor of lerobot's, in both directions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from hil_serl_ros.learning.networks import ACTOR, GRIPPER, Params, Shape

# lerobot shares one encoder under four names; a file holds any one of them.
ENCODER_ALIASES = ("encoder_critic.", "encoder_actor.", "actor.encoder.", "discrete_critic.encoder.")
TARGET_ENCODER = "target_encoder."


class ShapeError(ValueError):
    """Tensors that do not fit the network; the message is one sentence that names the difference."""


def policy_tensors(trunk: Params, actor: Params, shape: Shape) -> dict[str, Tensor]:
    """The policy's tensors under lerobot's names: encoder, actor, gripper critic. They share our memory."""
    out = {f"encoder_critic.{name}": tensor for name, tensor in _encoder(trunk, shape)}
    out |= {name: pieces[0] for name, pieces in _actor(actor, shape)}
    return out | {f"discrete_critic.{name}": pieces[0] for name, pieces in _head(trunk, shape, GRIPPER)}


def algorithm_tensors(trunk: Params, target: Params, log_alpha: Tensor, shape: Shape) -> dict[str, Tensor]:
    """What lerobot's SAC keeps beside the policy, and the target encoder under a name that lerobot skips."""
    out = {"log_alpha": log_alpha}
    for prefix, params in (("critic_ensemble", trunk), ("critic_target", target)):
        for e in range(shape.critics):
            for name, pieces in _head(params, shape, f"critic{e}"):
                out[f"{prefix}.critics.{e}.{name}"] = torch.cat(pieces, dim=-1) if len(pieces) > 1 else pieces[0]
    out |= {f"discrete_critic_target.{name}": pieces[0] for name, pieces in _head(target, shape, GRIPPER)}
    return out | {f"{TARGET_ENCODER}{name}": tensor for name, tensor in _encoder(target, shape)}


def load_policy(tensors: Mapping[str, Tensor], trunk: Params, actor: Params, shape: Shape) -> None:
    """Copy lerobot's policy tensors into ours, all or none.

    Raises:
        ShapeError: a tensor is missing, superfluous or of another shape.
    """
    wanted = [(f"encoder_critic.{name}", [tensor]) for name, tensor in _encoder(trunk, shape)]
    wanted += list(_actor(actor, shape))
    wanted += [(f"discrete_critic.{name}", pieces) for name, pieces in _head(trunk, shape, GRIPPER)]
    _copy({_canonical(name): tensor for name, tensor in tensors.items()}, wanted)


def load_algorithm(
    tensors: Mapping[str, Tensor], trunk: Params, target: Params, log_alpha: Tensor, shape: Shape
) -> bool:
    """Copy lerobot's algorithm tensors into ours, all or none.

    Returns:
        Whether a target encoder was there; lerobot's own files have none.

    Raises:
        ShapeError: a tensor is missing, superfluous or of another shape.
    """
    wanted = [("log_alpha", [log_alpha])]
    for prefix, params in (("critic_ensemble", trunk), ("critic_target", target)):
        for e in range(shape.critics):
            wanted += [(f"{prefix}.critics.{e}.{name}", pieces) for name, pieces in _head(params, shape, f"critic{e}")]
    wanted += [(f"discrete_critic_target.{name}", pieces) for name, pieces in _head(target, shape, GRIPPER)]
    lags = any(name.startswith(TARGET_ENCODER) for name in tensors)
    if lags:
        wanted += [(f"{TARGET_ENCODER}{name}", [tensor]) for name, tensor in _encoder(target, shape)]
    _copy(tensors, wanted)
    return lags


def _canonical(name: str) -> str:
    for alias in ENCODER_ALIASES:
        if name.startswith(alias):
            return ENCODER_ALIASES[0] + name.removeprefix(alias)
    return name


def _encoder(trunk: Params, shape: Shape) -> Iterator[tuple[str, Tensor]]:
    for _, name, _ in shape.encoders:
        for part in ("0.weight", "0.bias", "1.weight", "1.bias"):
            yield f"{name}.{part}", trunk[f"{name}.{part}"]


def _actor(actor: Params, shape: Shape) -> Iterator[tuple[str, list[Tensor]]]:
    for name, tensor in _mlp(actor, shape, ACTOR):
        yield f"actor.network.{name}", [tensor]
    for ours, layer in (("mean", "mean_layer"), ("std", "std_layer")):
        for part in ("weight", "bias"):
            yield f"actor.{layer}.{part}", [actor[f"{ours}.{part}"]]


def _head(trunk: Params, shape: Shape, head: str) -> Iterator[tuple[str, list[Tensor]]]:
    """Tensors of one head; a critic's first layer reads the action too: two pieces, side by side."""
    for name, tensor in _mlp(trunk, shape, head):
        pieces = [tensor]
        if name == "net.0.weight" and head != GRIPPER:
            pieces.append(trunk[f"{head}.action.weight"])
        yield f"net.{name}", pieces
    for part in ("weight", "bias"):
        yield f"output_layer.{part}", [trunk[f"{head}.output.{part}"]]


def _mlp(params: Params, shape: Shape, prefix: str) -> Iterator[tuple[str, Tensor]]:
    for i in range(len(shape.hidden)):
        for ours, theirs in (("", 3 * i), ("norm.", 3 * i + 1)):  # Linear, LayerNorm, activation
            for part in ("weight", "bias"):
                yield f"net.{theirs}.{part}", params[f"{prefix}.{i}.{ours}{part}"]


@torch.no_grad()
def _copy(tensors: Mapping[str, Tensor], wanted: list[tuple[str, list[Tensor]]]) -> None:
    names = {name for name, _ in wanted}
    if missing := sorted(names - tensors.keys()):
        raise ShapeError(f"the tensor {missing[0]} is missing ({len(missing)} missing in all)")
    if extra := sorted(tensors.keys() - names):
        raise ShapeError(f"the tensor {extra[0]} is not one of this network's ({len(extra)} such in all)")
    for name, pieces in wanted:
        size = (*pieces[0].shape[:-1], sum(piece.shape[-1] for piece in pieces))
        if tuple(tensors[name].shape) != size:
            raise ShapeError(f"the tensor {name} has the shape {tuple(tensors[name].shape)}; this network's is {size}")
    for name, pieces in wanted:
        for piece, part in zip(pieces, tensors[name].split([p.shape[-1] for p in pieces], dim=-1), strict=True):
            piece.copy_(part)
