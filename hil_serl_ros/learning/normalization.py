"""lerobot's MIN_MAX normalization with a layout's fixed ranges, computed once here for actor and learner."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from hil_serl_ros.learning.layout import Layout


class Normalizer:
    """``2 (x - minimum) / (maximum - minimum) - 1`` on vectors, operation for operation as lerobot's processor."""

    def __init__(self, layout: Layout, device: torch.device) -> None:
        self._ranges: dict[str, tuple[Tensor, Tensor]] = {}
        for name, vector in layout.vectors.items():
            low = torch.tensor(vector.minimum, dtype=torch.float32, device=device)
            high = torch.tensor(vector.maximum, dtype=torch.float32, device=device)
            self._ranges[name] = (low, high - low)

    def __call__(self, observation: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Vectors [..., elements] in the robot's units -> the same, the fixed range mapped to [-1, 1]."""
        return {name: 2 * (observation[name] - low) / width - 1 for name, (low, width) in self._ranges.items()}
