"""Sums, products and casts of whole arrays. csrc/elementwise.cpp has the same functions.

Not here: broadcasting (the tape's business) and comparison.
"""

from __future__ import annotations

from numpy.typing import DTypeLike

from weft.kernels.reference.precision import Array, narrow, widen, wider


def add(a: Array, b: Array) -> Array:
    """a + b, equal shapes; float32 unless both are bfloat16."""
    _check(a, b)
    return narrow(widen(a) + widen(b), wider(a, b))


def add_(dst: Array, src: Array) -> None:
    """dst += src, equal shapes."""
    _check(dst, src)
    dst[...] = narrow(widen(dst) + widen(src), dst.dtype)


def mul(a: Array, b: Array) -> Array:
    """a * b, equal shapes; float32 unless both are bfloat16."""
    _check(a, b)
    return narrow(widen(a) * widen(b), wider(a, b))


def cast(x: Array, dtype: DTypeLike) -> Array:
    """x in dtype, rounded to nearest, ties to even: always a copy."""
    return x.astype(dtype, order="C")


def _check(a: Array, b: Array) -> None:
    if a.shape != b.shape:
        raise ValueError(f"elementwise: shapes {a.shape} and {b.shape} differ; make them equal")
