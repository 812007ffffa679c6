"""Documents kept apart: the token between them, and which of them are for validation."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weft.data import open_corpus, prepare, separated, split_corpus, spread, take_census
from weft.tokenizers import END_OF_TEXT, BPETokenizer, CharacterTokenizer

fresh = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30
)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9)


def folder_of(folder: Path, texts: list[str]):
    folder.mkdir(parents=True, exist_ok=True)
    for i, text in enumerate(texts):
        (folder / f"{i:04d}.txt").write_bytes(text.encode())
    return open_corpus(folder)


def rows_of(folder: Path, texts: list[str]):
    path = folder / "rows.jsonl"
    path.write_text("\n".join(json.dumps({"t": text}) for text in texts), encoding="utf-8")
    return open_corpus(path, field="t")


def read(passages) -> list[str]:
    return ["".join(passage.chunks) for passage in passages]


@fresh
@given(st.lists(WORDS, min_size=2, max_size=5), st.integers(0, 60))
def test_a_range_of_documents_is_what_it_holds_of_each(tmp_path_factory, texts, place) -> None:
    """From files and from rows alike; the two sides of any place are the whole."""
    texts = ["x" + text for text in texts]
    folder = tmp_path_factory.mktemp("documents")
    sizes = [len(text.encode()) for text in texts]
    for corpus in (folder_of(folder / "files", texts), rows_of(folder, texts)):
        assert corpus.count == len(texts)
        assert read(corpus.documents()) == texts
        whole = [*corpus.documents()]
        assert [passage.number for passage in whole] == [*range(len(texts))]
        assert [passage.size for passage in whole] == sizes
        assert all(passage.ends for passage in whole)
        census = take_census(corpus)
        assert census.sizes.tolist() == sizes
        assert census.firsts.tolist() == [passage.first for passage in whole]
        joined = [""] * len(texts)
        for part in (corpus.documents(0, place), corpus.documents(place)):
            for passage in part:
                text = "".join(passage.chunks)
                assert len(text.encode()) == passage.size
                joined[passage.number] += text
                assert passage.ends == (joined[passage.number] == texts[passage.number])
        assert joined == texts


def test_long_documents_come_in_pieces(tmp_path: Path) -> None:
    texts = ["é and more\n" * 60_000, "short"]
    for corpus in (folder_of(tmp_path / "files", texts), rows_of(tmp_path, texts)):
        seen: list[int] = []
        chunks = [
            chunk for passage in corpus.documents(progress=seen.append) for chunk in passage.chunks
        ]
        assert "".join(chunks) == "".join(texts) and max(map(len, chunks)) <= 1 << 18
        assert seen == sorted(seen) and seen[-1] == sum(len(text.encode()) for text in texts)


@pytest.mark.parametrize("small", [0, 1 << 16])
@pytest.mark.parametrize("kind", ["char", "bpe"])
def test_the_end_of_a_document_is_a_token(tmp_path: Path, monkeypatch, kind: str, small) -> None:
    """Also of the last; a text that spells the token stays text; no word spans two documents."""

    monkeypatch.setattr(sys.modules["weft.data.prepare"], "SMALL", small)
    texts = ["one two", f"{END_OF_TEXT} is text", "three" * 30]
    corpus = folder_of(tmp_path / "files", texts)
    tokenizer = (
        CharacterTokenizer.train(corpus.chunks(), special_tokens=(END_OF_TEXT,))
        if kind == "char"
        else BPETokenizer.train(separated(corpus.documents()), 270)
    )
    data = prepare(corpus, tokenizer, tmp_path / "data", 0.3)
    ids = [*data.train.tokens.tolist(), *data.val.tokens.tolist()]
    cut = corpus.boundary(int(corpus.size * 0.7))
    parts = [read(corpus.documents(0, cut)), read(corpus.documents(cut))]
    end = tokenizer.end_of_text
    expected = [*parts[0][:-1], *parts[0][-1:], *parts[1]]
    wanted: list[int] = []
    for i, part in enumerate(expected):
        wanted += tokenizer.encode(part)
        if i != len(parts[0]) - 1:  # the document that is cut does not end there
            wanted.append(end)
    assert ids == wanted and ids.count(end) == 3


def test_without_such_a_token_a_blank_line_stands_between(tmp_path: Path, table) -> None:
    corpus = folder_of(tmp_path / "files", ["one", "two", "a last text"])
    data = prepare(corpus, table, tmp_path / "data", 0.3)
    assert bytes(data.train.tokens.tolist()) == b"one\n\ntwo\n\na la"
    assert bytes(data.val.tokens.tolist()) == b"st text"


def many(count: int) -> list[str]:
    draw = random.Random(3)
    return [f"{i}: " + "word " * draw.randrange(5, 25) for i in range(count)]


def test_many_documents_are_split_whole_whatever_their_order(tmp_path: Path, table) -> None:
    texts = many(400)
    chosen = []
    for name, order in (("a", texts), ("b", sorted(texts, reverse=True))):
        corpus = folder_of(tmp_path / name, order)
        split = split_corpus(corpus, 0.1, take_census(corpus))
        train, val = read(split.training(corpus)), read(split.validating(corpus))
        assert sorted(train + val) == sorted(texts) and not set(train) & set(val)
        wanted = 0.1 * sum(map(len, texts))
        assert wanted <= sum(map(len, val)) <= wanted + 150
        assert [*filter(set(val).__contains__, order)] == val  # in their order
        chosen.append(sorted(val))
    assert chosen[0] == chosen[1]
    smallest = min(texts, key=lambda text: int.from_bytes(
        hashlib.blake2b(text.encode(), digest_size=8).digest(), "little"))  # fmt: skip
    assert smallest in chosen[0]
    data = prepare(corpus, table, tmp_path / "data", split=split)
    assert bytes(data.val.tokens.tolist()).decode() == "\n\n".join(val)


def test_copies_are_on_one_side(tmp_path: Path) -> None:
    texts = many(60) * 3
    corpus = rows_of(tmp_path, texts)
    split = split_corpus(corpus, 0.2, take_census(corpus))
    assert not set(read(split.training(corpus))) & set(read(split.validating(corpus)))


def test_few_documents_or_a_large_one_are_cut(tmp_path: Path) -> None:
    for name, texts in (
        ("few", many(50)),
        ("large", [*many(200), "x" * 5000]),
        ("same", ["12345678"] * 300),
    ):
        corpus = folder_of(tmp_path / name, texts)
        split = split_corpus(corpus, 0.1, take_census(corpus))
        train, val = read(split.training(corpus)), read(split.validating(corpus))
        assert "".join(train + val) == "".join(texts)
        assert sum(map(len, val)) == pytest.approx(0.1 * sum(map(len, texts)), rel=0.1)


@pytest.mark.parametrize("count", [20, 300])
def test_removed_documents_are_on_neither_side(tmp_path: Path, count: int) -> None:
    texts = many(count)
    corpus = folder_of(tmp_path, texts)
    removed = np.arange(count) % 2 == 1
    split = split_corpus(corpus, 0.1, take_census(corpus), removed)
    train, val = read(split.training(corpus)), read(split.validating(corpus))
    kept = [text for text, gone in zip(texts, removed, strict=True) if not gone]
    assert sorted("".join(train + val)) == sorted("".join(kept))
    assert 0.08 <= sum(map(len, val)) / sum(map(len, kept)) <= 0.17


def test_memory_does_not_grow_with_the_rows(tmp_path: Path, table) -> None:
    import tracemalloc

    path = tmp_path / "rows.jsonl"
    with path.open("w") as file:
        for i in range(40_000):
            file.write(json.dumps({"t": f"row {i} " + "text " * 20}) + "\n")
    corpus = open_corpus(path, field="t")
    tracemalloc.start()
    prepare(corpus, table, tmp_path / "data", split=split_corpus(corpus, 0.1, take_census(corpus)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < path.stat().st_size, peak


@pytest.mark.parametrize("kind", ["file", "files", "rows", "gzip"])
def test_pieces_are_spread_over_the_whole(tmp_path: Path, kind: str) -> None:
    texts = [f"{i}: " + "ä word " * 20 for i in range(20_000)]
    if kind in ("file", "gzip"):
        data = "".join(texts).encode()
        path = tmp_path / "a"
        path.write_bytes(gzip.compress(data, 1) if kind == "gzip" else data)
        corpus = open_corpus(path)
    else:
        corpus = rows_of(tmp_path, texts) if kind == "rows" else folder_of(tmp_path, texts[:500])
    wanted = corpus.size // 5
    passages = [(p.first, p.size, "".join(p.chunks)) for p in spread(corpus, wanted, 10)]
    assert all(len(text.encode()) == size for _, size, text in passages)
    assert sum(size for _, size, _ in passages) == pytest.approx(wanted, rel=0.6)
    for tenth in (0, 3, 6):
        low = tenth * corpus.size // 10
        assert any(low <= first < low + 0.4 * corpus.size for first, _, _ in passages)


def test_a_text_of_nothing_but_copies_is_cut(tmp_path):
    """They would all lie on one side: the other had nothing."""
    corpus = rows_of(tmp_path, ["the hen saw a fox"] * 400)
    split = split_corpus(corpus, 0.1, take_census(corpus))
    parts = ["".join(read(split.training(corpus))), "".join(read(split.validating(corpus)))]
    assert split.validation is None and 8 < len(parts[0]) / len(parts[1]) < 10
