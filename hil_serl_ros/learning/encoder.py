"""Vision encoders: uint8 pictures to features, by a network that is frozen or trained with the critics.

`small` is `gaussian_actor`'s own convolutional encoder, `resnet10` a ResNet-10 as the transformers library has it,
both drawn at random from a seed; any other name is a folder: of a small one that ``save`` wrote, of a model that
transformers' ``AutoModel`` loads, or a ``pretrained_model`` of ours or lerobot's, whose encoder is then meant.
Nothing is downloaded and no code that comes with weights is run.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

# Of ImageNet, on pixels scaled to [0, 1]: what lerobot's gaussian_actor and its reward classifier expect.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
SMALL, RESNET10 = "small", "resnet10"
CONFIG, WEIGHTS = "config.json", "model.safetensors"
IN_POLICY = "vision_encoder"  # folder of a transformers encoder inside a pretrained_model
# lerobot shares one observation encoder under four names; a file holds any one of them.
ENCODER_ALIASES = ("encoder_critic.", "encoder_actor.", "actor.encoder.", "discrete_critic.encoder.")
VISION = "image_encoder."  # prefix of the vision encoder's tensors in it
PAD = 4  # pixels that a picture is shifted by at most, as HIL-SERL's random crop


class EncoderError(ValueError):
    """An encoder that cannot be had; the message is one sentence for the user."""


class SmallEncoder(nn.Module):
    """lerobot's ``DefaultImageEncoder``: four convolutions, [N, 3, 128, 128] -> [N, 32, 6, 6]."""

    def __init__(self, channels: int = 3, hidden: int = 32) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, kernel in ((channels, 7), (hidden, 5), (hidden, 3), (hidden, 3)):
            layers += [nn.Conv2d(inputs, hidden, kernel, stride=2), nn.ReLU()]
        self.image_enc_layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Normalised pictures [N, 3, H, W] -> features [N, 32, h, w]."""
        return self.image_enc_layers(x)


class TransformersEncoder(nn.Module):
    """A convolutional model of transformers, its last feature map; named as lerobot's ``PretrainedImageEncoder``."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.image_enc_layers = model

    def forward(self, x: Tensor) -> Tensor:
        """Normalised pictures [N, 3, H, W] -> features [N, C, h, w]."""
        return self.image_enc_layers(x).last_hidden_state


def resnet10_config() -> Any:
    """transformers' configuration of a ResNet-10: one basic block a stage, [N, 3, 128, 128] -> [N, 512, 4, 4]."""
    from transformers import ResNetConfig

    sizes = {"embedding_size": 64, "hidden_sizes": [64, 128, 256, 512], "depths": [1, 1, 1, 1]}
    return ResNetConfig.from_dict(sizes | {"layer_type": "basic", "hidden_act": "relu"})


def build(name: str, seed: int = 0) -> nn.Module:
    """The encoder of a name, in ``eval()``: batch normalisation must act alike in training and acting.

    Args:
        name: ``small``, ``resnet10``, or a folder.
        seed: of the random weights; a folder brings its own.

    Raises:
        EncoderError: there is no such folder, or it holds no convolutional model.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if name == SMALL:
            return SmallEncoder().eval()
        if name == RESNET10:
            from transformers import ResNetModel

            return TransformersEncoder(ResNetModel(resnet10_config())).eval()
    config = _config(Path(name))
    if _is_policy(config):
        return _of_policy(Path(name), config).eval()
    if config.get("model_type") == SMALL:
        return _loaded(SmallEncoder(), Path(name), _tensors(Path(name))).eval()
    from transformers import AutoModel

    _quiet()
    try:
        model = AutoModel.from_pretrained(name, local_files_only=True, trust_remote_code=False, use_safetensors=True)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise EncoderError(f"the encoder in {name} cannot be loaded: {' '.join(str(error).split())}") from None
    return TransformersEncoder(model).eval()


def save(module: nn.Module, folder: Path) -> None:
    """Write an encoder that ``build`` made to a folder that it reads; a transformers one also where lerobot does."""
    if isinstance(module, TransformersEncoder):
        _quiet()
        module.image_enc_layers.save_pretrained(folder)  # type: ignore[operator]
        return
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in module.state_dict().items()}, folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps({"model_type": SMALL}))


def _quiet() -> None:
    """No progress bars of transformers among a node's lines."""
    from transformers.utils import logging

    logging.disable_progress_bar()


def is_small(name: str) -> bool:
    """Whether an encoder, by name or folder, has the small one's structure, which lerobot builds by itself.

    Raises:
        EncoderError: there is no such encoder.
    """
    if name in (SMALL, RESNET10):
        return name == SMALL
    config = _config(Path(name))
    return config.get("vision_encoder_name") is None if _is_policy(config) else config.get("model_type") == SMALL


