"""Adam (Kingma & Ba, arXiv:1412.6980) and AdamW (Loshchilov & Hutter, arXiv:1711.05101).

They differ in where the weight decay goes: into the gradient, or straight into the weights.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from weft.kernels import active
from weft.optim.optimizer import (
    Arrays,
    Group,
    Optimizer,
    States,
    buffers,
    counters,
    refuse_negative,
)


class Adam(Optimizer):
    """Steps of about `lr`, each weight's gradient divided by the root of its running square.

    `weight_decay` adds that times p to the gradient, and so passes through the division.
    """

    decoupled = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
    ) -> None:
        refuse_negative(lr=lr, eps=eps, weight_decay=weight_decay)
        for i, beta in enumerate(betas):
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults)

    def update(
        self, group: Group, parameters: Arrays, gradients: Arrays, states: States, scale: float
    ) -> None:
        beta1, beta2 = group["betas"]
        active.adam_step(
            parameters,
            gradients,
            buffers(states, "exp_avg", parameters),
            buffers(states, "exp_avg_sq", parameters),
            counters(states),
            scale,
            group["lr"],
            beta1,
            beta2,
            group["eps"],
            group["weight_decay"],
            self.decoupled,
        )


class AdamW(Adam):
    """Adam whose weight decay multiplies the weights by 1 − lr · weight_decay instead."""

    decoupled = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)
