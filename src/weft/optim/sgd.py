"""Stochastic gradient descent, with momentum and Nesterov's (Sutskever et al., ICML 2013)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from weft.kernels import active
from weft.optim.optimizer import Array, Group, Optimizer, State, buffer, refuse_negative


class SGD(Optimizer):
    """p ← p − lr · b, where b ← momentum · b + (1 − dampening) · g, and b = g the first time.

    `weight_decay` adds that times p to the gradient; `nesterov` steps along g + momentum · b.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
    ) -> None:
        refuse_negative(lr=lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
        }
        super().__init__(params, defaults)

    def update(self, group: Group, parameter: Array, gradient: Array, state: State) -> None:
        first = "momentum_buffer" not in state
        momentum = buffer(state, "momentum_buffer", parameter) if group["momentum"] else None
        active.sgd_step(
            parameter,
            gradient,
            momentum,
            group["lr"],
            group["momentum"],
            group["dampening"],
            group["weight_decay"],
            group["nesterov"],
            first,
        )
