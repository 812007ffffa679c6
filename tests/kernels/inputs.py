"""Arrays for a kernel under test: random, of the dtype under test, and starting where it hurts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

Array = Any
bfloat16 = np.dtype(ml_dtypes.bfloat16)
float32 = np.dtype(np.float32)
float64 = np.dtype(np.float64)


class Inputs:
    """n is the length under test; rows, how many such rows; offset, elements before an array."""

    def __init__(self, n: int, dtype: np.dtype, rows: int = 3, offset: int = 0, seed: int = 0):
        self.n, self.rows, self.dtype, self.offset = n, rows, dtype, offset
        self.rng = np.random.default_rng([n, rows, seed])

    def normal(self, *shape: int) -> Array:
        """Normal numbers of the dtype under test."""
        return self.place(1.5 * self.rng.standard_normal(shape), self.dtype)

    def weight(self, *shape: int) -> Array:
        """Normal numbers in float32, whatever the dtype under test."""
        return self.place(1.5 * self.rng.standard_normal(shape), float32)

    def positive(self, *shape: int) -> Array:
        """Numbers in [0.1, 2) in float32."""
        return self.place(self.rng.uniform(0.1, 2, shape), float32)

    def ids(self, limit: int, *shape: int) -> Array:
        """Integers below the limit."""
        return self.place(self.rng.integers(0, limit, shape), np.dtype(np.int64))

    def place(self, values: Array, dtype: np.dtype) -> Array:
        """The values in memory that starts `offset` elements behind an aligned place."""
        values = np.asarray(values)
        buffer = np.empty(values.size + self.offset, dtype)
        buffer[self.offset :] = values.astype(float32 if dtype == bfloat16 else dtype).reshape(-1)
        return buffer[self.offset :].reshape(values.shape)

    def result(self, kernel: Callable[..., Any], *args: Any) -> Any:
        """What a definition returns, placed: a saved value that its backward takes."""
        with np.errstate(all="ignore"):
            value = kernel(*args)
        if isinstance(value, tuple):
            return tuple(self.place(v, v.dtype) for v in value)
        return self.place(value, value.dtype)


def exact(value: Any) -> Any:
    """An argument in float64: for the evaluation that is taken as the truth."""
    if isinstance(value, np.ndarray):
        return value if value.dtype.kind in "iu" else value.astype(float64)
    return float64 if isinstance(value, np.dtype) else value
