"""The share of a text that is in copies of paragraphs, against counting them all."""

from __future__ import annotations

import random
import tracemalloc
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.data import repetition
from weft.data.repetition import Repetition


def share(text: str, piece: int = 1 << 18) -> float:
    counted = Repetition()
    for start in range(0, len(text), piece):
        counted.add(text[start : start + piece])
    return counted.share


def expected(text: str) -> float:
    counts = Counter(part for part in text.split("\n\n") if part.strip())
    size = {part: len(part.encode()) for part in counts}
    total = sum(size[part] * n for part, n in counts.items())
    return sum(size[part] * (n - 1) for part, n in counts.items()) / total if total else 0.0


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a", "bb\nb", "é" * 9, " ", ""])), st.integers(1, 7))
def test_counts_what_counting_all_paragraphs_counts(parts: list[str], piece: int) -> None:
    text = "\n\n".join(parts)
    assert share(text, piece) == pytest.approx(expected(text), abs=1e-12)


def test_long_paragraphs_count_line_by_line() -> None:
    names = [f"name {i}" for i in range(500)]
    assert share("\n".join(names)) == 0
    assert share("\n".join(names + names)) == pytest.approx(0.5, abs=0.001)
    assert share("\n".join(names + names), 100) == pytest.approx(0.5, abs=0.001)


def test_a_text_without_line_ends_is_bounded_in_time_and_memory() -> None:
    counted = Repetition()
    tracemalloc.start()
    for _ in range(100):
        counted.add("x" * 50_000)
    assert counted.share < 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_an_estimate_from_few_hashes_is_close(monkeypatch) -> None:
    """With n units kept the share p has a deviation of about sqrt(p (1 - p) / n); room for 4."""
    monkeypatch.setattr(repetition, "KEPT", 1000)
    draw = random.Random(1)
    parts = [f"paragraph {i}" for i in range(20_000)] + [f"paragraph {i}" for i in range(10_000)]
    draw.shuffle(parts)
    counted = Repetition()
    counted.add("\n\n".join(parts))
    assert len(counted.counts) <= 1000
    assert counted.share == pytest.approx(1 / 3, abs=4 * (2 / 9 / 500) ** 0.5)
