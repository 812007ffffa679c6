"""Statistics of noisy curves that a few bad points do not move: noise, levels, slopes, periods.

A training loss is a smooth curve plus the luck of each batch, now and then with a batch that is
nothing like the others; so everything here goes by medians.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
MEDIAN_OF_NORMAL = 0.6745  # the median of |x| where x is normal with the deviation 1
THIRD_DIFFERENCE = math.sqrt(20)  # 1, -3, 3, -1: their squares' sum
MOST_POINTS = 256  # of which all pairs are looked at


def noise(values: Sequence[float] | Values) -> float:
    """Standard deviation of what is not smooth in a curve, from its third differences.

    A curve that is a parabola between four neighbours has none of it. The median makes it robust:
    a fifth of the points may be anything. 0 for fewer than five values, of which nothing is known.
    """
    values = np.asarray(values, np.float64)
    if len(values) < 5:
        return 0.0
    differences = np.abs(np.diff(values, 3))
    return float(np.median(differences)) / (MEDIAN_OF_NORMAL * THIRD_DIFFERENCE)


def smooth(values: Sequence[float] | Values, width: int) -> Values:
    """The median of `width` neighbours around each value, fewer at the ends: (N,) -> (N,)."""
    values = np.asarray(values, np.float64)
    half = min(width // 2, (len(values) - 1) // 2)
    if half < 1:
        return values
    padded = np.concatenate([np.full(half, np.nan), values, np.full(half, np.nan)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    return np.asarray(np.nanmedian(windows, axis=1))


def levels(values: Sequence[float] | Values, count: int) -> Values:
    """The medians of `count` pieces of equal length, or the values, where they are fewer."""
    values = np.asarray(values, np.float64)
    pieces = np.array_split(values, max(1, min(count, len(values))))
    return np.array([np.median(piece) for piece in pieces if len(piece)])


class Slope(NamedTuple):
    """A slope, and the interval in which it is with 99 % confidence."""

    value: float
    low: float
    high: float


def slope(x: Sequence[float] | Values, y: Sequence[float] | Values) -> Slope | None:
    """The median slope of all pairs of points (Theil 1950, Sen 1968), and Sen's interval for it.

    None for fewer than six points, from which no interval of 99 % can be had; more than 256 are
    first brought together to as many medians.
    """
    x, y = (levels(values, MOST_POINTS) for values in (x, y))
    n = len(x)
    first, second = np.triu_indices(n, 1)
    run = x[second] - x[first]
    apart = run != 0
    slopes = np.sort((y[second] - y[first])[apart] / run[apart])
    if n < 6 or not len(slopes):
        return None
    spread = 2.576 * math.sqrt(n * (n - 1) * (2 * n + 5) / 18)  # of Kendall's sum
    low, high = int((len(slopes) - spread) / 2), math.ceil((len(slopes) + spread) / 2)
    last = len(slopes) - 1
    return Slope(
        float(np.median(slopes)), float(slopes[max(0, low)]), float(slopes[min(last, high)])
    )


def longest_period(where: Sequence[bool] | NDArray[np.bool_]) -> tuple[int, int]:
    """The longest piece of a row of truths that is true, as [begin, end); (0, 0) if none is."""
    best, begin = (0, 0), 0
    for end, true in enumerate([*where, False]):
        if true:
            continue
        if end - begin > best[1] - best[0]:
            best = begin, end
        begin = end + 1
    return best
