"""Probabilities, their logarithms, and the distribution of the draws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logit_rows import rows

from weft.errors import NonFiniteError
from weft.random import Generator
from weft.sampling import apply_temperature, draw, log_probabilities, probabilities


@given(rows)
def test_probabilities_sum_to_one_and_keep_the_order(logits):
    probs = probabilities(logits)
    np.testing.assert_allclose(probs.sum(-1), 1, rtol=1e-12)
    for row, p in zip(logits, probs, strict=True):
        assert (np.diff(p[np.argsort(row)]) >= 0).all()


def test_draws_follow_the_distribution():
    logits = np.log(np.array([[0.5, 0.25, 0.125, 0.0625, 0.0625]]))
    n = 20_000
    ids = draw(np.repeat(probabilities(logits), n, axis=0), Generator(1))
    expected = n * probabilities(logits)[0]
    chi2 = ((np.bincount(ids, minlength=5) - expected) ** 2 / expected).sum()
    assert chi2 < 18.47  # the 0.999 quantile for 4 degrees of freedom


@given(st.integers(0, 2**31), st.sampled_from([511, 512, 513, 1023, 3001]), st.booleans())
@settings(max_examples=50)
def test_draws_from_a_large_vocabulary_are_those_of_the_cumulative_sum(seed, V, sparse):
    generator = Generator(seed)
    weights = np.exp(generator.normal((40, V)) * 3).astype(np.float32)
    if sparse:
        weights[generator.uniform((40, V)) < 0.99] = 0
        weights[:, V // 2] = 1
    u = generator.uniform((40,))
    u[0], u[1] = 0, 1 - 2.0**-24
    ids = draw(weights, Given(u))
    cumulative = np.cumsum(weights, -1, dtype=np.float64)
    at, rows = u.astype(np.float64) * cumulative[:, -1], np.arange(40)
    slack = 1e-12 * cumulative[:, -1]
    assert (weights[rows, ids] > 0).all()
    assert (at < cumulative[rows, ids] + slack).all()
    assert (at > cumulative[rows, ids] - weights[rows, ids] - slack).all()


class Given:
    def __init__(self, numbers):
        self.numbers = numbers

    def uniform(self, shape):
        assert shape == self.numbers.shape
        return self.numbers


def test_the_distribution_test_rejects_a_wrong_sampler():
    logits = np.log(np.array([[0.5, 0.25, 0.125, 0.0625, 0.0625]]))
    n = 20_000
    warmer = probabilities(apply_temperature(logits, 1.1))
    ids = draw(np.repeat(warmer, n, axis=0), Generator(1))
    expected = n * probabilities(logits)[0]
    chi2 = ((np.bincount(ids, minlength=5) - expected) ** 2 / expected).sum()
    assert chi2 > 18.47


@given(rows)
def test_log_probabilities_are_the_logarithms(logits):
    np.testing.assert_allclose(np.exp(log_probabilities(logits)), probabilities(logits), rtol=1e-9)


def test_a_removed_token_has_no_probability():
    logits = np.array([[0.0, -np.inf, 0.0]])
    np.testing.assert_allclose(probabilities(logits), [[0.5, 0, 0.5]])
    np.testing.assert_allclose(log_probabilities(logits), [[np.log(0.5), -np.inf, np.log(0.5)]])


def test_a_row_without_any_probability_names_its_cause():
    rows = np.array([[0.0, 1.0], [-np.inf, -np.inf]], np.float32)
    with pytest.raises(NonFiniteError, match="every token has the probability zero"):
        probabilities(rows)
