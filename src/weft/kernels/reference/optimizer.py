"""Optimizer steps, in place on float32 arrays. csrc/optimizer.cpp has the same functions.

The formulas and the order of their operations are PyTorch's. Adam: arXiv:1412.6980; AdamW
(decoupled weight decay): arXiv:1711.05101; Nesterov's momentum as in Sutskever et al., ICML 2013.
"""

from __future__ import annotations

import math

import numpy as np

from weft.kernels.reference.precision import Array, float32, float64, widen

CHUNK = 1 << 16


def adam_step(
    p: Array, g: Array, m: Array, v: Array,
    lr: float, beta1: float, beta2: float, eps: float, weight_decay: float,
    step: int, decoupled: bool,
) -> None:  # fmt: skip
    """One step of AdamW (decoupled) or Adam on p, m and v, all (...); step counts from 1."""
    _check(g, p, m, v)
    if weight_decay and decoupled:
        p *= 1 - lr * weight_decay
    elif weight_decay:
        g = g + weight_decay * p
    m += (g - m) * (1 - beta1)
    v *= beta2
    v += (1 - beta2) * g * g
    correction1, correction2 = 1 - beta1**step, 1 - beta2**step
    p -= (lr / correction1) * m / (np.sqrt(v) / math.sqrt(correction2) + eps)


def sgd_step(
    p: Array, g: Array, buf: Array | None,
    lr: float, momentum: float, dampening: float, weight_decay: float,
    nesterov: bool, first: bool,
) -> None:  # fmt: skip
    """One step of SGD on p and its momentum buffer; the first one fills the buffer undampened."""
    _check(g, p, *([] if buf is None else [buf]))
    if weight_decay:
        g = g + weight_decay * p
    if buf is not None:
        buf[...] = g if first else momentum * buf + (1 - dampening) * g
        g = g + momentum * buf if nesterov else buf
    p -= lr * g


def sum_of_squares(x: Array) -> float:
    """Σ x² in float64, chunk by chunk in a fixed order: the same bits for any number of threads."""
    flat = widen(x).reshape(-1)
    total = 0.0
    for start in range(0, flat.size, CHUNK):
        chunk = flat[start : start + CHUNK].astype(float64)
        total += float((chunk * chunk).sum())
    return total


def scale_(x: Array, s: float) -> None:
    """x *= s."""
    _check(x, x)
    x *= s


def _check(g: Array, *changed: Array) -> None:
    for a in changed:
        if a.dtype != g.dtype or a.dtype not in (float32, float64):
            raise TypeError(f"optimizer: arrays must be float32; got {a.dtype}, {g.dtype}; cast")
        if a.shape != g.shape or not a.flags.c_contiguous:
            raise ValueError("optimizer: arrays must be contiguous and of equal shape; pass copies")
