"""Reading a lesson page by page."""

import builtins

import pytest
from test_script import TEXT

from weft.lessons import terminal
from weft.lessons.script import read

TEXT = TEXT.replace("# %% tags", "# %% [markdown]\n# ## More\n\n# %% tags", 1)


@pytest.fixture
def lesson(tmp_path):
    (tmp_path / "l07_two.py").write_text(TEXT)
    return read(tmp_path / "l07_two.py")


def test_enter_brings_the_next_text(lesson, monkeypatch, capsys):
    shown = []

    def enter(*prompt):
        shown.append(capsys.readouterr().out)
        return ""

    monkeypatch.setattr(builtins, "input", enter)
    terminal.show(lesson, terminal.console(False), pause=True)
    assert len(shown) == 1 and "Two lines" in shown[0] and "\n2\n" in shown[0]
    rest = capsys.readouterr().out
    assert "More" not in shown[0] and "More" in rest and "y = x" in rest


def test_the_end_of_input_ends_the_lesson(lesson, monkeypatch, capsys):
    def end(*prompt):
        raise EOFError

    monkeypatch.setattr(builtins, "input", end)
    terminal.show(lesson, terminal.console(False), pause=True)
    assert "More" not in capsys.readouterr().out
