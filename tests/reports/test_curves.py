"""What a picture shows of a curve: its ends and spikes, and a smooth line without lag."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from weft.reports.curves import extremes, points, smoothed

ys = st.lists(st.integers(-100, 100), min_size=1, max_size=80)


@settings(deadline=None)
@given(ys, st.integers(1, 20))
def test_thinning_keeps_ends_and_spikes(y, buckets):
    curve = [(float(x), value) for x, value in enumerate(y)]
    left = extremes(curve, buckets)
    assert len(left) <= 2 * buckets + 2
    assert left == sorted(left) and set(left) <= set(curve)
    assert left[0] == curve[0] and left[-1] == curve[-1]
    assert {min(v for _, v in left), max(v for _, v in left)} == {min(y), max(y)}


@settings(deadline=None)
@given(st.floats(-5, 5), st.floats(-5, 5), st.integers(1, 80))
def test_a_straight_line_comes_back(slope, begin, count):
    curve = [(float(x), begin + slope * x) for x in range(count)]
    # Sums of at most 11 products of numbers below 405, whose roundings a slope multiplies by 5.
    for (x, y), (same_x, fitted) in zip(curve, smoothed(curve), strict=True):
        assert x == same_x and math.isclose(y, fitted, abs_tol=1e-10)


@settings(deadline=None)
@given(ys)
def test_smoothing_keeps_the_places_and_is_finite(y):
    curve = [(float(x), value) for x, value in enumerate(y)]
    smooth = smoothed(curve)
    assert [x for x, _ in smooth] == [x for x, _ in curve]
    assert all(min(y) <= value <= max(y) for _, value in smooth)


def test_noise_becomes_smaller():
    noisy = [(float(x), (-1.0) ** x) for x in range(200)]
    inside = smoothed(noisy)[20:-20]
    assert max(abs(y) for _, y in inside) < 0.1


def test_equal_places_make_no_slope():
    assert all(math.isfinite(y) for _, y in smoothed([(1.0, 2.0), (1.0, 3.0), (1.0, 4.0)]))


def test_points_are_what_is_there_in_order():
    lines = [
        {"a": 2, "b": 1.0},
        {"a": 1, "b": None},
        {"b": 3},
        {"a": True, "b": 1},
        {"a": 1, "b": 5},
    ]
    assert points(lines, "a", "b") == [(1.0, 5.0), (2.0, 1.0)]
    assert points([{"a": 1, "b": math.nan}, {"a": "1", "b": 2}], "a", "b") == []
