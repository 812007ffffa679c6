"""What each filter did to one token's logits, for those who want to see why it was chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weft.sampling.choice import Context, Sampling, checked
from weft.sampling.distribution import Logits, probabilities
from weft.sampling.penalties import keep_allowed

Likely = tuple[tuple[int, float], ...]  # ids and their probabilities, likeliest first


@dataclass(frozen=True)
class Stage:
    """The distribution after one filter; the first stage is the model's own."""

    name: str
    """The setting's name; "model" for the first, "constraint" for what a constraint allows."""
    removed: int
    """How many tokens the filter removed."""
    left: int
    """How many tokens can still come."""
    removed_likeliest: Likely
    """The likeliest of the removed ones, with their probabilities before."""
    left_likeliest: Likely
    """The likeliest of those left, with their probabilities now."""


def explain(
    logits: Logits,
    sampling: Sampling,
    previous: Sequence[int] = (),
    prompt_length: int = 0,
    allowed: NDArray[np.bool_] | None = None,
    most: int = 5,
) -> list[Stage]:
    """The stages that one row of logits (V,) goes through; `most` tokens named in each list.

    With temperature 0 the likeliest token of the last stage is the one that is chosen. Raises as
    `sample`.
    """
    row = checked(logits[None])
    stages = [_stage("model", None, row, most)]
    if allowed is not None:
        before, row = row, keep_allowed(row, allowed)
        stages.append(_stage("constraint", before, row, most))
    context = Context(previous, previous[prompt_length:])
    for name, step in sampling.steps:
        before, row = row, step(row, context)
        stages.append(_stage(name, before, row, most))
    return stages


def _stage(name: str, before: Logits | None, after: Logits, most: int) -> Stage:
    left = np.isfinite(after[0])
    gone: Likely = ()
    removed = 0
    if before is not None:
        went = np.isfinite(before[0]) & ~left
        removed = int(went.sum())
        gone = _likeliest(before, went, most) if removed else ()
    return Stage(name, removed, int(left.sum()), gone, _likeliest(after, left, most))


def _likeliest(logits: Logits, which: NDArray[np.bool_], most: int) -> Likely:
    probs = probabilities(logits)[0]
    ids = np.flatnonzero(which)
    ids = ids[np.argsort(-probs[ids], kind="stable")[:most]]
    return tuple((int(i), float(probs[i])) for i in ids)
