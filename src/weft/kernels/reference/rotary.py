"""Rotary positions, RoFormer (arXiv:2104.09864). csrc/rotary.cpp has the same functions.

Element i of a head pairs with element i + D/2 ("rotate half", as Llama and Qwen store their
weights), not with its neighbour as in the paper; the two differ by a permutation of D.
"""

from __future__ import annotations

import numpy as np

from weft.kernels.reference.precision import Array, narrow, widen


def rotary_forward(x: Array, cos: Array, sin: Array) -> Array:
    """Turns pair i at position t by its angle: x (B, T, H, D), cos, sin (T, D/2)."""
    _, T, _, D = x.shape
    if D % 2 or cos.shape != (T, D // 2) or sin.shape != cos.shape:
        raise ValueError(f"rotary: x {x.shape} needs cos and sin ({T}, {D}/2); got {cos.shape}")
    a, b = np.split(widen(x), 2, axis=-1)  # (B, T, H, D/2) each
    c, s = cos[:, None, :], sin[:, None, :]  # (T, 1, D/2)
    return narrow(np.concatenate([a * c - b * s, b * c + a * s], axis=-1), x.dtype)


def rotary_backward(dy: Array, cos: Array, sin: Array) -> Array:
    """A rotation's gradient is the rotation back."""
    return rotary_forward(dy, cos, -sin)
