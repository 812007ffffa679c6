"""Muon: momentum whose matrix is made orthogonal before it is applied.

Keller Jordan et al., Muon: An optimizer for hidden layers in neural networks (2024); options and
rounding as in `torch.optim.Muon`. For matrices of hidden layers alone: give embeddings, heads,
norms and biases to `AdamW`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import accumulate
from typing import Any

import numpy as np

from weft.kernels import active
from weft.optim.optimizer import Array, Arrays, Group, Optimizer, States, buffers, refuse_negative

# The quintic a·x + b·x³ + c·x⁵ that pushes singular values towards 1 the fastest from near 0;
# it does not converge to 1 but to within about 0.7 to 1.2, which does as well.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
NEWTON_SCHULZ_STEPS = 5
RATES = (None, "original", "match_rms_adamw")


class Muon(Optimizer):
    """p ← p · (1 − lr · weight_decay) − rate · orthogonalised(momentum), for (rows, columns) p.

    rate is lr · √max(1, rows / columns) ("original", also None), or with "match_rms_adamw"
    lr · 0.2 · √max(rows, columns), for which a rate found for AdamW fits (arXiv:2502.16982).
    With `rows`, not an option of PyTorch's, each matrix of a group is several, one above the other,
    of so many rows each: queries, keys and values that one product makes.
    """

    hidden = ("rows",)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = COEFFICIENTS,
        eps: float = 1e-7,
        ns_steps: int = NEWTON_SCHULZ_STEPS,
        adjust_lr_fn: str | None = None,
        rows: tuple[int, ...] | None = None,
    ) -> None:
        refuse_negative(lr=lr, momentum=momentum, weight_decay=weight_decay)
        if adjust_lr_fn not in RATES:
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
            "rows": rows,
        }
        super().__init__(params, defaults)

    def _check_group(self, group: Group) -> None:
        super()._check_group(group)
        for parameter in group["params"]:
            if parameter.array.ndim != 2:
                raise ValueError(
                    "Muon only supports 2D parameters whereas we found a parameter with size: "
                    f"{tuple(parameter.array.shape)}"
                )
            if group["rows"] is not None and sum(group["rows"]) != len(parameter.array):
                raise ValueError(f"{group['rows']} rows of a matrix {parameter.array.shape}")

    def update(
        self, group: Group, parameters: Arrays, gradients: Arrays, states: States, scale: float
    ) -> None:
        averages = buffers(states, "momentum_buffer", parameters)
        p, g, m, rates = [], [], [], []
        for parameter, gradient, average in zip(parameters, gradients, averages, strict=True):
            for rows in parts(len(parameter), group["rows"]):
                p.append(parameter[rows])
                g.append(gradient[rows])
                m.append(average[rows])
                rates.append(adjusted_rate(group["lr"], group["adjust_lr_fn"], parameter[rows]))
        a, b, c = group["ns_coefficients"]
        active.muon_step(
            p, g, m, np.array(rates, np.float32),
            scale, 1 - group["lr"] * group["weight_decay"], group["momentum"], group["nesterov"],
            a, b, c, group["eps"], group["ns_steps"],
        )  # fmt: skip


def parts(count: int, rows: tuple[int, ...] | None) -> list[slice]:
    """The slices of a matrix of `count` rows that are matrices by themselves: `rows` of each."""
    sizes = rows or (count,)
    return [slice(end - size, end) for end, size in zip(accumulate(sizes), sizes, strict=True)]


def adjusted_rate(lr: float, rule: str | None, parameter: Array) -> float:
    """The step size that gives updates of one typical size to matrices of any shape."""
    rows, columns = parameter.shape
    if rule == "match_rms_adamw":
        return lr * 0.2 * math.sqrt(max(rows, columns))
    return lr * math.sqrt(max(1.0, rows / columns))
