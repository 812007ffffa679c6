"""Successive halving: how many points, for how long, and who goes on."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.errors import ConfigError
from weft.training.sweep.halving import Rung, rungs, share_left, survivors


@given(st.integers(1, 256), st.floats(1.5, 8), st.none() | st.integers(1, 6))
def test_the_shares_are_the_whole_time(points, eta, count):
    ladder = rungs(points, eta, count)
    assert sum(rung.points * rung.share for rung in ladder) == pytest.approx(1)
    assert ladder[0].points == points and ladder[-1].length == 1
    assert len(ladder) == count or count is None
    for one, next_one in pairwise(ladder):
        assert next_one.length / one.length == pytest.approx(eta)
        assert 1 <= next_one.points <= max(1, one.points)
        if count is None:
            assert next_one.points < one.points
    for i, rung in enumerate(ladder):
        assert share_left(ladder, 0, points) == pytest.approx(ladder[0].share)
        # What is left after the rungs below is shared by what is still to come.
        left = sum(r.points * r.share for r in ladder[i:])
        assert share_left(ladder, i, rung.points) * left == pytest.approx(rung.share)


def test_nine_points_in_three_rungs():
    ninth = 1 / 9
    assert [(r.points, round(r.length, 9)) for r in rungs(9, 3)] == [
        (9, round(ninth, 9)), (3, round(3 * ninth, 9)), (1, 1.0)
    ]  # fmt: skip
    assert rungs(4, 2, 1) == [Rung(4, 0.25, 1.0)]
    assert [r.points for r in rungs(6, 2)] == [6, 3, 1] and [r.points for r in rungs(1, 3)] == [1]


@given(st.dictionaries(st.integers(0, 9), st.floats(0, 9) | st.just(math.inf)), st.integers(1, 9))
def test_the_best_go_on_and_what_failed_does_not(losses, count):
    kept = survivors(losses, count)
    finite = [p for p in losses if math.isfinite(losses[p])]
    assert len(kept) == min(count, len(finite)) and set(kept) <= set(finite)
    gone = set(finite) - set(kept)
    assert all(losses[a] <= losses[b] for a in kept for b in gone)
    assert kept == sorted(kept, key=lambda p: (losses[p], p))


@pytest.mark.parametrize(("eta", "count"), [(1, None), (math.nan, 2), (101, 1), (3, 0), (3, 11)])
def test_numbers_that_cannot_be(eta, count):
    with pytest.raises(ConfigError, match="; sweep; give"):
        rungs(4, eta, count)
