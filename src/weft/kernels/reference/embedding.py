"""Rows of a table by id, and the sum of their gradients.

csrc/embedding.cpp has the same functions.
"""

from __future__ import annotations

import numpy as np

from weft.kernels.reference.precision import Array, gradient_dtype, narrow, widen


def embedding_forward(w: Array, ids: Array) -> Array:
    """(V, C), (...) integers -> (..., C) in w's dtype; an id outside 0 … V-1 is an IndexError."""
    return w[checked_ids(ids, w.shape[0], "embedding")]


def embedding_backward(dy: Array, ids: Array, V: int) -> Array:
    """dw[v] = Σ dy of the places where v stood, in their order: (..., C), (...) -> (V, C)."""
    flat = checked_ids(ids, V, "embedding").reshape(-1)  # (N,)
    dw = np.zeros((V, dy.shape[-1]), gradient_dtype(dy))
    if flat.size:
        order = np.argsort(flat, kind="stable")
        present, starts = np.unique(flat[order], return_index=True)
        rows = widen(dy).reshape(flat.size, -1)[order]  # (N, C), equal ids side by side
        dw[present] = narrow(np.add.reduceat(rows, starts, axis=0), dw.dtype)
    return dw


def checked_ids(ids: Array, limit: int, name: str) -> Array:
    """ids, where all are integers in 0 … limit-1: NumPy would take -1 for the last row."""
    if ids.dtype.kind not in "iu":
        raise TypeError(f"{name}: ids are {ids.dtype}; cast them to int32 or int64")
    if ids.size and (ids.min() < 0 or ids.max() >= limit):
        bad = ids[(ids < 0) | (ids >= limit)].flat[0]
        raise IndexError(f"{name}: id {bad} is out of range; the table has {limit} rows")
    return ids
