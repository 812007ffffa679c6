"""Facts of a text: exact where all of it is read, close where pieces are, the right kind."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weft.data import open_corpus, statistics
from weft.errors import DataError

ROOT = Path(__file__).parents[2]


def put(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def of(folder: Path, text: str):
    return statistics(open_corpus(put(folder / "text.txt", text)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_counts_are_exact(tmp_path: Path, text: str) -> None:
    text = "xy" + text
    found = of(tmp_path, text)
    size = len(text.encode())
    assert (found.bytes, found.seen, found.characters) == (size, size, len(text))
    assert found.distinct_characters == len(set(text))
    assert found.bytes_per_character == size / len(text)
    assert sum(found.scripts.values()) == pytest.approx(1)


def test_scripts_are_shares_of_the_letters(tmp_path: Path) -> None:
    found = of(tmp_path, "abc 123, αβ\n\nжий 漢字 かな 한글 ა")
    assert found.scripts == pytest.approx(
        {"Latin": 3 / 15, "Cyrillic": 3 / 15, "Greek": 2 / 15, "Han": 2 / 15, "Kana": 2 / 15,
         "Hangul": 2 / 15, "other": 1 / 15}
    )  # fmt: skip
    assert list(of(tmp_path, "aaa жж").scripts) == ["Latin", "Cyrillic"]
    assert of(tmp_path, "1 2 3").scripts == {}


NAMES = "".join(f"{name}\n" for name in ["emma", "olivia", "ava", "isabella", "sophia"] * 9)
PROSE = "It was late, and the lamp had gone out; he did not see who came in.\nThe end was near.\n"
SPOKEN = "ANNA:\nWho is there?\n\nBERT:\nNobody that you know.\n\n"
TALE = "“Who is there?” she asked, and waited a long time.\n\nNobody spoke.\n\n"


@pytest.mark.parametrize(
    ("kind", "text"),
    [("records", NAMES), ("prose", PROSE * 9), ("dialogue", SPOKEN * 9), ("dialogue", TALE * 9)],
)
def test_kinds(tmp_path: Path, kind: str, text: str) -> None:
    assert of(tmp_path, text).kind == kind


def test_kinds_of_real_texts(shakespeare: Path) -> None:
    assert statistics(open_corpus(ROOT / "src/weft/nn")).kind == "code"
    found = statistics(open_corpus(shakespeare))
    assert (found.kind, found.distinct_characters) == ("dialogue", 65)
    assert found.scripts == {"Latin": 1.0} and found.repetition < 0.01
    assert 2.5 < found.zlib_bits < 3.5


def test_no_script_costs_zlib_more(tmp_path: Path) -> None:
    moved = "".join(chr(0x400 + ord(c)) for c in PROSE)
    latin, cyrillic = of(tmp_path, PROSE), of(tmp_path, moved)
    assert cyrillic.bytes_per_character == 2 * latin.bytes_per_character
    assert cyrillic.zlib_bits == latin.zlib_bits > 0


@pytest.mark.parametrize("packed", [False, True])
def test_a_large_text_is_sampled(tmp_path: Path, monkeypatch, packed: bool) -> None:
    module = sys.modules["weft.data.statistics"]
    text = "".join(f"{i}: a lïne of text\n" for i in range(60_000))
    whole = of(tmp_path, text)
    assert whole.bytes_per_character == len(text.encode()) / len(text)
    monkeypatch.setattr(module, "WHOLE", 1 << 19)
    monkeypatch.setattr(module, "PIECES", 4)
    monkeypatch.setattr(module, "PIECE_BYTES", 1 << 16)
    path = put(tmp_path / "a.gz", gzip.compress(text.encode())) if packed else tmp_path / "text.txt"
    found = statistics(open_corpus(path))
    assert found.seen <= 1 << 19 < found.bytes == whole.bytes
    assert found.characters == pytest.approx(whole.characters, rel=0.01)


def test_short_documents_make_an_excerpt_too(tmp_path: Path, monkeypatch) -> None:
    module = sys.modules["weft.data.statistics"]
    monkeypatch.setattr(module, "EXCERPT", 100)
    for i in range(300):
        put(tmp_path / f"{i}.txt", f"the name {i}")
    found = statistics(open_corpus(tmp_path))
    assert found.documents == 300
    assert found.characters_per_line == pytest.approx(11.5, abs=0.5)


def test_a_fault_in_the_text_is_an_error(tmp_path: Path) -> None:
    corpus = open_corpus(put(tmp_path / "text.txt", b"fine" * 100_000 + b"\xff"))
    with pytest.raises(DataError, match="not UTF-8"):
        statistics(corpus)
