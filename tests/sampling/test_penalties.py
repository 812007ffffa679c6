"""Filters that know the tokens so far: what they change, and nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from logit_rows import rows

from weft.errors import ConfigError
from weft.sampling import (
    add_bias,
    ban_words,
    keep_allowed,
    penalise_frequency,
    penalise_presence,
    penalise_repetition,
)


def test_repetition_penalty_divides_positive_and_multiplies_negative():
    logits = np.array([[2.0, -2.0, 3.0, 0.0]])
    result = penalise_repetition(logits, [0, 1, 1, 3], 2.0)
    np.testing.assert_array_equal(result, [[1.0, -4.0, 3.0, 0.0]])
    np.testing.assert_array_equal(logits, [[2.0, -2.0, 3.0, 0.0]])  # the argument is left alone


def test_frequency_counts_and_presence_does_not():
    logits = np.array([[1.0, 1.0, 1.0, -1.0]], np.float32)
    counted = penalise_frequency(logits, [1, 1, 3, 1], 0.5)
    np.testing.assert_array_equal(counted, [[1.0, -0.5, 1.0, -1.5]])
    np.testing.assert_array_equal(penalise_presence(logits, [1, 1, 3], 0.5), [[1, 0.5, 1, -1.5]])
    np.testing.assert_array_equal(logits, [[1, 1, 1, -1]])
    assert counted.dtype == np.float32


@given(rows, st.data())
def test_penalties_change_only_the_tokens_that_were_there(logits, data):
    V = logits.shape[1]
    seen = data.draw(st.lists(st.integers(0, V - 1), max_size=8))
    others = [i for i in range(V) if i not in seen]
    for result in (
        penalise_repetition(logits, seen, 1.7),
        penalise_frequency(logits, seen, 0.3),
        penalise_presence(logits, seen, 0.3),
    ):
        np.testing.assert_array_equal(result[:, others], logits[:, others])
        assert (result[:, seen] <= logits[:, seen]).all()
    np.testing.assert_array_equal(
        penalise_presence(logits, seen, 0.5), penalise_frequency(logits, sorted(set(seen)), 0.5)
    )


@given(rows, st.data())
def test_bias_is_added_and_taken_off_again(logits, data):
    logits = logits.astype(np.float64).round(2)
    ids = data.draw(st.lists(st.integers(0, logits.shape[1] - 1), unique=True, max_size=5))
    bias = {i: float(n) for n, i in enumerate(ids, 1)}
    there = add_bias(logits, bias)
    np.testing.assert_array_equal(
        there - logits > 0.5, [np.isin(range(logits.shape[1]), ids)] * len(logits)
    )
    back = add_bias(there, {i: -b for i, b in bias.items()})
    np.testing.assert_allclose(back, logits, atol=1e-12)


def test_a_banned_word_loses_its_last_id_only_where_it_would_end():
    logits = np.zeros((1, 6))
    words = [[5], [1, 2], [3, 1, 4]]

    def gone(previous):
        return set(np.flatnonzero(np.isinf(ban_words(logits, previous, words)[0])))

    assert gone([]) == {5}
    assert gone([1]) == {2, 5}
    assert gone([3, 1]) == {2, 4, 5}
    assert gone([1, 3]) == {5}


@given(rows, st.data())
def test_hard_filters_are_idempotent_and_commute(logits, data):
    V = logits.shape[1]
    allowed = np.array(data.draw(st.lists(st.booleans(), min_size=V, max_size=V)))
    words = [[i] for i in data.draw(st.lists(st.integers(0, V - 1), max_size=4))]
    one = ban_words(keep_allowed(logits, allowed), [], words)
    np.testing.assert_array_equal(one, keep_allowed(ban_words(logits, [], words), allowed))
    np.testing.assert_array_equal(one, ban_words(keep_allowed(one, allowed), [], words))


@pytest.mark.parametrize("bad", [6, -1])
def test_ids_outside_the_vocabulary(bad):
    logits = np.zeros((1, 6))
    with pytest.raises(ConfigError, match=f"logit_bias has the id {bad}; sampling; give 0 to 5"):
        add_bias(logits, {1: 1.0, bad: 1.0})
    with pytest.raises(ConfigError, match=f"banned has the id {bad}; sampling; give 0 to 5"):
        ban_words(logits, [], [[1], [bad]])
