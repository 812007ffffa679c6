"""The distribution that logits stand for, and one draw from it. Shapes: N rows, V vocabulary."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from weft.errors import NonFiniteError

Logits = NDArray[Any]


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
    if not np.isfinite(result).all():
        raise NonFiniteError(
            "the model's output is not finite (NaN or infinite logits); sampling; "
            "its weights are damaged: take another checkpoint"
        )
    return result


def draw(weights: NDArray[np.float64], generator: UniformSource) -> NDArray[np.int64]:
    """One id per row by inversion, with one uniform number (24 bits) each. (N, V) -> (N,).

    `weights` are probabilities up to a factor: at least 0, and above 0 somewhere in each row.
    """
    cumulative = np.cumsum(weights, -1)
    u = generator.uniform((len(weights),)).astype(np.float64)
    ids = np.empty(len(weights), dtype=np.int64)
    for n, row in enumerate(cumulative):
        # Scaled by the true sum, so that rounding can never point past the last possible token.
        ids[n] = np.searchsorted(row, u[n] * row[-1], side="right")
    return ids
