"""Pairs: lines taken apart strictly, the same pairs from text and from tokens, padded batches."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.data import (
    PairEncoder,
    PairTokens,
    encode_pairs,
    line_boundary,
    marks_of,
    open_corpus,
    pad,
    pair_numbers,
    prepare,
    split_corpus,
    split_pairs,
)
from weft.data.pairs import IGNORED, POOL, Marks
from weft.errors import ConfigError, DataError
from weft.tokenizers import CharacterTokenizer

ALPHABET = "ab c"
halves = st.text(ALPHABET, max_size=5)
some_pairs = st.lists(
    st.tuples(st.text(ALPHABET, min_size=1, max_size=5), halves), min_size=1, max_size=6
)


@pytest.fixture(scope="module")
def tokenizer() -> CharacterTokenizer:
    return CharacterTokenizer.train([ALPHABET + "\t\n"])


def lines(pairs) -> str:
    return "".join(f"{source}\t{target}\n" for source, target in pairs)


@given(some_pairs, st.integers(1, 7), st.booleans())
def test_split_gives_the_pairs_back_however_the_text_is_cut(pairs, size: int, ended: bool) -> None:
    text = lines(pairs) if ended else lines(pairs)[:-1]
    chunks = [text[i : i + size] for i in range(0, len(text), size)]
    assert list(split_pairs(chunks)) == pairs


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\tb\nab\n", "line 2 has no tabs; x.tsv"),
        ("a\tb\tc\n", "line 1 has 2 tabs; x.tsv"),
        ("a\tb\n\tb", "line 2 has an empty source; x.tsv"),
        ("a\tb\n\n", "line 2 has no tabs; x.tsv"),
    ],
)
def test_other_lines_are_refused(text: str, said: str, tokenizer) -> None:
    with pytest.raises(DataError, match=said):
        list(split_pairs([text], "x.tsv"))
    marks = marks_of(tokenizer)
    with pytest.raises(DataError, match=said):
        PairTokens(tokenizer.encode_array(text), marks, "x.tsv")


@given(some_pairs, st.booleans())
def test_tokens_are_the_pairs(pairs, ended: bool) -> None:
    tokenizer = CharacterTokenizer.train([ALPHABET + "\t\n"])
    marks = marks_of(tokenizer)
    tokens = np.concatenate(list(encode_pairs(pairs, tokenizer, marks)))
    assert tokenizer.decode(tokens.tolist()) == lines(pairs)
    found = PairTokens(tokens if ended else tokens[:-1], marks)
    assert len(found) == len(pairs)
    decoded = [
        tuple(tokenizer.decode(half.tolist()) for half in found[i]) for i in range(len(pairs))
    ]
    assert decoded == pairs
    assert found.longest == max(max(len(s), len(t) + 1) for s, t in pairs)


def test_no_pairs(tokenizer) -> None:
    with pytest.raises(DataError, match="no pairs"):
        PairTokens(np.zeros(0, np.uint16), marks_of(tokenizer))


def test_a_tokenizer_without_a_tab_is_refused() -> None:
    with pytest.raises(ConfigError, match="no single token for a tab"):
        marks_of(CharacterTokenizer.train(["ab\n"]))
    with pytest.raises(ConfigError, match="no single token for a line end"):
        marks_of(CharacterTokenizer.train(["ab\t"]))


def test_a_padded_batch() -> None:
    batch = pad([([5, 6, 7], [8]), ([5], [8, 9])], Marks(1, 2))
    assert batch.source.tolist() == [[5, 6, 7], [5, 0, 0]]
    assert batch.lengths.tolist() == [3, 1]
    assert batch.tokens.tolist() == [[1, 8, 0], [1, 8, 9]]
    assert batch.targets.tolist() == [[8, 2, IGNORED], [8, 9, 2]]
    assert batch.counted == 5
    assert {a.dtype for a in batch} == {np.dtype(np.int64)}


numbers = st.integers(0, 2**64 - 1 - POOL)


@given(st.integers(1, 40), numbers, numbers)
def test_the_pairs_of_a_step_are_a_function_of_seed_and_step(rows, seed: int, step: int) -> None:
    lengths = np.random.default_rng(0).integers(1, 50, 10**6)
    picked = pair_numbers(lengths, step, seed, rows)
    assert picked.shape == (rows,) and picked.min() >= 0 and picked.max() < 10**6
    assert (picked == pair_numbers(lengths, step, seed, rows)).all()
    assert (picked != pair_numbers(lengths, step + POOL, seed, rows)).any()
    assert (picked != pair_numbers(lengths, step, seed ^ 1, rows)).any()


@given(numbers)
def test_a_pool_is_read_once_in_batches_of_one_length(seed: int) -> None:
    lengths = np.random.default_rng(0).integers(1, 50, 10**6)
    batches = [lengths[pair_numbers(lengths, step, seed, 64)] for step in range(3 * POOL)]
    pools = [np.stack(batches[i : i + POOL]) for i in range(0, 3 * POOL, POOL)]
    for pool in pools:
        ends = sorted((batch.min(), batch.max()) for batch in pool)
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(ends))
        assert np.mean([b - a for a, b in ends]) < 50 / POOL + 2
    orders = {tuple(np.argsort([batch.mean() for batch in pool])) for pool in pools}
    assert len(orders) > 1  # 1 of 40,320, twice over, is the chance that this fails


def test_the_mean_of_targets() -> None:
    found = PairTokens(np.array([5, 1, 6, 2, 5, 1, 6, 7, 8, 2]), Marks(1, 2))
    assert found.mean_targets == 3.0


@given(st.lists(st.text("aé", max_size=4), min_size=2, max_size=6), st.integers(0, 40))
def test_a_line_boundary(tmp_path_factory, texts: list[str], position: int) -> None:
    text = "a" + "\n".join(texts) + "a"
    path = tmp_path_factory.mktemp("lines") / "a.txt"
    path.write_text(text, encoding="utf-8", newline="")
    data, corpus = text.encode(), open_corpus(path)
    starts = [0] + [i + 1 for i, byte in enumerate(data) if byte == 10] + [len(data)]
    expected = next(start for start in starts if start >= min(position, len(data)))
    assert line_boundary(corpus, position) == expected


def test_prepared_pairs_are_cut_between_lines(tmp_path, tokenizer) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("ab\tc\n" * 7 + "a\tb b\n" * 3)
    encoder = PairEncoder(tokenizer)
    corpus = open_corpus(path)
    split = split_corpus(corpus, 0.35, boundary=line_boundary)
    dataset = prepare(corpus, encoder, tmp_path, split=split)
    parts = [PairTokens(s.tokens, encoder.marks) for s in (dataset.train, dataset.val)]
    assert [len(part) for part in parts] == [7, 3]
    assert tokenizer.decode(dataset.val.tokens.tolist()) == "a\tb b\n" * 3
