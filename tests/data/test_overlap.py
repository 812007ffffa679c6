"""The share of 20-word runs of one text that occur in another, against sets of them."""

from __future__ import annotations

import random
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.data import overlap
from weft.data.overlap import RUN

module = sys.modules["weft.data.overlap"]


def runs(texts: list[str]) -> list[tuple[str, ...]]:
    """The definition, for ASCII: a word is a run of letters and digits, or any other sign."""
    found = []
    for text in texts:
        words = re.findall(r"[\w']+|[^\w\s]", text, re.ASCII)
        if 0 < len(words) < RUN:
            found.append(tuple(words))
        found += [tuple(words[i : i + RUN]) for i in range(len(words) - RUN + 1)]
    return found


def expected(validation: list[str], training: list[str]) -> float | None:
    seen, wanted = set(runs(training)), runs(validation)
    return sum(run in seen for run in wanted) / len(wanted) if wanted else None


def pieces(texts: list[str], size: int) -> list[list[str]]:
    return [[text[i : i + size] for i in range(0, len(text), size)] for text in texts]


WORDS = st.lists(st.sampled_from(["a", "b'c", "d1", ".", "; ", "\n"]), max_size=60).map(" ".join)


@given(st.lists(WORDS, max_size=3), st.lists(WORDS, max_size=3), st.integers(1, 50), st.booleans())
def test_equals_the_definition(validation, training, size, shared) -> None:
    training = training + validation[:1] if shared else training
    before = module.BLOCK
    module.BLOCK = size  # cut everywhere
    try:
        found = overlap(pieces(validation, size), pieces(training, size))
    finally:
        module.BLOCK = before
    assert found == pytest.approx(expected(validation, training))


def text(count: int, seed: int) -> str:
    draw = random.Random(seed)
    return " ".join(f"w{draw.randrange(10_000)}" for _ in range(count))


def test_a_known_share() -> None:
    train = text(20_000, 1)
    val = text(900, 2) + " " + " ".join(train.split()[500:600])
    assert overlap([[val]], [[train]]) == pytest.approx(81 / 981)
    assert overlap([[val]], [[train.replace(" ", "\n")]]) == pytest.approx(81 / 981)
    assert overlap([[train]], [[train]]) == 1
    assert overlap([[val]], []) == 0
    assert overlap([], [[train]]) is None and overlap([[" \n"]], [[train]]) is None


def test_scripts_without_spaces() -> None:
    draw = random.Random(1)
    train = "".join(chr(0x4E00 + draw.randrange(3000)) for _ in range(5000))
    other = "".join(chr(0x4E00 + draw.randrange(3000)) for _ in range(981))
    assert overlap([[other + train[900:1000]]], [[train]]) == pytest.approx(81 / 1062)


def test_a_large_text_is_sampled(monkeypatch) -> None:
    """Of n runs that are kept, the share p has a deviation of about sqrt(p (1 - p) / n), and
    neighbours go together, RUN at most: room for 4."""
    train, fresh = text(200_000, 1), text(100_000, 2)
    words = train.split()
    copied = " ".join(" ".join(words[i : i + 100]) for i in range(0, 100_000, 200))
    val = copied + " " + fresh
    exact = overlap([[val]], [[train]])
    monkeypatch.setattr(module, "KEPT", 4000)
    assert overlap([[val]], [[train]]) == pytest.approx(exact, abs=4 * (0.24 / 2000) ** 0.5)


@pytest.mark.parametrize("word", ["x", "x ", "é", "漢"])
def test_one_word_again_and_again_is_bounded(monkeypatch, word: str) -> None:
    monkeypatch.setattr(module, "KEPT", 1000)
    chunks = [word * 100_000] * 20
    assert overlap([chunks], [chunks]) in (None, 1.0)
