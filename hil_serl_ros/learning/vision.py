"""From pictures to what the networks read: a frozen encoder's features, or cropped pictures for a trained one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from hil_serl_ros.learning.encoder import PAD, Encoder, normalised, shifted
from hil_serl_ros.learning.layout import Layout
from hil_serl_ros.learning.settings import LearnerSettings


class Kept(Protocol):
    """Features by the order of their pictures (``data/feature_file.py``)."""

    def read(self, pictures: np.ndarray) -> np.ndarray | None:
        """The next ones, if they are of ``pictures``."""

    def append(self, pictures: np.ndarray, features: np.ndarray) -> None:
        """Keep what ``read`` did not have."""


class Vision:
    """How a layout's pictures are read under the settings.

    Attributes:
        encoder: the encoder; frozen, or the start of the trained one.
        cached: a frozen encoder's features are computed once, when a picture comes.
        kept: where they are kept beyond this process, if anywhere.
    """

    def __init__(self, layout: Layout, settings: LearnerSettings) -> None:
        self.names = tuple(layout.images)
        self.frozen = settings.freeze_vision_encoder
        self.variants = settings.feature_variants
        self.cached = self.frozen and self.variants > 0
        self.kept: Kept | None = None
        self._device = torch.device(settings.device)
        picture = next(iter(layout.images.values()))
        self.encoder = Encoder(settings.vision_encoder, picture, settings.vision_encoder_seed, settings.device)
        # Of its own, so that the features of a picture depend on its place in the stream and on nothing else.
        self._seed = settings.seed
        self._shifts = np.random.default_rng([settings.seed, 1])

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of what is kept of each picture where features are cached, by feature name."""
        return dict.fromkeys(self.names, (self.variants, *self.encoder.features)) if self.cached else {}

    def features(self, observation: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """(variants, channels, rows, columns) float16 of each picture, each variant of another random shift."""
        pictures = np.stack([observation[name] for name in self.names])
        # Drawn for kept ones too: the next picture's must not depend on what was kept.
        offsets = self.offsets(len(pictures) * self.variants, self._shifts)
        made = self.kept.read(pictures) if self.kept is not None else None
        if made is None:
            several = torch.from_numpy(pictures).repeat_interleave(self.variants, 0)
            made = self.encoder(shifted(several, offsets)).half().cpu().numpy()
            if self.kept is not None:
                self.kept.append(pictures, made)
        return dict(zip(self.names, made.reshape(len(self.names), self.variants, *made.shape[1:]), strict=True))

    def record_shape(self) -> tuple[int, ...]:
        """Shape of the features of one observation: cameras times variants, channels, rows, columns."""
        return (len(self.names) * self.variants, *self.encoder.features)

    @property
    def identity(self) -> str:
        """What the features depend on beside the pictures."""
        return f"{self.encoder.hash} {self.names} {self.variants} {self._seed}"

    def offsets(self, count: int, random: np.random.Generator) -> Tensor:
        """[count, 2] random shifts for ``encoder.shifted``."""
        return torch.from_numpy(random.integers(0, 2 * PAD + 1, (count, 2)))

    def batch(self, columns: Tensor, random: np.random.Generator) -> Tensor:
        """A batch of one camera as the networks read it.

        Args:
            columns: cached features [B, C, h, w] float16, or pictures [B, 3, H, W] uint8.
            random: draws the crop of pictures.

        Returns:
            Features [B, C, h, w] of a frozen encoder, else normalised pictures [B, 3, H, W]; float32.
        """
        if self.cached:
            # Channels outermost in memory: the spatial averages are one product for each channel, several times
            # faster so; this copy is made anyway, from half to single precision.
            made = columns.to(self._device).transpose(0, 1)
            return torch.empty(made.shape, device=self._device).copy_(made).transpose(0, 1)
        cropped = shifted(columns.to(self._device), self.offsets(len(columns), random).to(self._device))
        return self.encoder(cropped) if self.frozen else normalised(cropped)

    def acting(self, observation: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
        """One observation's pictures as the networks read them, [1, ...], not shifted; all encoded in one batch."""
        pictures = torch.from_numpy(np.stack([observation[name] for name in self.names]))
        made = self.encoder(pictures) if self.frozen else normalised(pictures)
        return {name: made[i : i + 1] for i, name in enumerate(self.names)}
