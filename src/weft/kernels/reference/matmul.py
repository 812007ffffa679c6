"""Matrix products, plain and as a linear layer, with what may follow a layer in the same pass:
GELU, ReLU, SwiGLU, dropout, the addition to the residual stream. csrc/matmul.cpp has the same
functions.
"""

from __future__ import annotations

import numpy as np

from weft.kernels.reference.activation import (
    gelu_backward,
    gelu_forward,
    relu2_backward,
    relu2_forward,
    relu_backward,
    relu_forward,
    swiglu_backward,
    swiglu_forward,
)
from weft.kernels.reference.dropout import dropout_forward
from weft.kernels.reference.precision import Array, bfloat16, gradient_dtype, narrow, widen


def matmul(a: Array, b: Array, transpose_a: bool = False, transpose_b: bool = False) -> Array:
    """(..., M, K) @ (..., K, N) -> (..., M, N) in a's dtype; a flag swaps that operand's last two.

    The leading axes must be equal (no broadcasting).
    """
    if a.ndim < 2 or a.shape[:-2] != b.shape[:-2]:
        raise ValueError(f"matmul: batch axes differ: {a.shape} and {b.shape}; make them equal")
    left = widen(a).swapaxes(-1, -2) if transpose_a else widen(a)  # (..., M, K)
    right = widen(b).swapaxes(-1, -2) if transpose_b else widen(b)  # (..., K, N)
    return narrow(left @ right, a.dtype)


def linear_forward(
    x: Array,
    w: Array,
    b: Array | None,
    residual: Array | None = None,
    p: float = 0.0,
    key: int = 0,
) -> Array:
    """y = residual + dropout(x wᵀ + b): (N, K), (M, K), (M,), (N, M) -> (N, M), rounded once.

    In the residual's dtype, or in x's where there is none; the mask is that of dropout_forward.
    """
    y = _linear(x, w, b)
    if p > 0:
        y = dropout_forward(y, p, key)
    if residual is None:
        return narrow(y, x.dtype)
    return narrow(widen(residual) + y, residual.dtype)


def linear_activation_forward(
    x: Array, w: Array, b: Array | None, activation: str
) -> tuple[Array, Array]:
    """f'(pre), which backward needs, and f(pre) of pre = x wᵀ + b: -> (N, M) twice, in x's dtype.

    f is "gelu", "gelu_tanh" (GPT-2's formula), "relu" or "relu2". ValueError for another name.
    """
    pre = _linear(x, w, b)
    y, slope = _bend(pre, activation)
    return narrow(slope, x.dtype), narrow(y, x.dtype)


def _bend(pre: Array, activation: str) -> tuple[Array, Array]:
    """f(pre), f'(pre)."""
    ones = np.ones_like(pre)
    if activation in ("gelu", "gelu_tanh"):
        tanh = activation == "gelu_tanh"
        return gelu_forward(pre, tanh), gelu_backward(ones, pre, tanh)
    if activation == "relu":
        y = relu_forward(pre)
        return y, relu_backward(ones, y)
    if activation == "relu2":
        return relu2_forward(pre), relu2_backward(ones, pre)
    raise ValueError(f"activation {activation!r}; choose gelu, gelu_tanh, relu or relu2")


def linear_backward(dy: Array, x: Array, w: Array, bias: bool) -> tuple[Array, Array, Array | None]:
    """(N, M), (N, K), (M, K) -> dx (N, K), dw (M, K), db (M,) or None."""
    dtype, g = gradient_dtype(x), widen(dy)
    dx, dw = g @ _weight(w, x), narrow(g.T @ widen(x), dtype)
    return narrow(dx, x.dtype), dw, narrow(g.sum(0), dtype) if bias else None


def linear_scaled_backward(
    dy: Array, x: Array, w: Array, bias: bool, slope: Array
) -> tuple[Array, Array, Array | None]:
    """As linear_backward where x is f(pre) and `slope` f'(pre), (N, K): dx is pre's gradient."""
    dtype, g = gradient_dtype(x), widen(dy)
    dpre, dw = g @ _weight(w, x) * widen(slope), narrow(g.T @ widen(x), dtype)
    return narrow(dpre, x.dtype), dw, narrow(g.sum(0), dtype) if bias else None


def linear_swiglu_forward(x: Array, w: Array, b: Array | None, gate: Array) -> tuple[Array, Array]:
    """up = x wᵀ + b, which backward needs, and silu(gate) up: -> (N, M) twice, in x's dtype."""
    up = _linear(x, w, b)
    return narrow(up, x.dtype), narrow(swiglu_forward(widen(gate), up), x.dtype)


def linear_swiglu_backward(
    dy: Array, x: Array, w: Array, bias: bool, gate: Array, up: Array
) -> tuple[Array, Array, Array, Array | None]:
    """As linear_backward where x is silu(gate) up: -> dgate (N, K), dup (N, K), dw, db."""
    dtype, g = gradient_dtype(x), widen(dy)
    dgate, dup = swiglu_backward(g @ _weight(w, x), widen(gate), widen(up))
    dw = narrow(g.T @ widen(x), dtype)
    db = narrow(g.sum(0), dtype) if bias else None
    return narrow(dgate, x.dtype), narrow(dup, x.dtype), dw, db


def _linear(x: Array, w: Array, b: Array | None) -> Array:
    y = widen(x) @ _weight(w, x).T
    return y if b is None else y + widen(b)


def _weight(w: Array, x: Array) -> Array:
    """A float32 master weight meets bfloat16 activations in their precision."""
    return widen(narrow(w, bfloat16)) if x.dtype == bfloat16 else widen(w)
