"""Whether a run learns its text by heart: its validation loss has been rising for a while."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PATIENCE = 3  # evaluations in a row that are worse than the best
MARGIN = 0.005  # of the best loss; evaluations read the same batches, so they hardly differ by luck


@dataclass(frozen=True)
class Rise:
    """From the best evaluation to the last one."""

    best_step: int
    best: float
    last: float


def rise(evaluations: Sequence[tuple[int, float]]) -> Rise | None:
    """The rise at the end of (step, validation loss) pairs, or None where there is none.

    Each of the last `PATIENCE` must be above the best by more than `MARGIN` of it, and the last one
    at least as high as the first of them: a single bad evaluation is none.
    """
    if len(evaluations) <= PATIENCE:
        return None
    best_step, best = min(evaluations, key=lambda pair: pair[1])
    last = [loss for step, loss in evaluations[-PATIENCE:] if step > best_step]
    if len(last) < PATIENCE or last[-1] < last[0]:
        return None
    if min(last) <= best * (1 + MARGIN):
        return None
    return Rise(best_step, best, last[-1])
