"""Parameters and pure functions of the networks: lerobot's `gaussian_actor` shapes, heads stacked.

All critics and the gripper critic have layers of the same widths and read the same features, so they are
one stack of heads: one matrix product for the first layer, one batched product for each further layer.
``stacking.py`` knows which slice is which tensor of lerobot's.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from hil_serl_ros.learning.layout import ENVIRONMENT_STATE, STATE, Layout
from hil_serl_ros.learning.settings import LearnerSettings

Params = Mapping[str, Tensor]

# The order in which lerobot's encoder joins its parts.
ENCODERS = ((ENVIRONMENT_STATE, "env_encoder"), (STATE, "state_encoder"))
INIT_FINAL = 0.05  # lerobot's PolicyConfig.init_final: half width of the actor's output weights


@dataclasses.dataclass(frozen=True)
class Shape:
    """Sizes of the networks, as plain numbers that a compiled function may close over."""

    encoders: tuple[tuple[str, str, int], ...]  # (feature, lerobot's name of its encoder, elements)
    latent: int
    hidden: tuple[int, ...]
    critics: int
    actions: int
    classes: int
    std_min: float
    std_max: float
    precision: torch.dtype

    @property
    def features(self) -> int:
        """Width of the encoder's output."""
        return self.latent * len(self.encoders)

    @property
    def heads(self) -> int:
        """Critics and the gripper critic, which is the last head."""
        return self.critics + 1


def shape_of(layout: Layout, settings: LearnerSettings) -> Shape:
    """The networks for a layout.

    Raises:
        ValueError: the layout has images, which this learner does not learn from.
    """
    if layout.images:
        raise ValueError(f"this learner learns from vectors only; the layout has {', '.join(layout.images)}")
    return Shape(
        encoders=tuple((f, name, layout.vectors[f].size) for f, name in ENCODERS if f in layout.vectors),
        latent=settings.latent_dim,
        hidden=tuple(settings.hidden_dims),
        critics=settings.num_critics,
        actions=len(layout.continuous),
        classes=len(layout.gripper_classes),
        std_min=settings.std_min,
        std_max=settings.std_max,
        precision=torch.bfloat16 if settings.mixed_precision == "bf16" else torch.float32,
    )


def trunk_shapes(shape: Shape) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of the encoder, the critics and the gripper critic."""
    shapes: dict[str, tuple[int, ...]] = {}
    for _, name, size in shape.encoders:
        shapes |= {
            f"{name}.0.weight": (shape.latent, size),
            f"{name}.0.bias": (shape.latent,),
            f"{name}.1.weight": (shape.latent,),
            f"{name}.1.bias": (shape.latent,),
        }
    width = shape.features
    for i, hidden in enumerate(shape.hidden):
        shapes |= {
            f"heads.{i}.weight": (shape.heads, hidden, width),
            f"heads.{i}.bias": (shape.heads, hidden),
            f"heads.{i}.norm.weight": (shape.heads, hidden),
            f"heads.{i}.norm.bias": (shape.heads, hidden),
        }
        width = hidden
    return shapes | {
        "action.weight": (shape.critics, shape.hidden[0], shape.actions),
        "q.weight": (shape.critics, width),
        "q.bias": (shape.critics,),
        "gripper.weight": (shape.classes, width),
        "gripper.bias": (shape.classes,),
    }


def actor_shapes(shape: Shape) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of the actor."""
    shapes: dict[str, tuple[int, ...]] = {}
    width = shape.features
    for i, hidden in enumerate(shape.hidden):
        shapes |= {
            f"{i}.weight": (hidden, width),
            f"{i}.bias": (hidden,),
            f"{i}.norm.weight": (hidden,),
            f"{i}.norm.bias": (hidden,),
        }
        width = hidden
    for name in ("mean", "std"):
        shapes |= {f"{name}.weight": (shape.actions, width), f"{name}.bias": (shape.actions,)}
    return shapes


def initialise(trunk: dict[str, Tensor], actor: dict[str, Tensor], shape: Shape, generator: torch.Generator) -> None:
    """Fill tensors in place as lerobot initialises its modules (torch's Linear, orthogonal output layers)."""
    inputs = shape.features + shape.actions  # of each critic's first layer
    for params, first in ((trunk, inputs), (actor, shape.features)):
        for name, tensor in params.items():
            if name.endswith("norm.weight") or ".1.weight" in name and "encoder" in name:
                tensor.fill_(1.0)
            elif name.endswith("norm.bias") or ".1.bias" in name and "encoder" in name:
                tensor.zero_()
            elif name.startswith(("mean", "std")):
                tensor.uniform_(-INIT_FINAL, INIT_FINAL, generator=generator)
            elif name.endswith("weight") and name.startswith(("q.", "gripper.")):
                rows = [tensor] if name.startswith("gripper.") else list(tensor.unsqueeze(1))
                for row in rows:
                    torch.nn.init.orthogonal_(row, generator=generator)
            else:
                fan_in = _fan_in(name, params, first)
                tensor.uniform_(-1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in), generator=generator)


