"""Cross entropy of logits against class ids, row by row. csrc/loss.cpp has the same functions.

Forward keeps lse = log Σ exp(logits) per row instead of the (N, V) probabilities. Not here: the
mean over rows, which belongs to the caller.
"""

from __future__ import annotations

import numpy as np

from weft.kernels.reference.embedding import checked_ids
from weft.kernels.reference.precision import Array, gradient_dtype, narrow, widen


def cross_entropy_forward(logits: Array, targets: Array, ignore_index: int) -> tuple[Array, Array]:
    """lse - logits[target]: (N, V), (N,) integers -> losses (N,), 0 where ignored, and lse (N,)."""
    rows, ids = _counted(targets, ignore_index, logits.shape)
    u = widen(logits)
    peak = u.max(-1, keepdims=True)  # (N, 1)
    lse = (peak + np.log(np.exp(u - peak).sum(-1, keepdims=True)))[:, 0]
    losses = np.zeros(targets.shape, gradient_dtype(logits))
    losses[rows] = lse[rows] - u[rows, ids]
    return losses, lse


def cross_entropy_backward(
    dlosses: Array, logits: Array, targets: Array, lse: Array, ignore_index: int
) -> Array:
    """dloss (softmax(logits) - 1 at the target): -> (N, V) in logits' dtype; 0 in ignored rows."""
    rows, ids = _counted(targets, ignore_index, logits.shape)
    d = np.zeros_like(widen(dlosses))
    d[rows] = dlosses[rows]
    dlogits = np.exp(widen(logits) - lse[:, None])
    dlogits[rows, ids] -= 1
    return narrow(np.where(d[:, None] == 0, 0, dlogits * d[:, None]), logits.dtype)


def _counted(targets: Array, ignore_index: int, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """The rows that count, and their targets, checked."""
    if len(shape) != 2 or targets.shape != shape[:1]:
        raise ValueError(f"cross entropy: logits {shape} and targets {targets.shape} do not fit")
    rows = np.flatnonzero(targets != ignore_index)
    return rows, checked_ids(targets[rows], shape[1], "cross entropy")
