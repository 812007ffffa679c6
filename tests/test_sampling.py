"""Laws of the filters, the distribution of the draws, and agreement with transformers."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from weft.errors import ConfigError, NonFiniteError
from weft.random import Generator
from weft.sampling import (
    Sampling,
    apply_temperature,
    draw,
    keep_min_p,
    keep_top_k,
    keep_top_p,
    penalise_repetition,
    probabilities,
    sample,
)

rows = st.integers(1, 40).flatmap(
    lambda V: arrays(
        st.sampled_from([np.float32, np.float64]),
        st.tuples(st.integers(1, 3), st.just(V)),
        elements=st.floats(-50, 50, width=32),
    )
)


def kept(logits):
    return np.isfinite(logits)


@given(rows)
def test_probabilities_sum_to_one_and_keep_the_order(logits):
    probs = probabilities(logits)
    np.testing.assert_allclose(probs.sum(-1), 1, rtol=1e-12)
    for row, p in zip(logits, probs, strict=True):
        assert (np.diff(p[np.argsort(row)]) >= 0).all()


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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("temperature", [1e-300, 1e-45, 1e-7])
def test_a_tiny_temperature_is_greedy_without_a_warning(dtype, temperature):
    logits = np.array([[1.0, 3.0, 2.0, -1e4]], dtype)
    assert sample(logits, Generator(0), Sampling(temperature=temperature))[0] == 1


def test_repetition_penalty_divides_positive_and_multiplies_negative():
    logits = np.array([[2.0, -2.0, 3.0, 0.0]])
    result = penalise_repetition(logits, [0, 1, 1, 3], 2.0)
    np.testing.assert_array_equal(result, [[1.0, -4.0, 3.0, 0.0]])
    np.testing.assert_array_equal(logits, [[2.0, -2.0, 3.0, 0.0]])  # the argument is left alone


def test_greedy_takes_the_lowest_of_equals_and_no_random_number():
    generator = Generator(3)
    before = generator.get_state()[0]
    assert sample(np.array([[1.0, 5.0, 5.0]]), generator, Sampling(temperature=0))[0] == 1
    assert before[2] == generator.get_state()[0][2]


def test_draws_follow_the_distribution():
    logits = np.log(np.array([[0.5, 0.25, 0.125, 0.0625, 0.0625]]))
    n = 20_000
    ids = draw(np.repeat(probabilities(logits), n, axis=0), Generator(1))
    expected = n * probabilities(logits)[0]
    chi2 = ((np.bincount(ids, minlength=5) - expected) ** 2 / expected).sum()
    assert chi2 < 18.47  # the 0.999 quantile for 4 degrees of freedom


def test_the_distribution_test_rejects_a_wrong_sampler():
    logits = np.log(np.array([[0.5, 0.25, 0.125, 0.0625, 0.0625]]))
    n = 20_000
    warmer = probabilities(apply_temperature(logits, 1.1))
    ids = draw(np.repeat(warmer, n, axis=0), Generator(1))
    expected = n * probabilities(logits)[0]
    chi2 = ((np.bincount(ids, minlength=5) - expected) ** 2 / expected).sum()
    assert chi2 > 18.47


class Fixed:
    """A source that gives one number again and again."""

    def __init__(self, value):
        self.value = value

    def uniform(self, shape):
        return np.full(shape, self.value, np.float32)


@given(rows, st.sampled_from([0.0, 0.5, 1 - 2.0**-24]), st.integers(1, 5))
def test_what_a_filter_removed_is_never_drawn(logits, u, k):
    filtered = keep_top_k(logits, k)
    ids = sample(filtered, Fixed(u), Sampling(temperature=1.0))
    assert kept(filtered)[np.arange(len(ids)), ids].all()


def test_the_same_seed_gives_the_same_tokens():
    logits = Generator(0).normal((50, 30))
    first, second = (sample(logits, Generator(9)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (first != sample(logits, Generator(10))).any()


def test_filters_agree_with_transformers():
    torch = pytest.importorskip("torch")
    warpers = pytest.importorskip("transformers.generation.logits_process")
    logits = Generator(5).normal((4, 300)) * 3
    previous = [1, 7, 7, 200]
    ours = Sampling(
        temperature=0.7, top_k=80, top_p=0.9, min_p=0.02, repetition_penalty=1.3
    ).filter(logits, previous)
    theirs = torch.tensor(logits)
    seen = torch.tensor([previous] * 4)
    for warper in (
        warpers.RepetitionPenaltyLogitsProcessor(1.3),
        warpers.TemperatureLogitsWarper(0.7),
        warpers.TopKLogitsWarper(80),
        warpers.TopPLogitsWarper(0.9),
        warpers.MinPLogitsWarper(0.02),
    ):
        theirs = warper(seen, theirs)
    np.testing.assert_allclose(
        probabilities(ours), torch.softmax(theirs.double(), -1).numpy(), atol=1e-6
    )


@pytest.mark.parametrize(
    ("name", "values", "span"),
    [
        ("temperature", [-0.1, 101, math.nan, math.inf, "hot", True], "from 0 to 100"),
        ("top_k", [0, -1, 2.5, True, math.nan], "a whole number, from 1"),
        ("top_p", [0, -1, 1.01, math.nan], "above 0, to 1"),
        ("min_p", [-0.1, 1, math.nan], "from 0, below 1"),
        ("repetition_penalty", [0, -1, math.inf], "above 0, to 100"),
    ],
)
def test_values_out_of_range_name_the_range(name, values, span):
    for value in values:
        with pytest.raises(ConfigError, match=f"{name} = .*; sampling; give {span}"):
            Sampling(**{name: value})


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("temperature", [0, 1.0])
def test_logits_that_are_not_finite_are_an_error(bad, temperature):
    with pytest.raises(NonFiniteError, match="not finite"):
        sample(np.array([[0.0, bad, 1.0]]), Generator(0), Sampling(temperature=temperature))


def test_a_row_without_any_possible_token_is_an_error():
    with pytest.raises(NonFiniteError):
        sample(np.full((1, 4), -np.inf), Generator(0))


def test_bfloat16_logits_and_wrong_shapes():
    from ml_dtypes import bfloat16

    assert sample(np.array([[0, 9, 0]], bfloat16), Generator(0), Sampling(temperature=0)) == [1]
    with pytest.raises(ValueError, match="shape"):
        sample(np.zeros(4), Generator(0))
