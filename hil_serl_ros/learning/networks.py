"""Parameters and pure functions of the networks: lerobot's `gaussian_actor` shapes and arithmetic.

The trunk is what a critic step trains: encoder, critics, gripper critic. A critic's first layer is kept in two
parts, for features and for the action, so that all heads read the same features without a copy. On a CPU heads
one after the other are faster than one batched product: LayerNorm with its scale and shift is then one kernel.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from hil_serl_ros.learning.encoder import VISION, build, feature_shape
from hil_serl_ros.learning.layout import ENVIRONMENT_STATE, STATE, Layout
from hil_serl_ros.learning.settings import LearnerSettings

Params = Mapping[str, Tensor]

# The order in which lerobot's encoder joins its parts.
ENCODERS = ((ENVIRONMENT_STATE, "env_encoder"), (STATE, "state_encoder"))
ACTOR, GRIPPER = "actor", "gripper"
INIT_FINAL = 0.05  # lerobot's PolicyConfig.init_final: half width of the actor's output weights


@dataclasses.dataclass(frozen=True)
class Shape:
    """Sizes of the networks, as plain numbers that a compiled function may close over."""

    encoders: tuple[tuple[str, str, int], ...]  # (feature, lerobot's name of its encoder, elements)
    cameras: tuple[tuple[str, str], ...]  # (feature, lerobot's name of its embedding)
    map: tuple[int, int, int]  # (channels, rows, columns) of a picture's features
    pooling: int  # learned spatial averages of each channel
    trained: nn.Module | None  # the vision encoder's structure where it is trained; its weights are in the trunk
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
        return self.latent * (len(self.encoders) + len(self.cameras))


def shape_of(layout: Layout, settings: LearnerSettings) -> Shape:
    """The networks for a layout.

    Raises:
        EncoderError: the vision encoder cannot be had.
    """
    pictures = set(layout.images.values())
    if len(pictures) > 1:
        raise ValueError(f"all cameras share one encoder and must have one picture size, not {sorted(pictures)}")
    trained = bool(pictures) and not settings.freeze_vision_encoder
    name, seed = settings.vision_encoder, settings.vision_encoder_seed
    return Shape(
        encoders=tuple((f, name, layout.vectors[f].size) for f, name in ENCODERS if f in layout.vectors),
        cameras=tuple((feature, feature.replace(".", "_")) for feature in layout.images),
        map=feature_shape(name, pictures.pop()) if pictures else (0, 0, 0),
        pooling=settings.image_embedding_pooling_dim,
        trained=build(name, seed).to(settings.device) if trained else None,
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
    if shape.trained is not None:
        shapes |= {f"{VISION}{name}": tuple(p.shape) for name, p in shape.trained.named_parameters()}
    for _, name in shape.cameras:
        shapes[f"{name}.kernel"] = (*shape.map, shape.pooling)
    for name, size in inputs(shape):
        shapes |= {
            f"{name}.0.weight": (shape.latent, size),
            f"{name}.0.bias": (shape.latent,),
            f"{name}.1.weight": (shape.latent,),
            f"{name}.1.bias": (shape.latent,),
        }
    for critic in critic_names(shape):
        shapes |= _layers(critic, shape)
        shapes |= {
            f"{critic}.action.weight": (shape.hidden[0], shape.actions),
            f"{critic}.output.weight": (1, shape.hidden[-1]),
            f"{critic}.output.bias": (1,),
        }
    shapes |= _layers(GRIPPER, shape)
    return shapes | {
        f"{GRIPPER}.output.weight": (shape.classes, shape.hidden[-1]),
        f"{GRIPPER}.output.bias": (shape.classes,),
    }


def inputs(shape: Shape) -> list[tuple[str, int]]:
    """Name and input width of each part of the encoder, in the order in which their outputs are joined."""
    pooled = shape.map[0] * shape.pooling
    return [(name, pooled) for _, name in shape.cameras] + [(name, size) for _, name, size in shape.encoders]


def actor_shapes(shape: Shape) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of the actor."""
    shapes = _layers(ACTOR, shape)
    for name in ("mean", "std"):
        shapes |= {f"{name}.weight": (shape.actions, shape.hidden[-1]), f"{name}.bias": (shape.actions,)}
    return shapes


def critic_names(shape: Shape) -> list[str]:
    """Prefix of each critic's tensors."""
    return [f"critic{e}" for e in range(shape.critics)]


def _layers(prefix: str, shape: Shape) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    width = shape.features
    for i, hidden in enumerate(shape.hidden):
        shapes |= {
            f"{prefix}.{i}.weight": (hidden, width),
            f"{prefix}.{i}.bias": (hidden,),
            f"{prefix}.{i}.norm.weight": (hidden,),
            f"{prefix}.{i}.norm.bias": (hidden,),
        }
        width = hidden
    return shapes


