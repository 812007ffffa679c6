"""The documentation of this Python as a corpus: large, sorted, clean, the same each time."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from weft.data import open_corpus, pydocs


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def text(home: Path, monkeypatch) -> str:
    monkeypatch.setenv("WEFT_HOME", str(home))
    return "".join(open_corpus("pydocs").chunks())


def test_large_and_clean(text: str) -> None:
    assert len(text) > 2_000_000
    assert sys.prefix not in text if len(sys.prefix) > 5 else True
    assert str(Path.home()) + "/" not in text
    assert not re.search(r"[\t\r\x00-\x09\x0b-\x1f]| \n", text)
    titles = re.findall(r"^module (.+)\n=+\n", text, re.M)
    assert len(titles) > 300 and {"json", "email.message"} <= set(titles)
    assert "topic FORMATTING" in text or "topic assert" in text


def test_made_once_and_kept(text: str, home: Path, monkeypatch) -> None:
    def never() -> list[str]:
        raise AssertionError("made again")

    monkeypatch.setattr(pydocs, "texts", never)
    monkeypatch.setenv("WEFT_HOME", str(home))
    assert "".join(open_corpus("pydocs").chunks()) == text


def test_documents_of_a_small_library(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "test").mkdir()
    (tmp_path / "test/t.py").write_text(
        '"""A long docstring of a test, which is no documentation."""'
    )
    (tmp_path / "broken.py").write_text("def (")
    (tmp_path / "b/__init__.py").write_text('"""What b is for, in enough words to be kept."""')
    (tmp_path / "a.py").write_text(
        'class C(dict):\n    """A class, described\n\n      in two lines, indented.\n    """\n'
        '    def f(self, x=1):\n        """Short."""\n'
        "    def g(self, *, y: int = 2) -> int:\n"
        '        """What g does with y: it adds it to the sum."""\n'
        '    def _h(self):\n        """Private, and therefore not part of the text."""\n'
    )
    assert list(pydocs.texts(tmp_path)) == [
        "class a.C(dict)\n===============\n\nA class, described\n\nin two lines, indented.\n\n",
        "a.C.g(self, *, y: int=2)\n========================\n\n"
        "What g does with y: it adds it to the sum.\n\n",
        "module b\n========\n\nWhat b is for, in enough words to be kept.\n\n",
    ]


def test_a_home_that_cannot_be_written(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("WEFT_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(pydocs, "texts", lambda: ["some text\n\n", "more\n\n"])
    corpus = open_corpus("pydocs")
    assert "".join(corpus.chunks()) == "some text\n\nmore\n\n"
