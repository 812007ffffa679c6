"""How every kernel treats its precisions: bfloat16 is computed in float32 and rounded once.

float32 and float64 stay as they are. float64 exists for gradient checks only; the native twins
do not have it.
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]

bfloat16 = np.dtype(ml_dtypes.bfloat16)
float32 = np.dtype(np.float32)
float64 = np.dtype(np.float64)


def widen(x: Array) -> Array:
    """The dtype to compute in: float32 for bfloat16, else x's own; C-contiguous, not copied."""
    if x.dtype == bfloat16:
        return x.astype(float32, order="C")
    if x.dtype != float32 and x.dtype != float64:
        raise TypeError(f"kernels compute float32, bfloat16 or float64; got {x.dtype}; cast it")
    return np.asarray(x, order="C")


def narrow(y: Array, dtype: DTypeLike) -> Array:
    """The one rounding at the end (to nearest, ties to even); no copy where nothing changes."""
    return np.asarray(y, dtype=dtype, order="C")


def gradient_dtype(x: Array) -> np.dtype[Any]:
    """Parameters' gradients, losses and statistics: never in bfloat16."""
    return float64 if x.dtype == float64 else float32


def wider(a: Array, b: Array) -> np.dtype[Any]:
    """The dtype of a result of two operands: bfloat16 only where both are."""
    if a.dtype == b.dtype:
        return a.dtype
    return float64 if float64 in (a.dtype, b.dtype) else float32
