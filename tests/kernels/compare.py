"""Is a kernel's result within its bound of the exact one? Says where and by how much it is not."""

from __future__ import annotations

from typing import Any

import numpy as np
from inputs import bfloat16, float64
from twin import Twin

Array = Any
U = 2.0**-24  # of float32
TINY = 1e-36  # subnormals are flushed to zero, and may be multiplied by something afterwards


def roundoff(dtype: np.dtype) -> float:
    """The largest relative error of rounding to a dtype."""
    return {bfloat16: 2.0**-8, float64: 2.0**-53}.get(dtype, U)


def tolerance(expected: Array, bound: Array, dtype: np.dtype) -> Array:
    """The bound, and one rounding of the result to its dtype."""
    error = U * bound
    return error + roundoff(dtype) * (np.abs(expected) + error) + TINY


def failures(twin: Twin, args: tuple[Any, ...], results: tuple[Any, ...]) -> list[str]:
    """One line per result that is out of bounds; none if the kernel is right."""
    expected, limits = twin.truth(args)
    lines = []
    for index, (got, want) in enumerate(zip(results, expected, strict=True)):
        if got is None and want is None:
            continue
        got, want = np.asarray(got), np.asarray(want)
        if got.shape != want.shape:
            lines.append(f"result {index}: shape {got.shape}, not {want.shape}")
        elif got.size:
            lines += _misses(f"result {index}", got, want, limits[index])
    return lines


def _misses(name: str, got: Array, want: Array, bound: Array) -> list[str]:
    allowed = np.broadcast_to(tolerance(want, bound, got.dtype), want.shape)
    distance = np.abs(got.astype(float64) - want)
    wrong = ~(distance <= allowed)  # a NaN is wrong too
    if not wrong.any():
        return []
    ratio = np.where(wrong, distance / allowed, 0)
    at = np.unravel_index(np.nanargmax(np.where(np.isnan(distance), np.inf, ratio)), want.shape)
    ulp = 2 * roundoff(got.dtype) * max(abs(want[at]), 1e-30)
    place = tuple(int(i) for i in at)
    return [
        f"{name}: {wrong.sum()} of {wrong.size} out of bounds; at {place} {got[at]}, exactly "
        f"{want[at]:.9g}: off by {distance[at] / ulp:.3g} ulps, allowed {allowed[at] / ulp:.3g}"
    ]
