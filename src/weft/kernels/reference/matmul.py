"""Matrix products, plain and as a linear layer, with what may follow a layer in the same pass:
GELU, SwiGLU, dropout, the addition to the residual stream. csrc/matmul.cpp has the same functions.
"""

from __future__ import annotations

from weft.kernels.reference.activation import (
    gelu_backward,
    gelu_forward,
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


def linear_gelu_forward(x: Array, w: Array, b: Array | None, tanh: bool) -> tuple[Array, Array]:
    """pre = x wᵀ + b, which backward needs, and gelu(pre): -> (N, M) twice, in x's dtype."""
    y = _linear(x, w, b)
    return narrow(y, x.dtype), narrow(gelu_forward(y, tanh), x.dtype)


def linear_backward(
    dy: Array, x: Array, w: Array, bias: bool, pre: Array | None = None, tanh: bool = True
) -> tuple[Array, Array, Array | None]:
    """(N, M), (N, K), (M, K) -> dx (N, K), dw (M, K), db (M,) or None.

    With `pre`, x is gelu(pre), and dx is the gradient of pre: (N, K) too.
    """
    dtype, g = gradient_dtype(x), widen(dy)
    dx = g @ _weight(w, x)
    if pre is not None:
        dx = gelu_backward(dx, widen(pre), tanh)
    dw = narrow(g.T @ widen(x), dtype)
    return narrow(dx, x.dtype), dw, narrow(g.sum(0), dtype) if bias else None


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