def vision_tensors(policy: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The vision encoder's tensors among a lerobot policy's, named as in the encoder's ``state_dict``."""
    prefixes = tuple(f"{alias}{VISION}" for alias in ENCODER_ALIASES)
    return {n.removeprefix(p): tensor for n, tensor in policy.items() for p in prefixes if n.startswith(p)}


def _is_policy(config: Mapping[str, Any]) -> bool:
    return config.get("type") == "gaussian_actor"


def _of_policy(folder: Path, config: Mapping[str, Any]) -> nn.Module:
    """The encoder of a pretrained_model: structure from its configuration, every tensor from its own file."""
    source = config.get("vision_encoder_name")
    if source is None:
        module: nn.Module = SmallEncoder(hidden=int(config.get("image_encoder_hidden_dim", 32)))
    else:
        # The folder inside first: the path in the configuration is where the checkpoint was made.
        inside = folder / IN_POLICY if (folder / IN_POLICY / CONFIG).is_file() else Path(source)
        if _is_policy(_config(inside)):
            raise EncoderError(f"the policy in {folder} names another policy, {inside}, as its vision encoder")
        module = build(str(inside))
    return _loaded(module, folder, vision_tensors(_tensors(folder)))


def _config(folder: Path) -> dict[str, Any]:
    if not (folder / CONFIG).is_file():
        raise EncoderError(f"there is no encoder {folder}: choose {SMALL}, {RESNET10} or a transformers model's folder")
    try:
        return dict(json.loads((folder / CONFIG).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise EncoderError(f"the encoder in {folder} cannot be loaded: {error}") from None


def _tensors(folder: Path) -> dict[str, Tensor]:
    try:
        return dict(load_file(folder / WEIGHTS))
    except (OSError, SafetensorError) as error:
        raise EncoderError(f"the encoder in {folder} cannot be loaded: {' '.join(str(error).split())}") from None


def _loaded(module: nn.Module, folder: Path, tensors: Mapping[str, Tensor]) -> nn.Module:
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        raise EncoderError(f"the encoder in {folder} cannot be loaded: {' '.join(str(error).split())}") from None
    return module


def normalised(pictures: Tensor) -> Tensor:
    """uint8 [..., 3, H, W] -> float32, by ImageNet's mean and deviation: the one place where pixels are scaled."""
    mean, std = (torch.tensor(v, device=pictures.device).view(3, 1, 1) for v in (MEAN, STD))
    return (pictures.float() / 255 - mean) / std


def shifted(pictures: Tensor, offsets: Tensor) -> Tensor:
    """Each picture moved by whole pixels, its border repeated (DrQ's random crop, Yarats et al. 2020).

    Args:
        pictures: [N, 3, H, W].
        offsets: [N, 2] int64 rows and columns, 0 to 2 ``PAD``; ``PAD`` leaves the picture where it is.
    """
    count, _, height, width = pictures.shape
    padded = F.pad(pictures.float(), (PAD,) * 4, mode="replicate").to(pictures.dtype)
    rows = offsets[:, :1] + torch.arange(height, device=pictures.device)
    columns = offsets[:, 1:] + torch.arange(width, device=pictures.device)
    every = torch.arange(count, device=pictures.device)[:, None, None]
    return padded[every, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


class Encoder:
    """An encoder for acting and for a replay's features: no gradients.

    Attributes:
        features: (channels, rows, columns) of one picture's features.
        hash: SHA-256 of weights and name, in hexadecimal: who has the same one computes the same features.
    """

    def __init__(self, name: str, picture: tuple[int, int, int], seed: int = 0, device: str = "cpu") -> None:
        self.name = name
        self.module = build(name, seed).to(device).requires_grad_(False)
        self._device = torch.device(device)
        if self._device.type == "cpu":
            self.module = self.module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        try:
            out = self(torch.zeros(1, *picture, dtype=torch.uint8))
        except (RuntimeError, AttributeError) as error:
            raise EncoderError(f"the encoder {name} cannot read pictures of {picture}: {error}") from None
        if out.dim() != 4:
            raise EncoderError(f"the encoder {name} gives features of shape {tuple(out.shape)}, not a map")
        self.features: tuple[int, int, int] = (out.shape[1], out.shape[2], out.shape[3])
        self.hash = tensors_hash(self.module.state_dict())

    @torch.no_grad()  # not inference_mode: what comes out goes into products that have gradients
    def __call__(self, pictures: Tensor) -> Tensor:
        """uint8 [N, 3, H, W] -> float32 features [N, C, h, w]."""
        x = normalised(pictures.to(self._device))
        if self._device.type == "cpu":
            x = x.contiguous(memory_format=torch.channels_last)
        return self.module(x).contiguous()


@functools.cache
def feature_shape(name: str, picture: tuple[int, int, int]) -> tuple[int, int, int]:
    """(channels, rows, columns) of the features of one picture (3, H, W).

    Raises:
        EncoderError: as ``build``.
    """
    return Encoder(name, picture).features


def tensors_hash(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, shapes and bytes of tensors, in hexadecimal."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
