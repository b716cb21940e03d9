"""Teach the small encoder a scene from unlabelled pictures, before it is frozen.

A random convolution tells little of where a small thing is; one whose features let a linear map draw the picture
again must know (a deep spatial autoencoder, Finn et al. 2016, with linear decoders). A minute on two cores.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hil_serl_ros.learning.encoder import PAD, SMALL, build, normalised, shifted
from hil_serl_ros.settings import setting

SCALE = 4  # the decoders draw the picture at a fourth of its width: where things are, not their texture


@dataclasses.dataclass
class PretrainingSettings:
    """How an encoder is taught."""

    pretraining_steps: int = setting(700, "Steps of the optimizer.", unit="steps", minimum=1)
    pretraining_batch: int = setting(32, "Pictures of each camera in a step.", unit="pictures", minimum=1)
    pretraining_lr: float = setting(1e-3, "Largest rate of Adam; it rises, then falls by a cosine.", minimum=0.0)
    seed: int = setting(0, "Seed of the initial weights and of what is drawn.", minimum=0)
    threads: int = setting(1, "Torch threads; two that share a busy core wait for each other.", minimum=1)


def pretrain(
    pictures: np.ndarray, settings: PretrainingSettings, told: Callable[[int, float], None] = lambda step, loss: None
) -> nn.Module:
    """A small encoder in ``eval()`` that knows the scene of ``pictures``.

    Args:
        pictures: uint8 [n, cameras, 3, H, W].
        settings: how.
        told: called after each step with its number and the mean squared error of the drawing, in units of the
            picture's variance about its mean picture.

    Raises:
        ValueError: there are fewer than two pictures.
    """
    count, cameras = pictures.shape[:2]
    if count < 2:
        raise ValueError(f"an encoder is taught by at least 2 pictures of each camera, not {count}")
    torch.set_num_threads(settings.threads)
    generator = torch.Generator().manual_seed(settings.seed)
    encoder = build(SMALL, settings.seed).train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    fast = torch.ops.mkldnn._is_mkldnn_bf16_supported()  # where the processor has it, twice as fast
    everything = torch.from_numpy(pictures)
    small = [_small(everything[:, camera]) for camera in range(cameras)]
    means = [s.mean(0) for s in small]
    variance = torch.stack([s.var(0).mean() for s in small]).mean().clamp(min=1e-6)
    width = encoder(normalised(everything[:1, 0])).numel()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        decoders = nn.ModuleList(nn.Linear(width, means[0].numel()) for _ in range(cameras))
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoders.parameters()], settings.pretraining_lr)
    for step in range(settings.pretraining_steps):
        share = min(1.0, (step + 1) / 50) * 0.5 * (1 + math.cos(math.pi * step / settings.pretraining_steps))
        optimizer.param_groups[0]["lr"] = settings.pretraining_lr * share
        loss = torch.zeros(())
        for camera, decoder in enumerate(decoders):
            rows = torch.randint(count, (settings.pretraining_batch,), generator=generator)
            offsets = torch.randint(2 * PAD + 1, (len(rows), 2), generator=generator)
            drawn = normalised(shifted(everything[rows, camera], offsets))
            wanted = F.avg_pool2d(drawn, SCALE).flatten(1) - means[camera]
            drawn = drawn.contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16, enabled=fast):
                features = encoder(drawn)
            loss = loss + F.mse_loss(decoder(features.float().flatten(1)), wanted) / (variance * cameras)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        told(step + 1, loss.item())
    return encoder.to(memory_format=torch.contiguous_format).eval().requires_grad_(False)


def _small(pictures: Tensor) -> Tensor:
    """uint8 [n, 3, H, W] -> [n, 3 H W / SCALE^2], piece by piece: floats of all pictures need not fit into memory."""
    parts = [F.avg_pool2d(normalised(part), SCALE).flatten(1) for part in pictures.split(64)]
    return torch.cat(parts)
