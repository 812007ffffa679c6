"""Gradient clipping: by the norm of all gradients together (arXiv:1211.5063), or entry by entry."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.autograd import Tensor
from weft.kernels import active

TINY = 1e-6  # PyTorch's guard against dividing by a norm of zero


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:
    """Scale all gradients by max_norm / norm where their norm is above `max_norm`.

    Returns that norm, of all gradients as one vector, before clipping. A norm that is NaN or
    infinite spoils every gradient, or is a RuntimeError with `error_if_nonfinite`.
    """
    gradients = _gradients(parameters)
    norm = total_norm(gradients, float(norm_type))
    if error_if_nonfinite and not math.isfinite(norm):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, "
            "so it cannot be clipped"
        )
    scale = max_norm / (norm + TINY)
    if not scale >= 1.0:  # also where the norm is NaN
        with np.errstate(invalid="ignore"):  # ∞ · 0 is NaN, and the norm says so already
            active.scale_(gradients, scale)
    return Tensor(np.asarray(norm, np.float32))


def total_norm(gradients: list[NDArray[Any]], norm_type: float) -> float:
    """The norm of all arrays as one vector, summed in float64."""
    if norm_type == 2.0:
        return math.sqrt(active.sum_of_squares(gradients))
    if norm_type == math.inf:
        return float(max((np.abs(g).max(initial=0.0) for g in gradients), default=0.0))
    powers = [float((np.abs(g).astype(np.float64) ** norm_type).sum()) for g in gradients]
    return float(sum(powers) ** (1.0 / norm_type))


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Bring every entry of every gradient into ±clip_value."""
    for gradient in _gradients(parameters):
        np.clip(gradient, -clip_value, clip_value, out=gradient)


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[NDArray[Any]]:
    tensors = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [t.grad.array for t in tensors if t.grad is not None]
