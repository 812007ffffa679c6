"""A lesson has its text, or another one and says so."""

import pytest

from weft.data import shakespeare
from weft.data.stories import corpus as stories
from weft.errors import DataError
from weft.lessons import text_of


def test_a_file(tmp_path):
    (tmp_path / "a.txt").write_text("Once upon a time. " * 20)
    assert text_of(tmp_path / "a.txt", 17) == "Once upon a time."
    with pytest.raises(DataError):
        text_of(tmp_path / "b.txt")


def test_without_shakespeare_and_network_there_are_stories(monkeypatch, tmp_path, capsys):
    def no_network(url, timeout=0):
        raise DataError("no network; here; none")

    monkeypatch.setattr(shakespeare, "fetch", no_network)
    monkeypatch.setattr(stories, "default_corpus", lambda: ["Once a fox sat down.\n"] * 9_000)
    monkeypatch.setenv("WEFT_HOME", str(tmp_path))
    monkeypatch.delenv("WEFT_DATA", raising=False)
    text = text_of("shakespeare", 100_000)
    assert 99_990 <= len(text.encode()) <= 100_000 and text.startswith("Once a fox")
    assert "reading our own stories" in capsys.readouterr().out
