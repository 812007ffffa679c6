"""The validation loss of a model: windows of the block size that do not overlap, as nanoGPT's.

A model whose state has no end (an LSTM, an MLP over the last tokens) reads the text as one piece
instead, its state carried on from window to window, as it does when it generates.

Not here: loss of an arbitrary text, strides, bits per byte (weft.inference.evaluation).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.autograd import no_grad
from weft.data import validation_batches
from weft.data.batches import Batch
from weft.kernels import active
from weft.training.precision import computing_in

NO_INDEX = -100  # no target has it: all are counted
STRETCH = 2048  # tokens of a text that is read as one piece, at a time


@dataclass(frozen=True)
class Evaluation:
    """Mean loss over `tokens` targets."""

    loss: float
    """Nats per token."""
    tokens: int
    seconds: float

    @property
    def perplexity(self) -> float:
        """exp(loss); infinite where that overflows."""
        return math.exp(self.loss) if self.loss < 700 else math.inf


def evaluate(
    model: Any,
    tokens: NDArray[Any],
    *,
    block_size: int,
    batch_size: int,
    max_batches: int | None = None,
    dtype: Any = None,
    check: Callable[[], object] | None = None,
) -> Evaluation:
    """Loss on `tokens` (N,): each of the N - 1 targets once, or `max_batches` spread evenly.

    The same batches every time, so figures of one run compare. `dtype` is the compute precision
    (None: float32); `check` is called before each batch and may raise to stop. The model is left
    in the mode (training or not) in which it came.
    """
    start, training = time.monotonic(), model.training
    total, count = 0.0, 0
    endless = reads_on(model)
    batches = (
        stretch(tokens, block_size * batch_size * (max_batches or len(tokens)))
        if endless
        else validation_batches(tokens, block_size, batch_size, max_batches)
    )
    state = model.start(1) if endless else None
    model.eval()
    try:
        for x, y in batches:
            if check is not None:
                check()
            total += loss_sum(model, x, y, dtype, state)
            count += y.size
    finally:
        model.train(training)
    return Evaluation(total / count, count, time.monotonic() - start)


def reads_on(model: Any) -> bool:
    """Whether the model's state has no end, so that a text is read as one piece."""
    config = getattr(model, "config", None)
    return config is not None and config.context > config.block_size


def stretch(tokens: NDArray[Any], most: int) -> Iterator[Batch]:
    """The first `most` targets of `tokens` (N,) in order, as batches of one row."""
    last = min(len(tokens) - 1, most)
    for begin in range(0, last, STRETCH):
        end = min(begin + STRETCH, last)
        x, y = tokens[begin:end], tokens[begin + 1 : end + 1]
        yield x.astype(np.int64)[None], y.astype(np.int64)[None]


def loss_sum(
    model: Any, x: NDArray[Any], y: NDArray[Any], dtype: Any = None, state: Any = None
) -> float:
    """Sum of the losses of all targets, in float64. (B, T), (B, T) -> float.

    A `state` is read on from, and moved on.
    """
    with no_grad(), computing_in(dtype):
        logits = model(x, state).array  # (B, T, V)
    rows = np.ascontiguousarray(logits).reshape(-1, logits.shape[-1])
    losses, _ = active.cross_entropy_forward(rows, y.reshape(-1), NO_INDEX)
    return float(losses.sum(dtype=np.float64))
