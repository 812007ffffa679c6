"""Activations, each with its gradient. csrc/activation.cpp has the same functions.

GELU: Hendrycks & Gimpel, arXiv:1606.08415. SiLU: arXiv:1702.03118. SwiGLU: arXiv:2002.05202.
All shapes (...); dy, x and y have the same shape and dtype. A backward takes x or y, whichever
its formula is shortest in.
"""

from __future__ import annotations

import math

import numpy as np

from weft.kernels.reference.normal import normal_cdf, normal_pdf
from weft.kernels.reference.precision import Array, narrow, widen

TANH_SCALE = math.sqrt(2 / math.pi)
TANH_CUBIC = 0.044715  # fitted in arXiv:1606.08415, and what GPT-2 was trained with


def gelu_forward(x: Array, tanh: bool) -> Array:
    """x Φ(x), Φ the normal distribution function; tanh=True: GPT-2's approximation of Φ."""
    u = widen(x)
    return narrow(u * (_tanh_cdf(u) if tanh else normal_cdf(u)), x.dtype)


def gelu_backward(dy: Array, x: Array, tanh: bool) -> Array:
    """dy (Φ(x) + x Φ'(x))."""
    u = widen(x)
    if tanh:
        cdf = _tanh_cdf(u)
        pdf = cdf * (1 - cdf) * (2 * TANH_SCALE) * (1 + 3 * TANH_CUBIC * u * u)
    else:
        cdf, pdf = normal_cdf(u), normal_pdf(u)
    return narrow(widen(dy) * (cdf + u * pdf), x.dtype)


def _tanh_cdf(u: Array) -> Array:
    """½ (1 + tanh z) = sigmoid(2z): the same number, without cancellation where x is negative."""
    return _sigmoid((2 * TANH_SCALE) * (u + TANH_CUBIC * u * u * u))


def relu_forward(x: Array) -> Array:
    """max(x, 0); NaN stays NaN."""
    return narrow(np.maximum(widen(x), 0), x.dtype)


def relu_backward(dy: Array, y: Array) -> Array:
    """dy where y > 0; the gradient at 0 is 0, as in PyTorch."""
    return narrow(np.where(widen(y) > 0, widen(dy), 0), y.dtype)


def relu2_forward(x: Array) -> Array:
    """max(x, 0)² (Primer, arXiv:2109.08668); NaN stays NaN."""
    r = np.maximum(widen(x), 0)
    return narrow(r * r, x.dtype)


def relu2_backward(dy: Array, x: Array) -> Array:
    """2 dy max(x, 0)."""
    return narrow(widen(dy) * (2 * np.maximum(widen(x), 0)), x.dtype)


def _sigmoid(u: Array) -> Array:
    e = np.exp(-np.abs(u))  # never overflows
    s: Array = np.where(u >= 0, 1, e) / (1 + e)
    return s


def sigmoid_forward(x: Array) -> Array:
    """1 / (1 + e⁻ˣ)."""
    return narrow(_sigmoid(widen(x)), x.dtype)


def sigmoid_backward(dy: Array, y: Array) -> Array:
    """dy y (1 - y)."""
    s = widen(y)
    return narrow(widen(dy) * s * (1 - s), y.dtype)


def tanh_forward(x: Array) -> Array:
    """tanh x."""
    return narrow(np.tanh(widen(x)), x.dtype)


def tanh_backward(dy: Array, y: Array) -> Array:
    """dy (1 - y²)."""
    t = widen(y)
    return narrow(widen(dy) * (1 - t * t), y.dtype)


def silu_forward(x: Array) -> Array:
    """x sigmoid(x)."""
    u = widen(x)
    return narrow(u * _sigmoid(u), x.dtype)


def silu_backward(dy: Array, x: Array) -> Array:
    """dy s (1 + x (1 - s)), s = sigmoid(x)."""
    return narrow(widen(dy) * _silu_slope(widen(x)), x.dtype)


def _silu_slope(u: Array) -> Array:
    s = _sigmoid(u)
    slope: Array = s * (1 + u * (1 - s))
    return slope


def swiglu_forward(gate: Array, up: Array) -> Array:
    """silu(gate) * up: the gated half of Llama's feed-forward layer."""
    g = widen(gate)
    return narrow(g * _sigmoid(g) * widen(up), gate.dtype)


def swiglu_backward(dy: Array, gate: Array, up: Array) -> tuple[Array, Array]:
    """-> dgate, dup."""
    d, g, u = widen(dy), widen(gate), widen(up)
    dgate = d * u * _silu_slope(g)
    return narrow(dgate, gate.dtype), narrow(d * g * _sigmoid(g), up.dtype)
