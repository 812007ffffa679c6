"""The distribution that logits stand for, and one draw from it. Shapes: N rows, V vocabulary."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from weft.errors import NonFiniteError

Logits = NDArray[Any]
BLOCK = 256  # weights that are added up together: most of a large vocabulary is skipped
LARGEST_UNIFORM = 1 - 2.0**-24


class UniformSource(Protocol):
    """What a draw needs of a random generator: `weft.random.Generator` has it."""

    def uniform(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Uniform numbers in [0, 1) of the given shape."""
        ...


def probabilities(logits: Logits) -> NDArray[np.float64]:
    """Softmax over the last axis in float64. (N, V) -> (N, V). NaN or +inf: `NonFiniteError`."""
    weights = np.exp((logits - largest(logits)).astype(np.float64))
    return np.asarray(weights / weights.sum(-1, keepdims=True))


def log_probabilities(logits: Logits) -> NDArray[np.float64]:
    """Log-softmax over the last axis in float64. (N, V) -> (N, V). Raises `NonFiniteError`."""
    shifted = (logits - largest(logits)).astype(np.float64)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(-1, keepdims=True)))


def largest(logits: Logits) -> Logits:
    """The largest logit of each row (N, 1), which must be finite: NaN, +inf or all -inf is not."""
    result = np.asarray(logits.max(-1, keepdims=True))
    finite = math.isfinite(result.item()) if result.size == 1 else np.isfinite(result).all()
    if not finite and (result == -math.inf).any():
        raise NonFiniteError(
            "every token has the probability zero here; sampling; an n-gram model with --unseen "
            "zero has no other in contexts that it never saw: train it with --unseen shorter"
        )
    if not finite:
        raise NonFiniteError(
            "the model's output is not finite (NaN or infinite logits); sampling; "
            "its weights are damaged: take another checkpoint"
        )
    return result


def draw(weights: NDArray[Any], generator: UniformSource) -> NDArray[np.int64]:
    """One id per row by inversion, with one uniform number (24 bits) each. (N, V) -> (N,).

    `weights` are probabilities up to a factor: at least 0, and above 0 somewhere in each row. They
    are added up in float64.
    """
    u = generator.uniform((len(weights),)).astype(np.float64)
    return np.array([_invert(row, float(u[n])) for n, row in enumerate(weights)], np.int64)


def _invert(weights: NDArray[Any], u: float) -> int:
    """The id at the share u of the sum of all weights (V,); by blocks, where they are many."""
    V, start = len(weights), 0
    if V >= 2 * BLOCK:
        whole = V - V % BLOCK
        sums = weights[:whole].reshape(-1, BLOCK).sum(-1, dtype=np.float64)
        sums = np.append(sums, weights[whole:].sum(dtype=np.float64))
        ends = np.cumsum(sums)
        at = u * ends[-1]
        block = int(np.searchsorted(ends, at, side="right"))
        start = block * BLOCK
        weights = weights[start : start + BLOCK]
        before = ends[block] - sums[block]
        u = min(max(float((at - before) / sums[block]), 0.0), LARGEST_UNIFORM)
    cumulative = np.cumsum(weights, dtype=np.float64)
    # Scaled by the true sum, so that rounding can never point past the last possible token.
    return start + int(np.searchsorted(cumulative, u * cumulative[-1], side="right"))
