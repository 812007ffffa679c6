"""Laws of the filters that look at the distribution alone."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logit_rows import rows

from weft.random import Generator
from weft.sampling import (
    apply_temperature,
    keep_min_p,
    keep_top_k,
    keep_top_p,
    keep_typical,
    probabilities,
)


def kept(logits):
    return np.isfinite(logits)


@given(rows, st.integers(1, 50))
def test_top_k_keeps_exactly_the_k_largest(logits, k):
    result = keep_top_k(logits, k)
    V = logits.shape[-1]
    assert (kept(result).sum(-1) == min(k, V)).all()
    for row, kept_row in zip(logits, kept(result), strict=True):
        expected = np.argsort(-row, kind="stable")[:k]  # of equals, the lowest id
        assert set(np.flatnonzero(kept_row)) == set(expected)
    np.testing.assert_array_equal(result[kept(result)], logits[kept(result)])


@given(rows, st.floats(0.01, 0.999))
def test_top_p_keeps_the_smallest_set_that_reaches_p(logits, p):
    result = kept(keep_top_p(logits, p))
    for row, keep in zip(probabilities(logits), result, strict=True):
        total = row[keep].sum()
        assert total >= p - 1e-9
        assert total - row[keep].min() < p  # one fewer would not reach it
        assert row[keep].min() >= row[~keep].max(initial=0)  # and nothing likelier is left out


@given(st.integers(0, 2**31), st.integers(1, 300), st.integers(1, 5))
@settings(max_examples=50)
def test_top_k_of_a_large_vocabulary_is_that_of_a_full_sort(seed, k, digits):
    logits = Generator(seed).normal((2, 3001)).round(digits)  # with equals
    for row, kept_row in zip(logits, kept(keep_top_k(logits, k)), strict=True):
        assert set(np.flatnonzero(kept_row)) == set(np.argsort(-row, kind="stable")[:k])


@given(st.integers(0, 2**31), st.floats(0.5, 0.9999))
@settings(max_examples=20)
def test_top_p_of_a_large_vocabulary_is_that_of_a_full_sort(seed, p):
    logits = Generator(seed).normal((1, 5000))
    probs = probabilities(logits)[0]
    order = np.argsort(-probs, kind="stable")
    count = int(np.searchsorted(np.cumsum(probs[order]), p)) + 1
    assert set(np.flatnonzero(kept(keep_top_p(logits, p))[0])) == set(order[:count])


@given(rows, st.floats(0.001, 0.999))
def test_min_p_compares_with_the_likeliest(logits, p):
    result = kept(keep_min_p(logits.astype(np.float64), p))
    probs = probabilities(logits.astype(np.float64))
    share = probs / probs.max(-1, keepdims=True)
    clear = abs(share - p) > 1e-9
    np.testing.assert_array_equal(result[clear], (share >= p)[clear])
    assert result.any(-1).all()


@given(rows, st.floats(0.05, 20))
def test_temperature_divides_the_differences(logits, temperature):
    scaled = apply_temperature(logits.astype(np.float64), temperature)
    expected = (logits - logits.max(-1, keepdims=True)).astype(np.float64) / temperature
    np.testing.assert_allclose(scaled, expected, rtol=1e-5, atol=1e-5)
    assert (scaled.max(-1) == 0).all()


@given(rows, st.floats(0.01, 0.999))
def test_typical_keeps_the_nearest_to_the_entropy_until_p_is_reached(logits, p):
    result = kept(keep_typical(logits, p))
    for row, keep in zip(probabilities(logits), result, strict=True):
        entropy = -(row * np.log(row)).sum()
        distance = abs(-np.log(row) - entropy)
        assert distance[keep].max() <= distance[~keep].min(initial=np.inf) + 1e-9
        assert row[keep].sum() >= p - 1e-9
        last = np.flatnonzero(keep)[distance[keep] >= distance[keep].max() - 1e-9]
        assert any(row[keep].sum() - row[i] < p + 1e-9 for i in last)  # one fewer is not enough


FILTERS = {
    "top_k": lambda x: keep_top_k(x, 3),
    "top_p": lambda x: keep_top_p(x, 0.7),
    "min_p": lambda x: keep_min_p(x, 0.2),
    "typical": lambda x: keep_typical(x, 0.7),
    "temperature": lambda x: apply_temperature(x, 0.7),
}
each = pytest.mark.parametrize("name", FILTERS)


@each
@given(logits=rows)
def test_no_filter_removes_everything_or_changes_its_argument(name, logits):
    before = logits.copy()
    result = FILTERS[name](logits)
    assert kept(result).any(-1).all() and result.dtype == logits.dtype
    np.testing.assert_array_equal(logits, before)
    if name != "temperature":  # what is kept is kept as it is
        np.testing.assert_array_equal(result[kept(result)], logits[kept(result)])


@each
@given(logits=rows, data=st.data())
def test_filters_take_logits_in_which_others_removed_tokens(name, logits, data):
    gone = np.array(data.draw(st.lists(st.booleans(), min_size=logits.shape[1],
                                       max_size=logits.shape[1])))  # fmt: skip
    gone[data.draw(st.integers(0, logits.shape[1] - 1))] = False
    partial = np.where(gone, logits.dtype.type(-np.inf), logits)
    result = FILTERS[name](partial)
    assert kept(result).any(-1).all() and not kept(result)[:, gone].any()
    alone = FILTERS[name](logits[:, ~gone])  # as if the removed tokens had never been
    np.testing.assert_array_equal(result[:, ~gone], alone)


@pytest.mark.parametrize("name", ["top_k", "min_p"])
@given(logits=rows)
def test_filters_that_do_not_renormalise_are_idempotent(name, logits):
    once = FILTERS[name](logits)
    np.testing.assert_array_equal(FILTERS[name](once), once)


@given(rows, st.floats(0.05, 20))
def test_a_second_temperature_of_one_changes_nothing(logits, temperature):
    once = apply_temperature(logits, temperature)
    np.testing.assert_array_equal(apply_temperature(once, 1.0), once)


@each
@given(logits=rows, data=st.data())
def test_filters_do_not_care_in_which_order_the_tokens_are(name, logits, data):
    V = logits.shape[1]
    logits = logits[:1].astype(np.float64) + np.arange(V) * 1e-3  # mostly without equal logits
    if len(np.unique(logits)) < V:
        return
    order = np.array(data.draw(st.permutations(range(V))))
    first, second = FILTERS[name](logits)[:, order], FILTERS[name](logits[:, order])
    if name in ("top_p", "typical"):  # sums of probabilities round differently in another order
        edge = abs(kept(first).sum() - kept(second).sum())
        assert edge <= 1 and (kept(first) != kept(second)).sum() <= 2
    else:
        np.testing.assert_array_equal(first, second)


@given(rows)
def test_weaker_filters_keep_more(logits):
    for keep, values in [
        (keep_top_k, [1, 2, 3, 5]),
        (keep_top_p, [0.1, 0.5, 0.9, 1.0]),
        (keep_min_p, [0.9, 0.5, 0.1, 0.0]),
        (keep_typical, [0.1, 0.5, 0.9]),
    ]:
        masks = [kept(keep(logits, value)) for value in values]
        for fewer, more in pairwise(masks):
            assert not (fewer & ~more).any()
