"""Copies and near copies of documents: what is found, against the Jaccard similarity itself."""

from __future__ import annotations

import contextlib
import json
import random
from pathlib import Path

import numpy as np
import pytest

from weft.data import near, open_corpus, take_census
from weft.data.near import SHINGLE, SHORTEST, Sketcher, near_copies


def words(draw: random.Random, count: int) -> list[str]:
    return ["".join(draw.choices("abcdefghijklmnop", k=draw.randrange(2, 9))) for _ in range(count)]


def altered(draw: random.Random, text: list[str], share: float) -> list[str]:
    return [words(draw, 1)[0] if draw.random() < share else word for word in text]


def jaccard(one: str, other: str) -> float:
    sets = [
        {text.encode()[i : i + SHINGLE] for i in range(len(text.encode()) - SHINGLE + 1)}
        for text in (one, other)
    ]
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def found(texts: list[str], batch: int | None = None) -> np.ndarray:
    with contextlib.closing(Sketcher()) as sketcher:
        for text in texts:
            for start in range(0, len(text), batch or 1 << 16):
                sketcher.add(text[start : start + (batch or 1 << 16)].encode())
            sketcher.end()
        return near_copies(sketcher.sketches(), np.zeros(len(texts), np.bool_))


def pairs(count: int) -> tuple[list[str], list[float]]:
    """Documents and, behind each, one that is altered a little; and how alike the two are."""
    draw = random.Random(5)
    texts, likeness = [], []
    for i in range(count):
        original = words(draw, draw.randrange(150, 400))
        changed = altered(draw, original, 0.15 * i / count)
        texts += [" ".join(original), " ".join(changed)]
        likeness.append(jaccard(*texts[-2:]))
    return texts, likeness


def test_precision_and_recall_at_the_threshold() -> None:
    """A sketch of 128 values is off by sqrt(0.8 * 0.2 / 128) = 0.035: beyond 2 of these there are
    5 wrong in 100 pairs at most. The hashes are the same everywhere, so docs/corpora.md has the
    figures of these pairs.
    """
    texts, likeness = pairs(300)
    near_ones = found(texts)
    assert not near_ones[0::2].any()  # no original is like an earlier text
    close = [near_ones[2 * i + 1] for i, s in enumerate(likeness) if s >= 0.8 + 0.07]
    apart = [near_ones[2 * i + 1] for i, s in enumerate(likeness) if s < 0.8 - 0.07]
    assert (len(close), len(apart)) == (80, 134)
    assert all(close) and not any(apart)


def test_blocks_and_batches_change_nothing(monkeypatch) -> None:
    texts, _ = pairs(20)
    texts[7:7] = ["short", "", "x" * (SHORTEST - 1)]
    expected = found(texts).tolist()
    for size in (1, 7, 300, 5000):
        monkeypatch.setattr(near, "BATCH", size * near.VALUES)
        assert found(texts, size).tolist() == expected


def test_short_documents_and_copies_are_not_near(tmp_path: Path) -> None:
    long = "a" + " ".join(words(random.Random(7), 100))
    other = "b" + " ".join(words(random.Random(1), 100))
    texts = ["same", "same", long, long, long + "And a little more.", other, "sama"]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps({"t": text}) for text in texts))
    census = take_census(open_corpus(path, field="t"), near=True)
    assert census.copies.tolist() == [False, True, False, True, False, False, False]
    assert census.near is not None
    assert census.near.tolist() == [False, False, False, False, True, False, False]
    assert take_census(open_corpus(path, field="t")).near is None


def test_many_documents_of_one_band(monkeypatch) -> None:
    """All that begin with the same licence are compared with their neighbours, not all with all."""
    draw = random.Random(2)
    licence = " ".join(words(draw, 150))
    texts = [licence + " ".join(words(draw, 150)) for _ in range(300)]
    assert found(texts).sum() == 0
    assert found([*texts, texts[40] + " more"]).tolist() == [False] * 300 + [True]


def test_a_full_disk(monkeypatch) -> None:
    from weft.errors import DataError

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(near.tempfile, "TemporaryFile", full)
    with pytest.raises(DataError, match="TMPDIR"):
        Sketcher()
