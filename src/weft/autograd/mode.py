"""What a thread is doing: recording gradients or not, and in which precision it multiplies.

Both are thread-local, so that a thread that serves never changes what a thread that trains does.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


class _Mode(threading.local):
    grad = True
    compute_dtype: np.dtype[Any] | None = None


_mode = _Mode()


def is_grad_enabled() -> bool:
    """Whether operations on this thread are recorded on the tape."""
    return _mode.grad


@contextmanager
def set_grad_enabled(enabled: bool) -> Iterator[None]:
    """Record operations, or not, inside the block (or the decorated function)."""
    before, _mode.grad = _mode.grad, enabled
    try:
        yield
    finally:
        _mode.grad = before


def no_grad() -> Any:
    """Inside: nothing is recorded, results do not require gradients."""
    return set_grad_enabled(False)


def enable_grad() -> Any:
    """Inside: operations are recorded again."""
    return set_grad_enabled(True)


def compute_dtype() -> np.dtype[Any] | None:
    """The precision that `autocast` asked for on this thread; None outside of it."""
    return _mode.compute_dtype


@contextmanager
def autocast(dtype: Any) -> Iterator[None]:
    """Multiply matrices in `dtype` (float32 or bfloat16) inside the block.

    `linear`, `matmul` and `attention` take and give `dtype`, norms write it; sums, softmax and
    losses stay in float32, and so do parameters and their gradients (Micikevicius et al.,
    Mixed Precision Training, arXiv:1710.03740).
    """
    before, _mode.compute_dtype = _mode.compute_dtype, None if dtype is None else np.dtype(dtype)
    try:
        yield
    finally:
        _mode.compute_dtype = before
