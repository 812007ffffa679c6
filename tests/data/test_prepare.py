"""From a text to train and validation shards: the cut, the stream, the checks."""

from __future__ import annotations

import resource
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weft.data import (
    Dataset,
    TokenShard,
    check_long_enough,
    is_dataset,
    open_corpus,
    open_dataset,
    prepare,
    write_shard,
)
from weft.errors import DataError


def text_of(shard: TokenShard, spread: int = 1) -> str:
    return bytes((np.asarray(shard.tokens) // spread).tolist()).decode()


def corpus_of(folder: Path, text: str):
    path = folder / "text.txt"
    path.write_bytes(text.encode())
    return open_corpus(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(min_size=2, max_size=80), st.floats(0.01, 0.99))
def test_the_two_splits_are_the_text(tmp_path: Path, table, text: str, fraction: float) -> None:
    dataset = prepare(corpus_of(tmp_path, "x" + text), table, tmp_path / "data", fraction)
    assert text_of(dataset.train) + text_of(dataset.val) == "x" + text
    size = len(("x" + text).encode())
    assert 0 <= len(dataset.train) - int(size * (1 - fraction)) <= 3


def test_wide_vocabulary_uses_uint32(tmp_path: Path, wide_table) -> None:
    dataset = prepare(corpus_of(tmp_path, "hello world"), wide_table, tmp_path / "data")
    assert dataset.train.tokens.dtype == np.uint32
    assert text_of(dataset.train, 300) + text_of(dataset.val, 300) == "hello world"


def test_reopened_and_reported(tmp_path: Path, table) -> None:
    seen: list[tuple[int, int]] = []
    corpus = corpus_of(tmp_path, "abcd" * 200_000)
    made = prepare(corpus, table, tmp_path / "data", progress=lambda *at: seen.append(at))
    again = Dataset.open(tmp_path / "data")
    assert again.train.tokens.tolist() == made.train.tokens.tolist()
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (800_000, 800_000)
    assert sorted(p.name for p in (tmp_path / "data").iterdir()) == ["train.bin", "val.bin"]


def test_shards_as_data(tmp_path: Path, table, wide_table) -> None:
    write_shard(tmp_path / "one.bin", [np.arange(100)], table.vocab_size, table.hash)
    assert is_dataset(tmp_path / "one.bin") and not is_dataset(tmp_path)
    dataset = open_dataset(tmp_path / "one.bin", table)
    assert dataset.train.tokens.tolist() == list(range(90))
    assert dataset.val.tokens.tolist() == list(range(90, 100))
    prepare(corpus_of(tmp_path, "hello world"), table, tmp_path / "data")
    assert is_dataset(tmp_path / "data")
    assert text_of(open_dataset(tmp_path / "data", table).train) == "hello wor"
    with pytest.raises(DataError, match="another tokenizer"):
        open_dataset(tmp_path / "data", wide_table)


def test_splits_of_two_tokenizers_are_refused(tmp_path: Path, table, wide_table) -> None:
    prepare(corpus_of(tmp_path, "hello world"), table, tmp_path / "a")
    prepare(corpus_of(tmp_path, "hello world"), wide_table, tmp_path / "b")
    (tmp_path / "b/val.bin").replace(tmp_path / "a/val.bin")
    with pytest.raises(DataError, match="different tokenizers"):
        Dataset.open(tmp_path / "a")


@pytest.mark.parametrize(
    ("length", "block", "words"),
    [
        (100, 10, ["validation", "has 10 tokens", "needs 11", "at most 9 fits"]),
        (100, 90, ["training", "has 90 tokens", "needs 91", "at most 9 fits"]),
        (4, 8, ["has 3 tokens", "needs 9", "no block size fits"]),
    ],
)
def test_too_short(tmp_path: Path, table, length: int, block: int, words: list[str]) -> None:
    dataset = prepare(corpus_of(tmp_path, "a" * length), table, tmp_path / "data")
    with pytest.raises(DataError) as caught:
        check_long_enough(dataset, block)
    for word in words:
        assert word in str(caught.value)


def test_long_enough(tmp_path: Path, table) -> None:
    check_long_enough(prepare(corpus_of(tmp_path, "a" * 100), table, tmp_path / "data"), 9)


def test_bad_text_leaves_no_shards(tmp_path: Path, table) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(b"a" * 300_000 + b"\xff" + b"a" * 300_000)
    with pytest.raises(DataError, match="offset 300000"):
        prepare(open_corpus(path), table, tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []


def test_memory_does_not_grow_with_the_text(tmp_path: Path, table) -> None:
    corpus = corpus_of(tmp_path, "0123456789abcde\n" * (1 << 19))  # 8 MiB
    tracemalloc.start()
    try:
        prepare(corpus, table, tmp_path / "data")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6 << 20, peak  # pieces of 256 KiB, four bytes a token, a few at once


CAPPED = """
import resource, sys
sys.path[:0] = [sys.argv[1], sys.argv[2]]
from conftest import ByteTable
from weft.data import open_corpus, prepare, batch
def limit(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = limit()
corpus = open_corpus(sys.argv[3])
dataset = prepare(corpus, ByteTable(), sys.argv[4])
for step in range(20): batch(dataset.train.tokens, step, 0, 8, 128)
assert len(dataset.train) + len(dataset.val) == corpus.size
print(limit() - before)
"""


@pytest.mark.slow
def test_a_text_larger_than_the_memory_it_may_use(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    with open(path, "wb") as file:
        for _ in range(64):
            file.write(b"0123456789abcde\n" * (1 << 16))  # 1 MiB
    here = Path(__file__).parent
    arguments = [str(here.parents[1] / "src"), str(here), str(path), str(tmp_path / "data")]
    run = subprocess.run(
        [sys.executable, "-c", CAPPED, *arguments], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    kibibytes = int(run.stdout) // (1 if sys.platform != "darwin" else 1024)
    assert kibibytes < 24 << 10, kibibytes  # 64 MiB of text, 128 MiB of tokens
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss > 0
