"""One optimisation step: gradients of all micro-batches together, and clipping.

The loss of a step is the sum over all its targets divided by their number, whatever the shapes of
its micro-batches: not the mean of means, which weighs short micro-batches too much.

Not here: what is said of a loss that is not finite (nonfinite.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.data import batch
from weft.nn import functional as F
from weft.nn.clip_grad import TINY, total_norm
from weft.training.precision import computing_in

IGNORED = -100  # a target that does not count
Batch = tuple[NDArray[np.int64], NDArray[np.int64]]
MicroBatch = (
    Batch | tuple[NDArray[np.int64], NDArray[np.int64], Any]
)  # with a state that is carried


def micro_batches(
    tokens: NDArray[Any], step: int, seed: int, batch_size: int, accumulate: int, block_size: int
) -> list[Batch]:
    """The step's batch of batch_size x accumulate rows, cut into `accumulate` of batch_size."""
    x, y = batch(tokens, step, seed, batch_size * accumulate, block_size)
    cuts = range(0, len(x), batch_size)
    return [(x[i : i + batch_size], y[i : i + batch_size]) for i in cuts]


def gradients(model: Any, batches: Sequence[MicroBatch], dtype: Any = None) -> float:
    """Add the gradient of the mean loss over all targets of all micro-batches; returns that loss.

    Micro-batches may differ in rows and length; targets that are `IGNORED` do not count. A state,
    where there is one, is read on from and moved on; no gradient goes back beyond it.
    """
    count = sum(int((y != IGNORED).sum()) for _, y, *_ in batches)
    total = 0.0
    for x, y, *state in batches:
        with computing_in(dtype):
            loss = batch_loss(model, x, y, count, *state)
        loss.backward()
        total += float(loss.item())
    return total


def batch_loss(
    model: Any, x: NDArray[np.int64], y: NDArray[np.int64], count: int, state: Any = None
) -> Any:
    """The sum of the losses over `count`: by the model itself, if it can do without the logits."""
    if state is not None:
        return model.loss(x, y, count, state)
    if hasattr(model, "loss"):
        return model.loss(x, y, count)
    logits = model(x)  # (B, T, V)
    rows = logits.reshape(y.size, logits.shape[-1])
    return F.cross_entropy(rows, y.reshape(-1), reduction="sum") * (1.0 / count)


def clip(parameters: Iterable[Any], largest: float) -> tuple[float, float]:
    """The global norm of these parameters' gradients, and the scale that brings it to `largest`.

    The scale is 1 for a norm below, for one that is not finite, and where `largest` is 0.
    """
    norm = total_norm([p.grad.array for p in parameters if p.grad is not None], 2.0)
    if largest and math.isfinite(norm) and norm > largest:
        return norm, largest / (norm + TINY)
    return norm, 1.0


def step_seed(seed: int, step: int) -> int:
    """32 bits that seed the dropout of a step: a function of both, so no state is saved."""
    return int(np.random.SeedSequence([seed, step]).generate_state(1)[0])
