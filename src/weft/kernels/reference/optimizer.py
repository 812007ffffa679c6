"""Optimizer steps, in place on lists of float32 arrays. csrc/optimizer.cpp has the same functions.

The formulas and the order of their operations are PyTorch's. Adam: arXiv:1412.6980; AdamW
(decoupled weight decay): arXiv:1711.05101; Nesterov's momentum as in Sutskever et al., ICML 2013.
`scale` multiplies the gradient as it is read: a clipped gradient is never written.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from weft.kernels.reference.precision import Array, float32, float64, widen

CHUNK = 1 << 16
Arrays = Sequence[Array]


def adam_step(
    p: Arrays, g: Arrays, m: Arrays, v: Arrays, steps: Arrays,
    scale: float, lr: float, beta1: float, beta2: float, eps: float, weight_decay: float,
    decoupled: bool,
) -> None:  # fmt: skip
    """One step of AdamW (decoupled) or Adam on each p, m and v, (...); counts it in `steps`, ()."""
    check_lists(g, p, m, v)
    for P, G, M, V, step in zip(p, g, m, v, steps, strict=True):
        step += 1
        correction1, correction2 = 1 - beta1 ** step.item(), 1 - beta2 ** step.item()
        G = scale * G
        if weight_decay and decoupled:
            P *= 1 - lr * weight_decay
        elif weight_decay:
            G += weight_decay * P
        M += (G - M) * (1 - beta1)
        V *= beta2
        V += (1 - beta2) * G * G
        P -= (lr / correction1) * M / (np.sqrt(V) / math.sqrt(correction2) + eps)


def sgd_step(
    p: Arrays, g: Arrays, buf: Arrays | None,
    scale: float, lr: float, momentum: float, dampening: float, weight_decay: float,
    nesterov: bool, first: bool,
) -> None:  # fmt: skip
    """One step of SGD on each p and its momentum buffer; the first fills the buffer undampened."""
    check_lists(g, p, *([] if buf is None else [buf]))
    for P, G, B in zip(p, g, [None] * len(p) if buf is None else buf, strict=True):
        G = scale * G
        if weight_decay:
            G += weight_decay * P
        if B is not None:
            B[...] = G if first else momentum * B + (1 - dampening) * G
            G = G + momentum * B if nesterov else B
        P -= lr * G


def sum_of_squares(x: Arrays) -> float:
    """Σ x² in float64, chunk by chunk in a fixed order: the same bits for any number of threads."""
    total = 0.0
    for flat in (widen(a).reshape(-1) for a in x):
        for start in range(0, flat.size, CHUNK):
            chunk = flat[start : start + CHUNK].astype(float64)
            total += float((chunk * chunk).sum())
    return total


def scale_(x: Arrays, s: float) -> None:
    """x *= s."""
    check_lists(x, x)
    for a in x:
        a *= s


def check_lists(g: Arrays, *changed: Arrays) -> None:
    """Raises ValueError or TypeError unless all arrays of the lists are contiguous and alike."""
    for arrays in changed:
        if len(arrays) != len(g):
            raise ValueError(f"optimizer: {len(arrays)} arrays for {len(g)} gradients")
        for a, like in zip(arrays, g, strict=True):
            _check_one(a, like)


def _check_one(a: Array, g: Array) -> None:
    if a.dtype != g.dtype or a.dtype not in (float32, float64):
        raise TypeError(f"optimizer: arrays must be float32; got {a.dtype}, {g.dtype}; cast")
    if a.shape != g.shape or not a.flags.c_contiguous:
        raise ValueError("optimizer: arrays must be contiguous and of equal shape; pass copies")
