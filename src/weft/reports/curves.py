"""From the points of a log to what a picture shows of them: a few hundred, spikes among them.

A point is (x, y), both finite; points come in the order of x.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.reports.reading import number

Point = tuple[float, float]

BUCKETS = 400  # of a curve as wide as a page
SMOOTHED_OVER = 16  # a smooth curve looks at one such part of the run to each side


def points(lines: Iterable[dict[str, Any]], x: str, y: str) -> list[Point]:
    """Two fields of the lines of a log, where both are there, in the order of x."""
    pairs = [(number(line.get(x)), number(line.get(y))) for line in lines]
    return sorted((float(a), float(b)) for a, b in pairs if a is not None and b is not None)


def extremes(curve: Sequence[Point], buckets: int = BUCKETS) -> list[Point]:
    """At most 2 * buckets + 2 of the points: of each bucket its lowest and its highest.

    Buckets have equally many points. The first and the last point stay, and so does any spike.
    """
    if len(curve) <= 2 * buckets:
        return list(curve)
    chosen = {0, len(curve) - 1}
    for bucket in range(buckets):
        begin, end = (len(curve) * b // buckets for b in (bucket, bucket + 1))
        own = range(begin, end)
        chosen.add(min(own, key=lambda i: curve[i][1]))
        chosen.add(max(own, key=lambda i: curve[i][1]))
    return [curve[i] for i in sorted(chosen)]


def smoothed(curve: Sequence[Point], over: int = SMOOTHED_OVER) -> list[Point]:
    """A straight line fitted around each point (W. S. Cleveland, LOWESS, JASA 1979, one pass).

    Unlike a running mean it does not lag behind a falling loss, and has no hook at the ends: points
    on a straight line come back as they are. No value lies beyond those around it.
    """
    if len(curve) < 3:
        return list(curve)
    array = np.array(curve, dtype=np.float64)  # (N, 2)
    reach = max(2, len(curve) // over)
    fitted = [_local_line(array, i, reach) for i in range(len(curve))]
    return [(x, float(y)) for (x, _), y in zip(curve, fitted, strict=True)]


def _local_line(array: NDArray[np.float64], i: int, reach: int) -> float:
    """The value at point i of the line through its neighbours, the near ones counting more."""
    low, high = max(0, i - reach), min(len(array), i + reach + 1)
    x, y = array[low:high, 0] - array[i, 0], array[low:high, 1]
    distance = np.abs(np.arange(low, high) - i) / (reach + 1)
    weight = (1 - distance**3) ** 3
    weight /= weight.sum()
    mean_x, mean_y = float(weight @ x), float(weight @ y)
    spread = float(weight @ (x - mean_x) ** 2)
    slope = float(weight @ ((x - mean_x) * (y - mean_y))) / spread if spread > 0 else 0.0
    return min(max(mean_y - slope * mean_x, float(y.min())), float(y.max()))
