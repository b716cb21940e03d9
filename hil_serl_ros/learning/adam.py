"""Adam on one flat buffer. An object of ``torch.optim.Adam`` imports the compiler: seconds at each start."""

from __future__ import annotations

import torch
from torch.optim.adam import adam

from hil_serl_ros.learning.parameters import FlatParameters

BETAS = 0.9, 0.999  # torch's own, as in HIL-SERL
EPSILON = 1e-8


class Adam:
    """Kingma and Ba 2015, torch's fused kernel: the arithmetic of ``torch.optim.Adam(..., fused=True)``, bit for bit.

    Attributes:
        rate: learning rate of the next step.
        count: steps done, a float32 scalar.
        moments: ``exp_avg`` and ``exp_avg_sq``, each of the flat buffer's size.
    """

    def __init__(self, parameters: FlatParameters, rate: float) -> None:
        self.rate = rate
        self.parameters = parameters
        flat = parameters.flat
        self.count = torch.zeros((), device=flat.device)
        self.moments = {name: torch.zeros_like(flat, requires_grad=False) for name in ("exp_avg", "exp_avg_sq")}

    @torch.no_grad()
    def step(self) -> None:
        """Move the parameters against the gradient in their buffer."""
        flat = self.parameters.flat
        assert flat.grad is not None
        adam(
            [flat],
            [flat.grad],
            [self.moments["exp_avg"]],
            [self.moments["exp_avg_sq"]],
            [],
            [self.count],
            foreach=False,
            capturable=False,
            differentiable=False,
            fused=True,
            amsgrad=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=self.rate,
            weight_decay=0.0,
            eps=EPSILON,
            maximize=False,
        )
