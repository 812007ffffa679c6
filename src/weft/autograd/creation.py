"""Tensors out of nothing: PyTorch's creation functions, and those that join tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from weft.autograd import ops
from weft.autograd.device import check_device
from weft.autograd.tensor import Tensor, apply, as_array
from weft.random import Generator, default_generator

float32 = np.dtype(np.float32)
int64 = np.dtype(np.int64)


def tensor(data: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor with a copy of `data` (numbers, nested lists, an array, a tensor).

    Without `dtype`, Python floats become float32 and integers int64, as in PyTorch; arrays and
    tensors keep their own.
    """
    check_device(device)
    array = np.array(data.array if isinstance(data, Tensor) else data)
    if dtype is None and not isinstance(data, (np.ndarray, np.generic, Tensor)):
        dtype = {"f": float32, "i": int64, "u": int64}.get(array.dtype.kind)
    if array.dtype == object:
        raise TypeError("tensor: the data is ragged or not made of numbers")
    return Tensor(array if dtype is None else array.astype(dtype)).requires_grad_(requires_grad)


def from_numpy(array: Any) -> Tensor:
    """A tensor that shares the memory of `array`."""
    return Tensor(array)


def zeros(
    *size: Any, dtype: Any = float32, device: Any = None, requires_grad: bool = False
) -> Tensor:
    check_device(device)
    return Tensor(np.zeros(ops.sizes(size), dtype)).requires_grad_(requires_grad)


def ones(
    *size: Any, dtype: Any = float32, device: Any = None, requires_grad: bool = False
) -> Tensor:
    check_device(device)
    return Tensor(np.ones(ops.sizes(size), dtype)).requires_grad_(requires_grad)


def empty(
    *size: Any, dtype: Any = float32, device: Any = None, requires_grad: bool = False
) -> Tensor:
    check_device(device)
    return Tensor(np.empty(ops.sizes(size), dtype)).requires_grad_(requires_grad)


def full(size: Sequence[int], fill_value: Any, dtype: Any = None, device: Any = None) -> Tensor:
    check_device(device)
    dtype = dtype or (float32 if isinstance(fill_value, float) else None)
    return Tensor(np.full(tuple(size), fill_value, dtype))


def zeros_like(other: Tensor) -> Tensor:
    return Tensor(np.zeros_like(other.array))


def ones_like(other: Tensor) -> Tensor:
    return Tensor(np.ones_like(other.array))


def eye(n: int, dtype: Any = float32) -> Tensor:
    return Tensor(np.eye(n, dtype=dtype))


def arange(*bounds: Any, dtype: Any = None, device: Any = None) -> Tensor:
    check_device(device)
    dtype = dtype or (float32 if any(isinstance(b, float) for b in bounds) else int64)
    return Tensor(np.arange(*bounds, dtype=dtype))


def linspace(start: float, end: float, steps: int) -> Tensor:
    return Tensor(np.linspace(start, end, steps, dtype=np.float32))


def tril(x: Tensor, diagonal: int = 0) -> Tensor:
    return x * Tensor(np.tri(x.shape[-2], x.shape[-1], diagonal, x.dtype))


def triu(x: Tensor, diagonal: int = 0) -> Tensor:
    return x * Tensor(1 - np.tri(x.shape[-2], x.shape[-1], diagonal - 1, x.dtype))


def rand(*size: Any, generator: Generator | None = None, requires_grad: bool = False) -> Tensor:
    """Uniform in [0, 1), PyTorch's very numbers for the same seed."""
    source = generator or default_generator()
    return Tensor(source.uniform(ops.sizes(size))).requires_grad_(requires_grad)


def randn(*size: Any, generator: Generator | None = None, requires_grad: bool = False) -> Tensor:
    """Standard normal, PyTorch's numbers to the last digit or two for the same seed."""
    source = generator or default_generator()
    return Tensor(source.normal(ops.sizes(size))).requires_grad_(requires_grad)


def randint(low: int, high: int, size: Sequence[int], generator: Generator | None = None) -> Tensor:
    """int64 in [low, high)."""
    return Tensor((generator or default_generator()).integers(low, high, tuple(size)))


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Join along an axis that is there."""
    return apply(ops.concatenate, *tensors, axis=dim)


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Join along a new axis."""
    return cat([t.unsqueeze(dim) for t in tensors], dim)


def where(condition: Tensor, a: Any, b: Any) -> Tensor:
    """Entries of `a` where `condition` holds, of `b` elsewhere."""
    return apply(ops.where, condition, a, b)


def maximum(a: Any, b: Any) -> Tensor:
    return apply(ops.maximum, a, b)


def allclose(a: Tensor, b: Tensor, rtol: float = 1e-5, atol: float = 1e-8) -> bool:
    return bool(np.allclose(as_array(a), as_array(b), rtol, atol))


def equal(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and bool((as_array(a) == as_array(b)).all())
