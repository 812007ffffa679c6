"""What a terminal shows of a lesson: all of it, whatever its width."""

import io

import pytest
from rich.console import Console

from weft.lessons.script import Cell
from weft.lessons.terminal import WIDTH, show_cell


def shown(cell, width):
    console = Console(file=io.StringIO(), width=width)
    show_cell(cell, console)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [60, 104, 200])
def test_long_lines_of_code_are_wrapped_and_not_cut_off(width):
    code = Cell(False, "total = " + "number + " * 9 + "the_last", (), 1)
    assert "the_last" in shown(code, width)


def test_text_is_laid_out_in_lines_that_can_be_read():
    text = Cell(True, "many short words " * 40, (), 1)
    assert max(map(len, shown(text, 104).splitlines())) <= WIDTH
    assert max(map(len, shown(text, 50).splitlines())) <= 50
