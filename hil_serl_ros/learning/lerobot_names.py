"""Which of our tensors is which tensor of lerobot's, in both directions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from hil_serl_ros.learning.encoder import ENCODER_ALIASES, VISION
from hil_serl_ros.learning.networks import ACTOR, GRIPPER, Params, Shape

TARGET_ENCODER = "target_encoder."
CRITICS, CRITICS_TARGET = "critic_ensemble.", "critic_target."


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
    for prefix, params in ((CRITICS, trunk), (CRITICS_TARGET, target)):
        for name, pieces in _critics(prefix, params, shape):
            out[name] = torch.cat(pieces, dim=-1) if len(pieces) > 1 else pieces[0]
    out |= {f"discrete_critic_target.{name}": pieces[0] for name, pieces in _head(target, shape, GRIPPER)}
    return out | {f"{TARGET_ENCODER}{name}": tensor for name, tensor in _encoder(target, shape)}


def load_policy(tensors: Mapping[str, Tensor], trunk: Params, actor: Params, shape: Shape) -> None:
    """Copy lerobot's policy tensors into ours, all or none.

    Raises:
        ShapeError: a tensor is missing, superfluous or of another shape.
    """
    _copy({_canonical(name): tensor for name, tensor in tensors.items()}, _policy(trunk, actor, shape))


def acting_tensors(trunk: Params, actor: Params, shape: Shape) -> dict[str, Tensor]:
    """What travels to an actor: the policy, and the critics by which it knows its chances."""
    critics = {name: torch.cat(pieces, dim=-1) for name, pieces in _critics(CRITICS, trunk, shape)}
    return policy_tensors(trunk, actor, shape) | critics


def load_acting(tensors: Mapping[str, Tensor], trunk: Params, actor: Params, shape: Shape) -> bool:
    """Copy the policy, and the critics where they are there, into ours, all or none.

    Returns:
        Whether the critics were there; a policy's own file has none.

    Raises:
        ShapeError: a tensor is missing, superfluous or of another shape.
    """
    rated = any(name.startswith(CRITICS) for name in tensors)
    wanted = _policy(trunk, actor, shape) + (list(_critics(CRITICS, trunk, shape)) if rated else [])
    _copy({_canonical(name): tensor for name, tensor in tensors.items()}, wanted)
    return rated


def trainable(tensors: Mapping[str, Tensor], shape: Shape) -> dict[str, Tensor]:
    """A policy file's tensors without those of the vision encoder that are not trained: frozen ones and buffers."""
    trained = dict(shape.trained.named_parameters()) if shape.trained is not None else {}
    prefix = f"{ENCODER_ALIASES[0]}{VISION}"
    out = {_canonical(name): tensor for name, tensor in tensors.items()}
    return {n: t for n, t in out.items() if not n.startswith(prefix) or n.removeprefix(prefix) in trained}


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
    wanted += [*_critics(CRITICS, trunk, shape), *_critics(CRITICS_TARGET, target, shape)]
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
    """What is trained of the encoder; a frozen vision encoder is named by its hash and stays where it is."""
    for name in trunk:
        if name.startswith(VISION):
            yield name, trunk[name]
    for _, name in shape.cameras:
        yield f"spatial_embeddings.{name}.kernel", trunk[f"{name}.kernel"]
        for ours, theirs in (("0", "1"), ("1", "2")):  # lerobot's Sequential begins with a Dropout
            for part in ("weight", "bias"):
                yield f"post_encoders.{name}.{theirs}.{part}", trunk[f"{name}.{ours}.{part}"]
    for _, name, _ in shape.encoders:
        for part in ("0.weight", "0.bias", "1.weight", "1.bias"):
            yield f"{name}.{part}", trunk[f"{name}.{part}"]


def _policy(trunk: Params, actor: Params, shape: Shape) -> list[tuple[str, list[Tensor]]]:
    wanted = [(f"encoder_critic.{name}", [tensor]) for name, tensor in _encoder(trunk, shape)]
    wanted += list(_actor(actor, shape))
    return wanted + [(f"discrete_critic.{name}", pieces) for name, pieces in _head(trunk, shape, GRIPPER)]


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


def _critics(prefix: str, params: Params, shape: Shape) -> Iterator[tuple[str, list[Tensor]]]:
    for e in range(shape.critics):
        for name, pieces in _head(params, shape, f"critic{e}"):
            yield f"{prefix}critics.{e}.{name}", pieces


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
