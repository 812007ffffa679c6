"""Successive halving: all points for a short time, the best of them for longer, and so on.

Jamieson & Talwalkar 2016 (arXiv:1502.07943); the inner loop of Hyperband (arXiv:1603.06560). Each
rung trains anew, with a whole schedule of its own length, instead of going on with the runs of the
one before: a learning rate is judged by where its schedule ends, and half a schedule, or one that
jumps back up to go on, favours small rates. A rung costs as much as the one before; going on would
save a part 1/eta of all but the first. The last rung's runs are finished models.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from weft.errors import ConfigError

MOST_RUNGS = 10


@dataclass(frozen=True)
class Rung:
    """How many points are trained, and for which part of the whole time each."""

    points: int
    share: float
    length: float
    """Of a run, where the last rung's is 1."""


def rungs(points: int, eta: float, count: int | None = None) -> list[Rung]:
    """The rungs of a sweep of so many points; each keeps one in `eta` and trains it `eta` times as
    long.

    Without `count` there are as many as leave one point at the end at least. The shares of all runs
    add up to 1. Raises `ConfigError` for numbers that cannot be.
    """
    if not (math.isfinite(eta) and 1 < eta <= 100):
        raise ConfigError(f"eta = {eta:g}; sweep; give more than 1, to 100")
    if count is not None and not 1 <= count <= MOST_RUNGS:
        raise ConfigError(f"rungs = {count}; sweep; give 1 to {MOST_RUNGS}")
    kept = [points]
    while len(kept) < (count or MOST_RUNGS) and (kept[-1] > 1 or count is not None):
        fewer = max(1, int(points / eta ** len(kept) + 1e-9))
        if count is None and fewer == kept[-1]:
            break
        kept.append(fewer)
    lengths = [eta ** (i - len(kept) + 1) for i in range(len(kept))]
    whole = sum(n * length for n, length in zip(kept, lengths, strict=True))
    return [Rung(n, length / whole, length) for n, length in zip(kept, lengths, strict=True)]


def survivors(losses: Mapping[int, float], count: int) -> list[int]:
    """The points with the `count` lowest losses, lowest first; of equals the earlier ones.

    A loss that is not finite does not survive.
    """
    finite = [point for point in losses if math.isfinite(losses[point])]
    return sorted(finite, key=lambda point: (losses[point], point))[:count]


def share_left(ladder: Sequence[Rung], rung: int, points: int) -> float:
    """The part of the time that is left, for each run of a rung with so many points still there."""
    counts = [min(r.points, points) for r in ladder[rung:]]
    lengths = [r.length for r in ladder[rung:]]
    whole = sum(n * length for n, length in zip(counts, lengths, strict=True))
    return lengths[0] / whole
