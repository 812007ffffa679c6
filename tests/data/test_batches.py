"""Batches: pure, in range, shifted by one, spread evenly; validation covers every target once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.data import batch, stream_batch, stream_windows, validation_batches, window_starts

sizes = st.tuples(st.integers(1, 5), st.integers(1, 9), st.integers(0, 40))
numbers = st.integers(0, 2**64 - 1)


@given(sizes, numbers, numbers)
def test_windows_are_pieces_of_the_text(size, seed: int, step: int) -> None:
    rows, block, extra = size
    tokens = np.arange(block + 1 + extra, dtype=np.uint16)
    x, y = batch(tokens, step, seed, rows, block)
    assert x.shape == y.shape == (rows, block)
    assert x.dtype == y.dtype == np.int64
    assert x.flags.c_contiguous and y.flags.c_contiguous
    assert (y == x + 1).all() and (np.diff(x, axis=1) == 1).all()
    assert x.min() >= 0 and y.max() <= len(tokens) - 1


@given(numbers, numbers)
def test_a_function_of_seed_and_step(seed: int, step: int) -> None:
    draw = window_starts(10**12, step, seed, 4, 8)
    assert (draw == window_starts(10**12, step, seed, 4, 8)).all()
    assert (draw != window_starts(10**12, step ^ 1, seed, 4, 8)).any()
    assert (draw != window_starts(10**12, step, seed ^ 1, 4, 8)).any()


def test_the_numbers_are_fixed_for_ever() -> None:
    assert window_starts(1_003_854, 7, 1337, 4, 64).tolist() == GOLDEN


GOLDEN = [371085, 381435, 685580, 228642]


@given(st.integers(1, 6), st.integers(1, 6), numbers)
def test_micro_batches_are_slices_of_the_big_batch(small: int, more: int, seed: int) -> None:
    tokens = np.arange(500, dtype=np.uint32)
    big, _ = batch(tokens, 3, seed, small + more, 8)
    few, _ = batch(tokens, 3, seed, small, 8)
    assert (big[:small] == few).all()


def test_every_place_is_equally_likely() -> None:
    places, draws = 50, 400
    counts = np.zeros(places)
    for step in range(draws):
        counts += np.bincount(window_starts(places + 8, step, 1, 64, 8), minlength=places)
    expected = draws * 64 / places
    chi2 = ((counts - expected) ** 2 / expected).sum()
    assert chi2 < 86  # 49 degrees of freedom: 0.1 % of fair draws exceed it
    assert (counts[[0, -1]] > 0).all()


def test_huge_texts_are_covered_to_the_end() -> None:
    count = 1 << 40
    starts = np.concatenate([window_starts(count, step, 0, 64, 128) for step in range(50)])
    assert starts.max() > count * 0.99 and starts.min() < count * 0.01
    assert starts.max() < count - 128


def test_too_few_tokens() -> None:
    with pytest.raises(ValueError, match="8 tokens hold no block of 8"):
        batch(np.zeros(8, np.uint16), 0, 0, 1, 8)


@given(st.integers(0, 60), st.integers(1, 9), st.integers(1, 4))
def test_validation_covers_each_target_once(count: int, block: int, rows: int) -> None:
    tokens = np.arange(count, dtype=np.uint16)
    batches = list(validation_batches(tokens, block, rows))
    targets = [int(i) for _, y in batches for i in y.ravel()]
    assert targets == list(range(1, count))
    assert all((y == x + 1).all() and x.shape[0] <= rows for x, y in batches)


@given(st.integers(2, 200), st.integers(1, 5), st.integers(1, 4), st.integers(1, 8))
def test_fewer_validation_batches(count: int, block: int, rows: int, most: int) -> None:
    tokens = np.arange(count, dtype=np.uint16)
    every = [x.tolist() for x, _ in validation_batches(tokens, block, rows)]
    some = [x.tolist() for x, _ in validation_batches(tokens, block, rows, most)]
    assert len(some) == min(most, len(every))
    assert all(x in every for x in some) and some[:1] == every[:1]


@given(st.integers(1, 5), st.integers(1, 9), st.integers(0, 200), numbers)
def test_streams_go_on_where_they_ended(rows: int, block: int, extra: int, seed: int) -> None:
    tokens = np.arange(block + 1 + extra, dtype=np.uint16)
    windows = stream_windows(len(tokens), rows, block)
    steps = [stream_batch(tokens, step, seed, rows, block) for step in range(windows)]
    for x, y in steps:
        assert x.shape == y.shape == (rows, block) and x.dtype == y.dtype == np.int64
        assert (y == x + 1).all() and x.min() >= 0 and y.max() < len(tokens)
    read = np.concatenate([x for x, _ in steps], axis=1)
    assert (np.diff(read, axis=1) == 1).all()
    if windows * rows * block < len(tokens):  # no token is read twice, and few are left out
        assert len(np.unique(read)) == read.size > len(tokens) - 1 - rows * (block + 1)


def test_each_pass_over_the_streams_begins_elsewhere() -> None:
    tokens = np.arange(1000)
    windows = stream_windows(1000, 3, 64)
    passes = [stream_batch(tokens, i * windows, 5, 3, 64)[0] for i in range(20)]
    assert len({int(x[0, 0]) for x in passes}) > 5
    assert (stream_batch(tokens, 40, 5, 3, 64)[0] == stream_batch(tokens, 40, 5, 3, 64)[0]).all()


def test_a_text_too_short_for_streams() -> None:
    with pytest.raises(ValueError, match="hold no block"):
        stream_batch(np.arange(8), 0, 1, 2, 8)
