"""Named tensors that are views of one flat buffer, so that Adam and the target average are one operation each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

ALIGN = 16  # float32 elements: each tensor starts on a 64-byte line


class FlatParameters:
    """Float32 tensors by name in one buffer.

    ``leaves`` share the buffer's memory and require gradients; ``values`` share it and do not.
    """

    def __init__(self, shapes: Mapping[str, Sequence[int]], device: torch.device) -> None:
        self._slots: dict[str, tuple[int, tuple[int, ...]]] = {}
        end = 0
        for name, shape in shapes.items():
            self._slots[name] = (end, tuple(shape))
            size = torch.Size(shape).numel()
            end += (size + ALIGN - 1) // ALIGN * ALIGN
        self.flat = torch.nn.Parameter(torch.zeros(end, device=device), requires_grad=False)
        self.flat.grad = torch.zeros_like(self.flat)
        self.values = self.views(self.flat)
        self.leaves = {name: view.detach().requires_grad_() for name, view in self.values.items()}
        self._gradients = list(self.views(self.flat.grad).values())

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """The tensors by name in another buffer of this layout (a gradient, a moment of Adam)."""
        return {
            name: flat[start : start + torch.Size(shape).numel()].view(shape)
            for name, (start, shape) in self._slots.items()
        }

    @torch.no_grad()
    def set_gradients(self, gradients: Sequence[Tensor], clip: float) -> Tensor:
        """Put one gradient per leaf where the optimizer finds them, their joint norm at most ``clip`` (0: any).

        Returns:
            The norm before clipping, a scalar.
        """
        torch._foreach_copy_(self._gradients, list(gradients))
        gradient = self.flat.grad
        assert gradient is not None
        norm = torch.linalg.vector_norm(gradient)
        if clip > 0:
            gradient.mul_((clip / (norm + 1e-6)).clamp(max=1.0))
        return norm

    @torch.no_grad()
    def follow(self, other: FlatParameters, weight: float) -> None:
        """Move every tensor by ``weight`` of the way to ``other``'s (a target network's average)."""
        self.flat.lerp_(other.flat, weight)
