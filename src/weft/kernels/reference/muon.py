"""Muon's step, in place on lists of float32 matrices. csrc/muon.cpp has the same function.

Keller Jordan et al., Muon: An optimizer for hidden layers in neural networks (2024), with
PyTorch's rounding: the iteration multiplies in bfloat16. float64 is not rounded.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weft.kernels.reference.matmul import matmul
from weft.kernels.reference.optimizer import check_lists, sum_of_squares
from weft.kernels.reference.precision import Array, bfloat16, float64, narrow, widen

Arrays = Sequence[Array]
MOST_ITERATIONS = 100


def muon_step(
    p: Arrays, g: Arrays, m: Arrays, rates: Array,
    scale: float, decay: float, momentum: float, nesterov: bool,
    a: float, b: float, c: float, eps: float, steps: int,
) -> None:  # fmt: skip
    """m moves towards scale · g, and p ← decay · p − rate · orthogonalised(m), for each (R, C).

    `rates` (N,) has one rate for each matrix. With `nesterov`, what is made orthogonal is
    momentum · m + (1 − momentum) · scale · g. Raises ValueError for arrays that are no matrices
    and for `steps` that are not of [0, 100).
    """
    check_lists(g, p, m)
    if any(P.ndim != 2 for P in p) or rates.shape != (len(p),):
        raise ValueError(f"muon_step: rates {rates.shape} for {len(p)} arrays; give one a matrix")
    if not 0 <= steps < MOST_ITERATIONS:
        raise ValueError(f"muon_step: steps must be in [0, {MOST_ITERATIONS}); got {steps}")
    for P, G, M, rate in zip(p, g, m, widen(rates), strict=True):
        if not P.size:
            continue
        change = (scale * G - M) * (1 - momentum)
        M += change
        step = M + momentum * change if nesterov else M
        P *= decay
        P -= rate * orthogonalised(step, a, b, c, eps, steps)


def orthogonalised(x: Array, a: float, b: float, c: float, eps: float, steps: int) -> Array:
    """About U Vᵀ for x = U S Vᵀ, (R, C): `steps` times a·x + b·(x xᵀ) x + c·(x xᵀ)² x.

    Newton–Schulz; x is multiplied once by a·I + b·G + c·G², G being the smaller of x xᵀ and xᵀ x,
    and so needs no sums of its own.
    """
    tall = len(x) > x.shape[1]
    norm = np.sqrt(sum_of_squares([x]))  # Frobenius: then no singular value is above 1
    x = _rounded(x * (1 / np.maximum(norm, eps)).astype(x.dtype))
    for _ in range(steps):
        gram = matmul(x, x, tall, not tall)  # (n, n), n the smaller side
        inner = widen(gram) * c
        _diagonal(inner)[...] += b
        outer = matmul(gram, _rounded(inner))  # b·G + c·G²
        _diagonal(outer)[...] = widen(_diagonal(outer)) + a
        x = matmul(x, outer) if tall else matmul(outer, x)
    return widen(x)


def _diagonal(square: Array) -> Array:
    """A view of the diagonal of an (n, n) matrix."""
    return square.reshape(-1)[:: len(square) + 1]


def _rounded(x: Array) -> Array:
    return x if x.dtype == float64 else narrow(x, bfloat16)
