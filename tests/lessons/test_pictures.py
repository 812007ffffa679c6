"""Where a lesson's pictures go."""

import sys

import pytest

from weft.lessons import draw, pictures


def line(axes):
    axes.plot([1, 3, 2])


def test_a_picture_is_a_file_and_a_line_about_it(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib", reason="matplotlib, which draws, is not installed")
    monkeypatch.setenv("WEFT_PICTURES", str(tmp_path / "new"))
    draw(line)
    path = tmp_path / "new" / "line.png"
    assert path.read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr() == ("", f"(picture: {path})\n")
    with pictures.taking() as taken:
        draw(line)
    assert taken == [path.read_bytes()]


def test_without_matplotlib_the_lesson_says_so_once_and_goes_on(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setattr(pictures, "_noted", set())
    draw(line)
    draw(line)
    assert capsys.readouterr() == ("", pictures.MISSING + "\n")