def _fan_in(name: str, params: Mapping[str, Tensor], first: int) -> int:
    if name.startswith(("action.", "heads.0.", "0.")):
        return first
    stem = name.rsplit(".", 1)[0]
    return int(params[f"{stem}.weight"].shape[-1])


def linear(x: Tensor, weight: Tensor, bias: Tensor, precision: torch.dtype) -> Tensor:
    """x [..., in] -> [..., out] in float32, the product computed in ``precision``."""
    if precision == torch.float32:
        return F.linear(x, weight, bias)
    return F.linear(x.to(precision), weight.to(precision)).float() + bias


def encode(params: Params, observation: Params, shape: Shape) -> Tensor:
    """Normalised features, each [B, elements] -> [B, shape.features]."""
    parts = []
    for feature, name, _ in shape.encoders:
        # Two dozen inputs: float32 whatever the precision, millimetres would drown in bfloat16.
        x = F.linear(observation[feature], params[f"{name}.0.weight"], params[f"{name}.0.bias"])
        x = F.layer_norm(x, (shape.latent,), params[f"{name}.1.weight"], params[f"{name}.1.bias"])
        parts.append(torch.tanh(x))
    return torch.cat(parts, dim=-1)


def hidden_heads(params: Params, features: Tensor, action: Tensor | None, shape: Shape, first: int, last: int) -> Tensor:
    """Run heads ``first`` to ``last`` (exclusive) on features [B, F] -> [heads, B, hidden].

    ``action`` [B, A] is added to the critics' first layer (a critic reads features and action side by side);
    None if no critic is among the heads.
    """
    heads, x = last - first, features
    for i, width in enumerate(shape.hidden):
        weight = params[f"heads.{i}.weight"][first:last]
        bias = params[f"heads.{i}.bias"][first:last]
        if i == 0:
            flat = linear(x, weight.reshape(heads * width, -1), bias.reshape(-1), shape.precision)
            x = flat.view(-1, heads, width).transpose(0, 1)
            if action is not None:
                critics = min(last, shape.critics) - first
                part = torch.einsum("ba,eha->ebh", action, params["action.weight"][first : first + critics])
                x = torch.cat([x[:critics] + part, x[critics:]]) if critics < heads else x + part
        elif shape.precision == torch.float32:
            x = torch.baddbmm(bias.unsqueeze(1), x, weight.transpose(1, 2))
        else:
            x = torch.bmm(x.to(shape.precision), weight.to(shape.precision).transpose(1, 2)).float() + bias.unsqueeze(1)
        x = F.layer_norm(x, (width,))
        x = x * params[f"heads.{i}.norm.weight"][first:last].unsqueeze(1)
        x = F.silu(x + params[f"heads.{i}.norm.bias"][first:last].unsqueeze(1))
    return x


def q_values(params: Params, hidden: Tensor) -> Tensor:
    """Hidden [E, B, H] -> values [E, B] of the critics."""
    return torch.einsum("ebh,eh->eb", hidden, params["q.weight"]) + params["q.bias"].unsqueeze(1)


def gripper_values(params: Params, hidden: Tensor) -> Tensor:
    """Hidden [B, H] -> value of each gripper class [B, C]."""
    return F.linear(hidden, params["gripper.weight"], params["gripper.bias"])


def critics(params: Params, features: Tensor, action: Tensor, shape: Shape) -> Tensor:
    """Features [B, F] and action [B, A] -> values [E, B]."""
    return q_values(params, hidden_heads(params, features, action, shape, 0, shape.critics))


def gripper(params: Params, features: Tensor, shape: Shape) -> Tensor:
    """Features [B, F] -> value of each gripper class [B, C]."""
    return gripper_values(params, hidden_heads(params, features, None, shape, shape.critics, shape.heads)[0])


def actor(params: Params, features: Tensor, shape: Shape) -> tuple[Tensor, Tensor]:
    """Features [B, F] -> mean and standard deviation [B, A], before tanh.

    lerobot hands its clamped exp(output) to ``MultivariateNormal`` as the covariance, so it is a variance, whatever
    it is called there; a policy trained here and sampled there must agree.
    """
    x = features
    for i, width in enumerate(shape.hidden):
        x = linear(x, params[f"{i}.weight"], params[f"{i}.bias"], shape.precision)
        x = F.silu(F.layer_norm(x, (width,), params[f"{i}.norm.weight"], params[f"{i}.norm.bias"]))
    mean = F.linear(x, params["mean.weight"], params["mean.bias"])
    variance = torch.exp(F.linear(x, params["std.weight"], params["std.bias"]))
    return mean, variance.clamp(shape.std_min, shape.std_max).sqrt()


def squash(mean: Tensor, std: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Sample tanh(mean + std noise) [B, A] and its log density [B].

    The density is that of lerobot's TanhMultivariateNormalDiag; log(1 - tanh(x)^2) as
    2 (log 2 - x - softplus(-2 x)), as in torch's TanhTransform.
    """
    raw = mean + std * noise
    normal = -0.5 * noise.square() - torch.log(std) - 0.5 * math.log(2 * math.pi)
    correction = 2 * (math.log(2) - raw - F.softplus(-2 * raw))
    return torch.tanh(raw), (normal - correction).sum(-1)
