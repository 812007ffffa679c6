"""The generator behind dropout: its published answers, its stream, and what dropout keeps of it."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.kernels import active, reference
from weft.kernels.reference.dropout import philox, philox_rounds

# Random123's kat_vectors for philox4x32-10: counter, key, answer.
KNOWN_ANSWERS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000",
     "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff",
     "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0",
     "d16cfe09 94fdcceb 5001e420 24126ea1"),
]  # fmt: skip


def words(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize("counter, key, answer", KNOWN_ANSWERS)
def test_known_answers(counter: str, key: str, answer: str) -> None:
    low, high = words(key)
    blocks = tuple(np.array([word], np.uint64) for word in words(counter))
    assert [int(w[0]) for w in philox_rounds(blocks, low | high << 32)] == words(answer)


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**40), st.integers(0, 100), st.integers(0, 100))
def test_any_part_of_the_stream_is_the_same(key: int, start: int, skip: int, n: int) -> None:
    whole = philox(key, skip + n, start)
    np.testing.assert_array_equal(philox(key, n, start + skip), whole[skip:])


def test_keys_and_counters_differ_in_their_upper_halves() -> None:
    streams = [philox(5, 8), philox(5 + (1 << 32), 8), philox(5, 8, 1 << 34)]
    for a, b in itertools.combinations(streams, 2):
        assert not (a == b).any()


@pytest.mark.parametrize("p", [0.0, 1e-9, 0.1, 0.5, 0.999, 1.0])
@pytest.mark.parametrize("key", [0, 77, 2**63 - 1])
def test_dropout_keeps_the_words_at_or_above_its_threshold(p: float, key: int) -> None:
    x = np.arange(1, 50_002, dtype=np.float32)  # more than one task's share
    kept = philox(key, x.size) >= int(p * 2**32)
    y = active.dropout_forward(x, p, key)
    np.testing.assert_array_equal(y != 0, kept)
    if p < 1:
        np.testing.assert_allclose(y[kept], x[kept] / (1 - p), rtol=3e-7)
    np.testing.assert_array_equal(active.dropout_backward(x, p, key, x.dtype), y)


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_dropout_keeps_the_mean(p: float) -> None:
    n = 1_000_000
    y = active.dropout_forward(np.ones(n, np.float32), p, 3)
    deviation = np.sqrt(p / (1 - p) / n)
    assert abs(y.mean(dtype=np.float64) - 1) < 5 * deviation


def test_every_instruction_set_draws_the_same_mask(native: Any) -> None:
    x = np.ones(1003, np.float32)
    for isa in native.isas():
        native.set_isa(isa)
        expected = reference.dropout_forward(x, 0.4, 2**40 + 1)
        np.testing.assert_array_equal(native.dropout_forward(x, 0.4, 2**40 + 1), expected)


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_a_probability_is_between_0_and_1(p: float) -> None:
    with pytest.raises(ValueError, match="not between 0 and 1"):
        active.dropout_forward(np.ones(3, np.float32), p, 0)
