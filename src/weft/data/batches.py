"""Batches as pure functions: what step 1,234 sees depends on the seed and 1,234, on nothing else.

There is no iterator and so no iterator state: a resumed run draws what it would have drawn. The
numbers come from Philox (Salmon et al. 2011), a counter-based generator, keyed by (seed, step).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Batch = tuple[NDArray[np.int64], NDArray[np.int64]]
MASK = (1 << 64) - 1


def batch(tokens: NDArray[Any], step: int, seed: int, batch_size: int, block_size: int) -> Batch:
    """Inputs and targets (B, T) int64: `batch_size` windows at random places of `tokens` (N,).

    Each start is uniform over [0, N - block_size); the targets are the inputs moved on by one.
    Row i depends on (seed, step, i) only: the rows of a smaller batch are the first rows of a
    larger one, so micro-batches are slices of the big batch. Raises ValueError if N is too small.
    """
    starts = window_starts(len(tokens), step, seed, batch_size, block_size)
    windows = tokens[starts[:, None] + np.arange(block_size + 1)].astype(np.int64)  # (B, T + 1)
    return np.ascontiguousarray(windows[:, :-1]), np.ascontiguousarray(windows[:, 1:])


def window_starts(
    count: int, step: int, seed: int, batch_size: int, block_size: int
) -> NDArray[np.int64]:
    """Where the windows of a step begin, (B,) int64 in [0, count - block_size).

    The raw 64-bit words of Philox are the same for every version of NumPy; their upper 53 bits,
    as a fraction of the number of places, choose the place.
    """
    places = count - block_size
    if places < 1:
        raise ValueError(f"{count} tokens hold no block of {block_size} and its target")
    key = np.array([seed & MASK, step & MASK], np.uint64)
    words = np.random.Philox(key=key).random_raw(batch_size)
    fractions = (words >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return (fractions * places).astype(np.int64)


def stream_windows(count: int, batch_size: int, block_size: int) -> int:
    """Windows of a stream, at least one, when `count` tokens are cut into `batch_size` streams."""
    return max(1, (count - 1) // batch_size // block_size)


def stream_batch(
    tokens: NDArray[Any], step: int, seed: int, batch_size: int, block_size: int
) -> Batch:
    """As `batch`, of streams: row b of a step goes on where row b of the step before ended.

    Stream b begins at b N / B, and has `stream_windows` windows; then all begin again, each pass
    at another place, from `seed`, within what does not fill a window. A text that is too short for
    that many streams has them overlap, one window each. Raises ValueError if N is too small.
    """
    count = len(tokens)
    if count <= block_size:
        raise ValueError(f"{count} tokens hold no block of {block_size} and its target")
    windows = stream_windows(count, batch_size, block_size)
    length = (count - 1) // batch_size  # of a stream
    if length < block_size:
        starts = np.arange(batch_size) * (count - 1 - block_size) // max(batch_size - 1, 1)
    else:
        spare = length - windows * block_size + 1
        shift = window_starts(spare + 1, step // windows, seed, 1, 1)
        starts = np.arange(batch_size) * length + shift + step % windows * block_size
    read = tokens[starts[:, None] + np.arange(block_size + 1)].astype(np.int64)  # (B, T + 1)
    return np.ascontiguousarray(read[:, :-1]), np.ascontiguousarray(read[:, 1:])


def validation_batches(
    tokens: NDArray[Any], block_size: int, batch_size: int, max_batches: int | None = None
) -> Iterator[Batch]:
    """Windows that do not overlap and cover `tokens` (N,): each of its N - 1 targets once.

    Batches are (B, T); a last batch may have fewer rows, and the remaining tokens come as one
    shorter window. With `max_batches`, that many batches spread evenly over the text.
    """
    targets = max(len(tokens) - 1, 0)
    full, rest = divmod(targets, block_size)  # whole windows, and what is left
    spans = [
        (first * block_size, min(batch_size, full - first), block_size)
        for first in range(0, full, batch_size)
    ]
    if rest:
        spans.append((full * block_size, 1, rest))
    if max_batches is not None and max_batches < len(spans):
        spans = [spans[i * len(spans) // max_batches] for i in range(max_batches)]
    for start, rows, length in spans:
        x = tokens[start : start + rows * length].astype(np.int64).reshape(rows, length)
        y = tokens[start + 1 : start + 1 + rows * length].astype(np.int64).reshape(rows, length)
        yield x, y
