"""Matrix products, plain and as a linear layer. csrc/matmul.cpp has the same functions.

Not here: the fused epilogues of the native twin; they are compositions of these definitions.
"""

from __future__ import annotations

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


def linear_forward(x: Array, w: Array, b: Array | None) -> Array:
    """y = x wᵀ + b: (N, K), (M, K), (M,) -> (N, M), in x's dtype."""
    y = widen(x) @ _weight(w, x).T
    if b is not None:
        y = y + widen(b)
    return narrow(y, x.dtype)


def linear_backward(dy: Array, x: Array, w: Array, bias: bool) -> tuple[Array, Array, Array | None]:
    """(N, M), (N, K), (M, K) -> dx (N, K), dw (M, K), db (M,) or None."""
    dtype, g = gradient_dtype(x), widen(dy)
    dx = narrow(g @ _weight(w, x), x.dtype)
    dw = narrow(g.T @ widen(x), dtype)
    return dx, dw, narrow(g.sum(0), dtype) if bias else None


def _weight(w: Array, x: Array) -> Array:
    """A float32 master weight meets bfloat16 activations in their precision."""
    return widen(narrow(w, bfloat16)) if x.dtype == bfloat16 else widen(w)
