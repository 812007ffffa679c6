"""Robust statistics of curves: what they find in what was planted, however bad a few points are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.reports.robust import levels, longest_period, noise, slope, smooth

seeds = st.integers(0, 2**32 - 1)
some = settings(max_examples=30, deadline=None)


@some
@given(seeds, st.floats(1e-3, 10), st.floats(0.5, 20))
def test_noise_is_that_of_the_points_and_not_of_the_curve(seed, sigma, height):
    draw, x = np.random.default_rng(seed), np.linspace(0, 1, 400)
    values = height * np.exp(-3 * x) + sigma * draw.standard_normal(400)
    values[draw.choice(400, 20, replace=False)] = 1e3  # batches that are nothing like the others
    # Five standard errors of a median of 397 correlated differences, and what 20 outliers add,
    # each in 4 of them: the median of the others lies at their 62nd percentile instead of the 50th.
    assert 0.65 * sigma < noise(values) < 1.9 * sigma


def test_a_parabola_has_no_noise_and_of_four_points_none_is_known():
    assert noise(np.arange(50.0) ** 2) == pytest.approx(0, abs=1e-9)
    assert noise([1, 9, 3, 7]) == 0


def test_smoothing_removes_single_points_and_keeps_a_step():
    values = np.where(np.arange(40) < 20, 1.0, 5.0)
    spoilt = values.copy()
    spoilt[[7, 8, 30]] = 100.0
    assert np.array_equal(smooth(spoilt, 5), values)
    assert np.array_equal(smooth(values[:1], 9), values[:1]) and len(smooth([], 5)) == 0


def test_levels_are_medians_of_equal_pieces():
    assert list(levels([1, 2, 99, 4, 5, 6], 2)) == [2, 5]
    assert list(levels([1, 2], 5)) == [1, 2] and len(levels([], 5)) == 0


@some
@given(seeds, st.floats(-5, 5), st.integers(12, 300))
def test_a_slope_is_found_beside_outliers(seed, value, n):
    draw = np.random.default_rng(seed)
    x = np.sort(draw.uniform(0, 10, n))
    y = value * x + 0.1 * draw.standard_normal(n)
    y[draw.choice(n, n // 10, replace=False)] += 50
    found = slope(x, y)
    assert found.low <= found.value <= found.high
    # 0.1 of noise over a range of about 10 gives an error of 0.1 / (3 √n) with 12 points or more,
    # and five of those, and an outlier's pull, are far below this.
    assert abs(found.value - value) < 0.35


def test_the_interval_of_a_flat_curve_misses_zero_once_in_a_hundred():
    draw, missed = np.random.default_rng(0), 0
    for _ in range(400):
        found = slope(np.arange(20), draw.standard_normal(20))
        missed += not found.low <= 0 <= found.high
    assert missed <= 12  # 4 expected, with a deviation of 2


def test_of_few_points_or_of_one_time_no_slope_is_said():
    assert slope([1, 2, 3, 4, 5], [5, 4, 3, 2, 1]) is None
    assert slope([1] * 20, range(20)) is None
    assert slope(range(6), [6, 5, 4, 3, 2, 1]).high < 0


def test_the_longest_period():
    assert longest_period([False, True, True, False, True]) == (1, 3)
    assert longest_period([True]) == (0, 1) and longest_period([]) == (0, 0)
