"""Counting in chunks, in memory and on disk, packed in numbers and in bytes: always the same."""

from __future__ import annotations

import collections
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.config import NGramConfig
from weft.models.ngram import NGram
from weft.models.ngram_counts import Counter, Packing
from weft.models.ngram_trie import build_trie


def unpacked(counter):
    """All n-grams with their counts, those that run over the end left out."""
    found = []
    for run in counter.runs():
        digits = np.stack(counter.packing.digits(run.keys), 1)
        found += [(tuple(d - 1), int(c)) for d, c in zip(digits, run.counts, strict=True) if d[-1]]
    return found


@pytest.mark.parametrize("vocab_size", [2, 65, 300, 70_000])
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_counts_are_those_of_a_dictionary(vocab_size, data):
    n = data.draw(st.integers(1, 6))
    token = st.sampled_from([0, 1, vocab_size // 2, vocab_size - 1])
    text = np.array(data.draw(st.lists(token, max_size=80)), np.int64)
    chunk = data.draw(st.integers(1, 30))
    memory = data.draw(st.sampled_from([0, 300, 1 << 20]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=3)))
    with Counter(vocab_size, n, memory, chunk=chunk) as counter:
        for part in np.split(text, cuts):
            counter.add(part)
        found = unpacked(counter)
    grams = collections.Counter(tuple(text[i : i + n]) for i in range(len(text) - n + 1))
    assert found == sorted(grams.items())
    assert counter.tokens == len(text)


@pytest.mark.parametrize(("vocab_size", "order"), [(65, 5), (65, 11), (50_257, 4), (2**16, 2)])
def test_keys_have_the_order_of_their_digits(vocab_size, order):
    digits = np.random.default_rng(0).integers(0, vocab_size + 1, 500)
    digits[::7] = vocab_size  # the largest
    packing = Packing(vocab_size, order)
    keys = packing.pack(digits)
    windows = np.lib.stride_tricks.sliding_window_view(digits, order)
    np.testing.assert_array_equal(np.stack(packing.digits(keys), 1), windows)
    by_digits = sorted(range(len(windows)), key=lambda i: tuple(windows[i]))
    np.testing.assert_array_equal(np.argsort(keys, kind="stable"), by_digits)


def test_the_tree_does_not_depend_on_chunks_or_on_the_disk(tmp_path):
    text = np.random.default_rng(1).integers(0, 9, 5000) ** 2
    config = NGramConfig(vocab_size=65, order=4)
    whole = NGram.count(text, config).state_dict()
    with Counter(65, 4, memory=20_000, folder=tmp_path, chunk=128) as counter:
        counter.add(text)
        trie = build_trie(counter.runs(), counter)
        assert counter.spilled > 2 and len(list(tmp_path.iterdir())) == 1
    assert not list(tmp_path.iterdir())
    other = NGram(config)
    other._take(trie)
    for name, tensor in other.state_dict().items():
        np.testing.assert_array_equal(tensor.array, whole[name].array)


def test_memory_is_bounded():
    """A text in which nearly every n-gram is new: memory grows with the tree alone."""
    rng = np.random.default_rng(2)
    sizes = []
    for chunks in (16, 64):
        tracemalloc.start()
        with Counter(60_000, 3, memory=1 << 20, chunk=1 << 14) as counter:
            for _ in range(chunks):
                counter.add(rng.integers(0, 60_000, 1 << 14))
        sizes.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert counter.spilled > 1
    assert sizes[1] < 1.2 * sizes[0]
