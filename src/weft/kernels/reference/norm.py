"""LayerNorm (arXiv:1607.06450) and RMSNorm (arXiv:1910.07467) over the last axis.

csrc/norm.cpp has the same functions. x is (..., C), and N is the number of its rows. The output
may be bfloat16 while x is float32 (the residual stream); dy then arrives in bfloat16.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from weft.kernels.reference.precision import Array, gradient_dtype, narrow, widen


def layer_norm_forward(
    x: Array, w: Array | None, b: Array | None, eps: float, dtype: DTypeLike
) -> tuple[Array, Array, Array]:
    """(x - mean) rstd w + b: (..., C), (C,), (C,) -> y (..., C) in dtype, mean, rstd (N, 1)."""
    u = _rows(x)  # (N, C)
    mean = u.mean(-1, keepdims=True)  # (N, 1)
    centred = u - mean
    rstd = 1 / np.sqrt((centred * centred).mean(-1, keepdims=True) + eps)  # (N, 1)
    y = _affine(centred * rstd, w, b)
    return narrow(y.reshape(x.shape), dtype), mean, rstd


def layer_norm_backward(
    dy: Array,
    x: Array,
    w: Array | None,
    mean: Array,
    rstd: Array,
    bias: bool,
    before: Array | None = None,
) -> tuple[Array, Array | None, Array | None]:
    """-> dx + before (..., C) in x's dtype, dw (C,) or None, db (C,) or None."""
    d = _rows(dy)
    n = (_rows(x) - mean) * rstd  # the normalised input, (N, C)
    dn = _affine(d, w, None)
    # What the mean and the variance pass back: dn without its parts along 1 and along n.
    dx = rstd * (dn - dn.mean(-1, keepdims=True) - n * (dn * n).mean(-1, keepdims=True))
    dw = None if w is None else _column_sums(d * n, x)
    db = _column_sums(d, x) if bias else None
    return _onto(before, dx, x), dw, db


def rms_norm_forward(
    x: Array, w: Array | None, eps: float, dtype: DTypeLike
) -> tuple[Array, Array]:
    """x rstd w, rstd = 1/√(mean x² + eps): (..., C), (C,) -> y (..., C) in dtype, rstd (N, 1)."""
    u = _rows(x)
    rstd = 1 / np.sqrt((u * u).mean(-1, keepdims=True) + eps)  # (N, 1)
    y = _affine(u * rstd, w, None)
    return narrow(y.reshape(x.shape), dtype), rstd


def rms_norm_backward(
    dy: Array, x: Array, w: Array | None, rstd: Array, before: Array | None = None
) -> tuple[Array, Array | None]:
    """-> dx + before (..., C) in x's dtype, dw (C,) or None."""
    d = _rows(dy)
    n = _rows(x) * rstd  # (N, C)
    dn = _affine(d, w, None)
    dx = rstd * (dn - n * (dn * n).mean(-1, keepdims=True))
    dw = None if w is None else _column_sums(d * n, x)
    return _onto(before, dx, x), dw


def _rows(x: Array) -> Array:  # (..., C) -> (N, C)
    if x.ndim == 0 or x.shape[-1] == 0:
        raise ValueError(f"norm: the last axis of {x.shape} is empty; it must have an element")
    return widen(x).reshape(-1, x.shape[-1])


def _affine(n: Array, w: Array | None, b: Array | None) -> Array:
    y = n if w is None else n * widen(w)
    return y if b is None else y + widen(b)


def _onto(before: Array | None, dx: Array, x: Array) -> Array:  # what x has as gradient already
    dx = dx.reshape(x.shape)
    if before is None:
        return narrow(dx, x.dtype)
    if before.shape != x.shape:
        raise ValueError(f"norm: before {before.shape} is not of x's shape {x.shape}")
    return narrow(dx + widen(before), x.dtype)


def _column_sums(a: Array, x: Array) -> Array:  # (N, C) -> (C,)
    return narrow(a.sum(0), gradient_dtype(x))
