"""The policy's trainable tensors as safetensors bytes, in and out: nothing that came over the network is executed."""

from __future__ import annotations

import hashlib

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from hil_serl_ros.learning.lerobot_names import ShapeError, acting_tensors, load_acting
from hil_serl_ros.learning.networks import Params, Shape

MAX_BYTES = 64 * 1024 * 1024  # a policy without its frozen encoder is about 2 MB


class WeightsError(ValueError):
    """Bytes that are not this policy's weights; the message is one sentence."""


def pack(trunk: Params, actor: Params, shape: Shape) -> tuple[bytes, str]:
    """The tensors that act (encoder, actor, gripper critic) and the critics under lerobot's names, float32.

    Returns:
        safetensors bytes and their SHA-256 in hexadecimal.
    """
    tensors = {name: t.detach().cpu().contiguous() for name, t in acting_tensors(trunk, actor, shape).items()}
    data = save(tensors)
    return data, hashlib.sha256(data).hexdigest()


def unpack(data: bytes, sha256: str) -> dict[str, Tensor]:
    """Tensors by lerobot's names from bytes that ``pack`` made.

    Raises:
        WeightsError: too large, another hash, not safetensors, or numbers that are not finite.
    """
    if len(data) > MAX_BYTES:
        raise WeightsError(f"the weights are {len(data)} bytes; at most {MAX_BYTES} are accepted")
    actual = hashlib.sha256(data).hexdigest()
    if actual != sha256:
        raise WeightsError(f"the weights' SHA-256 is {actual[:12]}..., not the announced {sha256[:12]}...")
    try:
        tensors = load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise WeightsError(f"the weights are not a safetensors file: {error}") from error
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise WeightsError(f"the weights hold a number that is not finite, in {name}")
    return tensors


def apply(data: bytes, sha256: str, trunk: Params, actor: Params, shape: Shape) -> None:
    """Put packed weights into a policy's tensors, all or none.

    Raises:
        WeightsError: as ``unpack``, or tensors of other names or shapes.
    """
    tensors = unpack(data, sha256)
    try:
        load_acting(tensors, trunk, actor, shape)
    except ShapeError as error:
        raise WeightsError(f"the weights do not fit this policy: {error}") from error
