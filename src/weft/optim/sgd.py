"""Stochastic gradient descent, with momentum and Nesterov's (Sutskever et al., ICML 2013)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from weft.kernels import active
from weft.optim.optimizer import Arrays, Group, Optimizer, States, buffers, refuse_negative


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

    def update(
        self, group: Group, parameters: Arrays, gradients: Arrays, states: States, scale: float
    ) -> None:
        if not group["momentum"]:
            self._step(group, parameters, gradients, None, scale, False)
            return
        fresh = ["momentum_buffer" not in state for state in states]
        momentum = buffers(states, "momentum_buffer", parameters)
        if all(fresh) or not any(fresh):
            self._step(group, parameters, gradients, momentum, scale, fresh[0])
            return
        for first in (True, False):
            chosen = [i for i, new in enumerate(fresh) if new == first]
            lists = (parameters, gradients, momentum)
            some, theirs, before = ([arrays[i] for i in chosen] for arrays in lists)
            self._step(group, some, theirs, before, scale, first)

    def _step(
        self, group: Group, parameters: Arrays, gradients: Arrays, momentum: Arrays | None,
        scale: float, first: bool,
    ) -> None:  # fmt: skip
        active.sgd_step(
            parameters,
            gradients,
            momentum,
            scale,
            group["lr"],
            group["momentum"],
            group["dampening"],
            group["weight_decay"],
            group["nesterov"],
            first,
        )
