"""Outputs come from memory that is kept and handed out again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


@pytest.mark.parametrize("size", [1000, 100_000, 3_000_000])
def test_memory_is_reused(size: int, native: Any) -> None:
    x = np.ones(size, np.float32)
    seen = set()
    for _ in range(20):
        seen.add(native.add(x, x).ctypes.data)
    assert len(seen) <= 2


def test_memory_in_use_is_not_handed_out(native: Any) -> None:
    x = np.ones(5000, np.float32)
    held = [native.add(x, x * i) for i in range(8)]
    view = held[3][10:20]
    del held[3]
    fresh = [native.add(x, x) for _ in range(8)]
    assert (view == 4).all()  # a view keeps its memory
    for i, array in zip((0, 1, 2, 4, 5, 6, 7), held, strict=True):
        assert (array == 1 + i).all()
    assert all((array == 2).all() for array in fresh)


def test_outputs_are_aligned_and_writable(native: Any) -> None:
    for size in (1, 7, 300, 5000, 1_000_000):
        y = native.add(np.ones(size, np.float32), np.ones(size, np.float32))
        assert y.flags.writeable and y.flags.c_contiguous
        if y.nbytes > 1024:  # smaller ones are NumPy's own
            assert y.ctypes.data % 64 == 0
