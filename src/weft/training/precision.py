"""Which precision a run computes in: bfloat16 where the CPU multiplies it natively.

Weights, their gradients, softmax, norms' sums and the loss are float32 either way.
"""

from __future__ import annotations

import contextlib
from typing import Any

import ml_dtypes
import numpy as np

from weft.autograd import autocast
from weft.kernels import active

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
BFLOAT16_ISAS = ("avx512_bf16", "amx")  # those with products of their own; others widen first


def resolve(precision: str) -> str:
    """`auto` becomes "bfloat16" or "float32"; the others stay."""
    if precision != "auto":
        return precision
    return "bfloat16" if multiplies_bfloat16() else "float32"


def multiplies_bfloat16() -> bool:
    """Whether the native kernels run on an instruction set that has bfloat16 products."""
    return active.native is not None and active.native.isa() in BFLOAT16_ISAS


def dtype_of(precision: str) -> Any:
    """The dtype for `computing_in`: None for float32, which needs no casts."""
    return BFLOAT16 if precision == "bfloat16" else None


def computing_in(dtype: Any) -> contextlib.AbstractContextManager[None]:
    """Multiply in `dtype` inside the block; None leaves the arrays' own."""
    return contextlib.nullcontext() if dtype is None else autocast(dtype)
