"""Ticks are round, even and inside; words for numbers are short and right."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.reports.ticks import clock, log_ticks, round_ticks, short, size, tick_labels, time_ticks

values = st.floats(-1e15, 1e15)


@settings(deadline=None)
@given(values, st.floats(1e-9, 1e15), st.integers(2, 10))
def test_ticks_are_round_and_even_and_inside(low, span, about):
    high = low + span
    ticks = round_ticks(low, high, about)
    assert len(ticks) <= 2 * about and all(low <= tick <= high for tick in ticks)
    assert ticks == sorted(set(ticks))
    if span > 1e-6 * abs(low):  # far above the distance of neighbouring floats
        # The next smaller step, at most 2.5 times as small, would be more than 1.3 * about.
        assert len(ticks) >= math.floor(about * 1.3 / 2.5)
    if len(ticks) > 1 and span > 1e-6 * abs(low):
        step = (ticks[-1] - ticks[0]) / (len(ticks) - 1)
        mantissa = float(f"{step:.6e}".partition("e")[0])
        assert mantissa in (1, 2, 5)
        for a, b in itertools.pairwise(ticks):  # rounding of the ticks, not of the step
            assert math.isclose(b - a, step, rel_tol=1e-6, abs_tol=4e-16 * abs(b))


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 10, [0, 2, 4, 6, 8, 10]),
        (0.03, 0.11, [0.04, 0.06, 0.08, 0.1]),
        (1.43, 4.2, [1.5, 2, 2.5, 3, 3.5, 4]),
        (-3, 3, [-3, -2, -1, 0, 1, 2, 3]),
        (5, 5, [5]),
        (1e16, 1e16 + 2, [1e16]),
        (0, math.inf, [0]),
    ],
)
def test_some_ticks(low, high, ticks):
    assert round_ticks(low, high) == ticks


@settings(deadline=None)
@given(st.floats(0, 1e6, allow_subnormal=False), st.floats(2, 1e7))
def test_times_are_whole_steps_of_a_clock(low, span):
    ticks = time_ticks(low, low + span)
    assert 1 <= len(ticks) <= 10 and all(low <= tick <= low + span for tick in ticks)
    assert len({round(b - a) for a, b in itertools.pairwise(ticks)}) <= 1


def test_time_ticks_and_their_words():
    assert [clock(tick) for tick in time_ticks(0, 75)] == [
        "0 s",
        "15 s",
        "30 s",
        "45 s",
        "1:00",
        "1:15",
    ]
    assert [clock(tick) for tick in time_ticks(0, 8000)] == [
        "0 s",
        "30:00",
        "1:00:00",
        "1:30:00",
        "2:00:00",
    ]


@settings(deadline=None)
@given(st.floats(1e-12, 1e12), st.floats(20, 1e12))
def test_logarithmic_ticks_lie_inside(low, ratio):
    ticks = log_ticks(low, low * ratio)
    assert ticks == sorted(set(ticks)) and 1 <= len(ticks) <= 14
    assert all(low <= tick <= low * ratio for tick in ticks)


def test_labels_have_one_form():
    assert tick_labels([0, 0.5, 1]) == ["0.0", "0.5", "1.0"]
    assert tick_labels([0, 50_000, 100_000]) == ["0", "50k", "100k"]
    assert tick_labels([0, 2_500_000, 5_000_000]) == ["0", "2.5M", "5M"]
    assert tick_labels([0, 1e-3, 3e-3]) == ["0", "1e-3", "3e-3"]
    assert tick_labels([0, 500, 1000]) == ["0", "500", "1,000"]
    assert tick_labels([-2, 0, 2]) == ["-2", "0", "2"]
    assert tick_labels([0, 500_000, 1e6]) == ["0", "500k", "1M"]
    assert tick_labels([]) == []


def test_words_for_numbers():
    said = [short(value) for value in (0, 1.97123, 12_345, 123_456, 1_234_567, 3e-4, -250.4)]
    assert said == ["0", "1.971", "12,345", "123k", "1.2M", "3e-4", "-250"]
    assert [clock(s) for s in (0.42, 7, 59.7, 61, 3725)] == [
        "0.4 s",
        "7 s",
        "1:00",
        "1:01",
        "1:02:05",
    ]
    assert [size(n) for n in (12, 1500, 234e6, 2.1e9)] == ["12 B", "1.5 kB", "234 MB", "2.1 GB"]