def initialise(trunk: Params, actor: Params, shape: Shape, generator: torch.Generator) -> None:
    """Fill tensors in place as lerobot initialises its modules (torch's Linear, orthogonal output layers)."""
    encoder_norms = tuple(f"{name}.1." for name, _ in inputs(shape))
    vision = dict(shape.trained.named_parameters()) if shape.trained is not None else {}
    for name, tensor in (*trunk.items(), *actor.items()):
        if name.startswith(VISION):
            tensor.copy_(vision[name.removeprefix(VISION)].detach())
        elif name.endswith(".kernel"):
            # torch's kaiming_normal_ on (channels, rows, columns, pooling), which lerobot calls.
            tensor.normal_(0, 1 / math.sqrt(tensor[0].numel()), generator=generator)
        elif ".norm." in name or name.startswith(encoder_norms):
            tensor.fill_(1.0 if name.endswith("weight") else 0.0)
        elif name.startswith(("mean", "std")):
            tensor.uniform_(-INIT_FINAL, INIT_FINAL, generator=generator)
        elif name.endswith("output.weight"):
            torch.nn.init.orthogonal_(tensor, generator=generator)
        else:
            bound = 1 / math.sqrt(_fan_in(name, trunk, shape))
            tensor.uniform_(-bound, bound, generator=generator)


def _fan_in(name: str, trunk: Params, shape: Shape) -> int:
    """Inputs of the Linear that a weight or bias belongs to; a critic's first one reads the action too."""
    owner, layer, _ = name.split(".")
    if owner.startswith("critic") and layer in ("0", "action"):
        return shape.features + shape.actions
    if layer == "0" and owner in (GRIPPER, ACTOR):
        return shape.features
    if layer == "output":
        return shape.hidden[-1]
    if owner in (GRIPPER, ACTOR) or owner.startswith("critic"):
        return shape.hidden[int(layer) - 1]
    return int(trunk[f"{owner}.0.weight"].shape[1])


def linear(x: Tensor, weight: Tensor, bias: Tensor, precision: torch.dtype) -> Tensor:
    """x [..., in] -> [..., out] in float32, the product computed in ``precision``."""
    if precision == torch.float32:
        return F.linear(x, weight, bias)
    return F.linear(x.to(precision), weight.to(precision)).float() + bias


def mlp(params: Params, prefix: str, features: Tensor, action: Tensor | None, shape: Shape) -> Tensor:
    """Features [B, F] and, for a critic, action [B, A] -> [B, hidden]: Linear, LayerNorm, SiLU for each layer."""
    x = features
    for i, width in enumerate(shape.hidden):
        x = linear(x, params[f"{prefix}.{i}.weight"], params[f"{prefix}.{i}.bias"], shape.precision)
        if i == 0 and action is not None:
            x = torch.addmm(x, action, params[f"{prefix}.action.weight"].t())
        norm = params[f"{prefix}.{i}.norm.weight"], params[f"{prefix}.{i}.norm.bias"]
        x = F.silu(F.layer_norm(x, (width,), *norm))
    return x


def encode(params: Params, observation: Params, shape: Shape) -> Tensor:
    """Normalised observation -> [B, shape.features].

    Vectors are [B, elements]; a camera is features [B, C, h, w], or normalised pictures [B, 3, H, W] where the
    vision encoder is trained.
    """
    parts = [look(params, observation[feature], name, shape) for feature, name in shape.cameras]
    for feature, name, _ in shape.encoders:
        # Two dozen inputs: float32 whatever the precision, millimetres would drown in bfloat16.
        x = F.linear(observation[feature], params[f"{name}.0.weight"], params[f"{name}.0.bias"])
        x = F.layer_norm(x, (shape.latent,), params[f"{name}.1.weight"], params[f"{name}.1.bias"])
        parts.append(torch.tanh(x))
    return torch.cat(parts, dim=-1)


def look(params: Params, seen: Tensor, name: str, shape: Shape) -> Tensor:
    """One camera -> [B, latent]: learned spatial averages of each channel (HIL-SERL's), Linear, LayerNorm, tanh."""
    if shape.trained is not None:
        weights = {k.removeprefix(VISION): v for k, v in params.items() if k.startswith(VISION)}
        seen = functional_call(shape.trained, weights, (seen,))
    channels, rows, columns = shape.map
    places = seen.reshape(len(seen), channels, rows * columns).transpose(0, 1)  # a view: [C, B, h w]
    kernel = params[f"{name}.kernel"].view(channels, rows * columns, shape.pooling)
    pooled = torch.bmm(places, kernel).transpose(0, 1).reshape(len(seen), -1)
    x = linear(pooled, params[f"{name}.0.weight"], params[f"{name}.0.bias"], shape.precision)
    x = F.layer_norm(x, (shape.latent,), params[f"{name}.1.weight"], params[f"{name}.1.bias"])
    return torch.tanh(x)


def critics(params: Params, features: Tensor, action: Tensor, shape: Shape) -> Tensor:
    """Features [B, F] and action [B, A] -> values [E, B]."""
    values = []
    features = features.to(shape.precision)  # once for all
    for name in critic_names(shape):
        x = mlp(params, name, features, action, shape)
        values.append(F.linear(x, params[f"{name}.output.weight"], params[f"{name}.output.bias"]).squeeze(1))
    return torch.stack(values)


def gripper(params: Params, features: Tensor, shape: Shape) -> Tensor:
    """Features [B, F] -> value of each gripper class [B, C]."""
    x = mlp(params, GRIPPER, features, None, shape)
    return F.linear(x, params[f"{GRIPPER}.output.weight"], params[f"{GRIPPER}.output.bias"])


def actor(params: Params, features: Tensor, shape: Shape) -> tuple[Tensor, Tensor]:
    """Features [B, F] -> mean and standard deviation [B, A], before tanh.

    lerobot hands its clamped exp(output) to ``MultivariateNormal`` as the covariance, so it is a variance, whatever
    it is called there; a policy trained here and sampled there must agree.
    """
    x = mlp(params, ACTOR, features, None, shape)
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
