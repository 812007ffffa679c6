"""Softmax and its logarithm over the last axis. csrc/softmax.cpp has the same functions.

The maximum is taken out first, so that no exponential overflows; -inf gives an exact 0.
"""

from __future__ import annotations

import numpy as np

from weft.kernels.reference.precision import Array, narrow, widen


def softmax_forward(x: Array) -> Array:
    """eˣ / Σ eˣ: (..., C) -> (..., C)."""
    e = np.exp(_shifted(x))
    return narrow(e / e.sum(-1, keepdims=True), x.dtype)


def softmax_backward(dy: Array, y: Array) -> Array:
    """y (dy - Σ dy y)."""
    d, p = widen(dy), widen(y)
    return narrow(p * (d - (d * p).sum(-1, keepdims=True)), y.dtype)


def log_softmax_forward(x: Array) -> Array:
    """x - log Σ eˣ: (..., C) -> (..., C)."""
    shifted = _shifted(x)
    return narrow(shifted - np.log(np.exp(shifted).sum(-1, keepdims=True)), x.dtype)


def log_softmax_backward(dy: Array, y: Array) -> Array:
    """dy - eʸ Σ dy."""
    d = widen(dy)
    return narrow(d - np.exp(widen(y)) * d.sum(-1, keepdims=True), y.dtype)


def _shifted(x: Array) -> Array:
    u = widen(x)
    shifted: Array = u - u.max(-1, keepdims=True, initial=-np.inf)
    return shifted
