"""Tensor's methods as functions, as PyTorch has both: `weft.relu(x)` is `x.relu()`.

One line each, but for those that choose entries and have no method: `topk`, `multinomial`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from weft.autograd import ops
from weft.autograd.creation import maximum
from weft.autograd.ops import Axes
from weft.autograd.tensor import Tensor, apply, as_index
from weft.random import Generator, default_generator


def exp(input: Tensor) -> Tensor:
    return input.exp()


def log(input: Tensor) -> Tensor:
    return input.log()


def sqrt(input: Tensor) -> Tensor:
    return input.sqrt()


def rsqrt(input: Tensor) -> Tensor:
    return input.rsqrt()


def square(input: Tensor) -> Tensor:
    return input.square()


def abs(input: Tensor) -> Tensor:
    return input.abs()


def sin(input: Tensor) -> Tensor:
    return input.sin()


def cos(input: Tensor) -> Tensor:
    return input.cos()


def sigmoid(input: Tensor) -> Tensor:
    return input.sigmoid()


def tanh(input: Tensor) -> Tensor:
    return input.tanh()


def relu(input: Tensor) -> Tensor:
    return input.relu()


def pow(input: Tensor, exponent: Any) -> Tensor:
    return input.pow(exponent)


def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    return input.clamp(min, max)


def matmul(input: Tensor, other: Tensor) -> Tensor:
    return input @ other


def minimum(input: Tensor, other: Tensor) -> Tensor:
    return -maximum(-input, -other)


def softmax(input: Tensor, dim: int) -> Tensor:
    return input.softmax(dim)


def log_softmax(input: Tensor, dim: int) -> Tensor:
    return input.log_softmax(dim)


def sum(input: Tensor, dim: Axes = None, keepdim: bool = False) -> Tensor:
    return input.sum(dim, keepdim)


def mean(input: Tensor, dim: Axes = None, keepdim: bool = False) -> Tensor:
    return input.mean(dim, keepdim)


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    return input.argmax(dim, keepdim)


def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    return input.argmin(dim, keepdim)


def max(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest entry; along `dim`, (values, indices); with a tensor, the larger of the two."""
    return maximum(input, dim) if isinstance(dim, Tensor) else input.max(dim, keepdim)


def min(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest entry; along `dim`, (values, indices); with a tensor, the smaller of the two."""
    return minimum(input, dim) if isinstance(dim, Tensor) else input.min(dim, keepdim)


def cumsum(input: Tensor, dim: int) -> Tensor:
    return input.cumsum(dim)


def reshape(input: Tensor, shape: tuple[int, ...]) -> Tensor:
    return input.reshape(shape)


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    return input.flatten(start_dim, end_dim)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    return input.transpose(dim0, dim1)


def squeeze(input: Tensor, dim: int | None = None) -> Tensor:
    return input.squeeze(dim)


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    return input.unsqueeze(dim)


def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    return tensor.split(split_size_or_sections, dim)


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    return input.chunk(chunks, dim)


def topk(input: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The `k` largest entries along the last axis, the largest first, and where they are.

    RuntimeError for more than there are.
    """
    if not 0 <= k <= input.shape[-1]:
        raise RuntimeError(f"topk: {k} of {input.shape[-1]} entries")
    places = np.argsort(-input.array.astype(np.float64), axis=-1, kind="stable")[..., :k]
    rows = np.indices(places.shape, sparse=True)[:-1]
    return input[(*rows, places)], Tensor(places)


def index_select(input: Tensor, dim: int, index: Any) -> Tensor:
    """The entries of `input` along `dim` that `index` (M) names, as often as it does."""
    return apply(ops.index_select, input, np.asarray(as_index(index)), axis=dim)


def index_add(input: Tensor, dim: int, index: Any, source: Tensor) -> Tensor:
    """`input`, to whose entries index[i] along `dim` the entries i of `source` are added."""
    return apply(ops.index_add, input, np.asarray(as_index(index)), source, axis=dim)


def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Indices (..., num_samples) drawn in proportion to the weights `input` (..., V).

    RuntimeError for negative or infinite weights, or fewer that are not 0 than `num_samples`.
    """
    weights = input.array.astype(np.float64)
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise RuntimeError("multinomial: weights must be finite and not negative")
    needed = 1 if replacement else num_samples
    if ((weights > 0).sum(-1) < needed).any():
        raise RuntimeError(f"multinomial: fewer than {needed} weights are above 0")
    source = generator or default_generator()
    # A race: the waiting time for i is exponential with rate weight i; the first to come is drawn.
    rounds = num_samples if replacement else 1
    uniform = source.uniform((rounds, *weights.shape)).astype(np.float64)
    possible = np.broadcast_to(weights > 0, uniform.shape)
    times = np.full(uniform.shape, np.inf)
    np.divide(-np.log1p(-uniform), weights, out=times, where=possible)
    if replacement:
        return Tensor(np.moveaxis(times.argmin(-1), 0, -1))
    return Tensor(np.argsort(times[0], axis=-1, kind="stable")[..., :num_samples])
