"""Cross entropy of logits against class ids, row by row. csrc/loss.cpp has the same functions.

Forward keeps lse = log Σ exp(logits) per row instead of the (N, V) probabilities. Not here: the
mean over rows, which belongs to the caller.
"""

from __future__ import annotations

import numpy as np

from weft.kernels.reference.embedding import checked_ids
from weft.kernels.reference.matmul import linear_backward, linear_forward
from weft.kernels.reference.precision import Array, gradient_dtype, narrow, widen


def cross_entropy_forward(logits: Array, targets: Array, ignore_index: int) -> tuple[Array, Array]:
    """lse - logits[target]: (N, V), (N,) integers -> losses (N,), 0 where ignored, and lse (N,)."""
    rows, ids = _counted(targets, ignore_index, logits.shape)
    u = widen(logits)
    peak = u.max(-1, keepdims=True, initial=-np.inf)  # (N, 1)
    shifted = u - peak
    log_total = np.log(np.exp(shifted).sum(-1))  # (N,)
    losses = np.zeros(targets.shape, gradient_dtype(logits))
    losses[rows] = log_total[rows] - shifted[rows, ids]  # not from lse, whose rounding is larger
    return losses, peak[:, 0] + log_total


def cross_entropy_backward(
    dlosses: Array, logits: Array, targets: Array, lse: Array, ignore_index: int
) -> Array:
    """dloss (softmax(logits) - 1 at the target): -> (N, V) in logits' dtype; 0 in ignored rows."""
    rows, ids = _counted(targets, ignore_index, logits.shape)
    dlogits = np.exp(widen(logits) - lse[:, None])
    dlogits[rows, ids] -= 1
    dlogits *= dlosses[:, None]
    dlogits[targets == ignore_index] = 0
    return narrow(dlogits, logits.dtype)


def linear_cross_entropy(
    x: Array, w: Array, targets: Array, ignore_index: int, scale: float
) -> tuple[Array, Array, Array]:
    """The last layer and its loss: x (N, K), w (V, K) -> losses (N,), dx (N, K), dw (V, K).

    dx and dw are the gradients of scale · Σ losses. Logits and their gradients are rounded to x's
    dtype, and the native twin has only some rows of them in memory at a time; after Hsu et al.,
    Liger Kernel, arXiv:2410.10989, section 3.2.
    """
    logits = linear_forward(x, w, None)
    losses, lse = cross_entropy_forward(logits, targets, ignore_index)
    dlosses = np.full(losses.shape, scale, losses.dtype)
    dlogits = cross_entropy_backward(dlosses, logits, targets, lse, ignore_index)
    dx, dw, _ = linear_backward(dlogits, x, w, False)
    return losses, dx, dw


def _counted(targets: Array, ignore_index: int, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """The rows that count, and their targets, checked."""
    if len(shape) != 2 or targets.shape != shape[:1]:
        raise ValueError(f"cross entropy: logits {shape} and targets {targets.shape} do not fit")
    rows = np.flatnonzero(targets != ignore_index)
    return rows, checked_ids(targets[rows], shape[1], "cross entropy")
