"""The classifier's small encoder taught along with its head: where a thing is held, frozen features tell too little.

Head and encoder see every epoch's frames shifted and re-lit anew; no features are cached.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hil_serl_ros.learning.classifier import Head
from hil_serl_ros.learning.encoder import PAD, normalised, shifted

WARM_UP = 10  # batches in which the rates rise


@dataclass(frozen=True)
class Best:
    """Where a fit was best on the frames held out, and when it stopped."""

    epoch: int
    epochs: int
    loss: float


def relit(pictures: Tensor, contrast: Tensor, brightness: Tensor) -> Tensor:
    """uint8 pictures [N, ...] with contrast [N] around middle grey and brightness [N] (1: the whole range) changed."""
    shape = (-1, *[1] * (pictures.dim() - 1))
    changed = (pictures.float() - 127.5) * contrast.view(shape) + 127.5 + 255 * brightness.view(shape)
    return changed.round_().clamp_(0, 255).to(torch.uint8)


def varied(pictures: Tensor, light: float, random: torch.Generator) -> Tensor:
    """uint8 pictures [N, cameras, 3, H, W], each shifted by up to ``PAD`` pixels and its light changed by ``light``."""
    flat = pictures.flatten(0, 1)
    flat = shifted(flat, torch.randint(0, 2 * PAD + 1, (len(flat), 2), generator=random))
    contrast, brightness = (torch.rand(2, len(flat), generator=random) * 2 - 1) * light
    return relit(flat, 1 + contrast, brightness / 2).unflatten(0, pictures.shape[:2])


class Draws:
    """The frames of an epoch: all successes, and some failures for each, mixed anew.

    Attributes:
        weight: of a success in the loss, by which each class has half of it.
    """

    def __init__(self, labels: Tensor, failures: float, random: torch.Generator) -> None:
        self._successes, self._failures = torch.nonzero(labels > 0.5)[:, 0], torch.nonzero(labels <= 0.5)[:, 0]
        self._drawn = min(len(self._failures), max(1, round(failures * len(self._successes))))
        self._random = random
        self.weight = torch.tensor(self._drawn / len(self._successes))

    def __len__(self) -> int:
        return len(self._successes) + self._drawn

    def epoch(self) -> Tensor:
        """Indices of one epoch, mixed."""
        some = self._failures[torch.randperm(len(self._failures), generator=self._random)[: self._drawn]]
        order = torch.cat([self._successes, some])
        return order[torch.randperm(len(order), generator=self._random)]


def ranking_error(logits: Tensor, labels: Tensor) -> float:
    """One minus the average precision: 0 where every success is ranked above every failure.

    The loss on held-out frames rises when the classifier grows sure of itself, long before its ranking gets worse.
    """
    order = labels[logits.argsort(descending=True)]
    precision = order.cumsum(0) / torch.arange(1, len(order) + 1)
    return float(1 - (precision * order).sum() / order.sum().clamp_min(1))


def validation_loss(logits: Tensor, labels: Tensor) -> float:
    """Loss on frames held out, each class half of it."""
    weight = (len(labels) - labels.sum()) / labels.sum().clamp_min(1)
    return float(F.binary_cross_entropy_with_logits(logits, labels, pos_weight=weight))


def tune(
    encoder: nn.Module,
    head: Head,
    frames: tuple[Tensor, Tensor],
    held: tuple[Tensor, Tensor],
    *,
    epochs: int,
    rates: tuple[float, float],
    batch_size: int,
    weight_decay: float,
    failures: float,
    light: float,
    random: torch.Generator,
    device: torch.device,
    report: Callable[[int, str], None],
) -> Best:
    """Train ``encoder`` and ``head`` together for ``epochs``; they end with the weights that were best on ``held``.

    Args:
        frames: pictures uint8 [N, cameras, 3, H, W] and labels [N].
        held: the same of the episodes held out.
        rates: largest learning rates of encoder and head; they rise, then fall by a cosine.
        failures: drawn for each success in an epoch.
        light: see ``varied``.
        report: called with the epochs done and a word.
    """
    pictures, labels = frames
    both = nn.ModuleList([encoder.requires_grad_(True), head]).to(device)
    groups = [{"params": list(encoder.parameters())}, {"params": list(head.parameters())}]
    optimizer = torch.optim.AdamW(groups, weight_decay=weight_decay)
    draws = Draws(labels, failures, random)
    weight = draws.weight.to(device)
    batches = epochs * math.ceil(len(draws) / batch_size)
    done, best = 0, Best(0, 0, math.inf)
    kept = copy.deepcopy(both.state_dict())

    def logits(shown: Tensor) -> Tensor:
        x = normalised(shown.flatten(0, 1).to(device)).contiguous(memory_format=torch.channels_last)
        return head(encoder(x).unflatten(0, shown.shape[:2]))

    for epoch in range(1, epochs + 1):
        both.train()
        for batch in draws.epoch().split(batch_size):
            share = min(1.0, (done + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * done / batches))
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * share
            out = logits(varied(pictures[batch], light, random))
            loss = F.binary_cross_entropy_with_logits(out, labels[batch].to(device), pos_weight=weight)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            done += 1
        both.eval()
        with torch.no_grad():
            now = validation_loss(torch.cat([logits(part).cpu() for part in held[0].split(batch_size)]), held[1])
        if now < best.loss:
            best, kept = Best(epoch, epochs, now), copy.deepcopy(both.state_dict())
        report(epoch, f"validation loss {now:.4f}, best {best.loss:.4f}")
    both.load_state_dict(kept)
    both.requires_grad_(False).eval()
    head.cpu()
    return best
