"""Probabilities, their logarithms, and the distribution of the draws."""

import numpy as np
from hypothesis import given
from logit_rows import rows

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
