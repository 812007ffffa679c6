"""A lesson on a terminal: text laid out, code in colour, each cell run before the next appears."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from weft.lessons.script import Cell, Lesson, namespace, run_cell

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 88  # columns of text at most: longer lines are hard to read
WIDTH_OF_CODE = 104  # lines of 100 and the margin; where there are fewer columns, lines are wrapped
DETAILS = re.compile(r"</?details>|<summary>.*?</summary>")


def show(
    lesson: Lesson,
    console: Console,
    quiet: bool = False,
    answers: bool = False,
    pause: bool = False,
) -> None:
    """Run the lesson cell by cell. `quiet`: only what the code prints. `pause`: wait for Enter
    before each further text. Answers stay hidden unless `answers`."""
    names = namespace()
    for index, cell in enumerate(lesson.cells):
        if pause and index and cell.is_text and not cell.is_answer:
            try:
                console.input("[dim]Enter for more, Ctrl-C to leave[/] ")
            except EOFError:  # Ctrl-D
                return
        if not quiet and (answers or not cell.is_answer):
            show_cell(cell, console)
        if not cell.is_text:
            run_cell(lesson, cell, names)
            if not quiet:
                console.print()
    if not quiet:
        number = lesson.number
        console.print(f"Solve it in a notebook: weft lessons {number} --notebook", style="dim")
        console.print(f"See the answer:         weft lessons {number} --answers", style="dim")


def show_answers(lesson: Lesson, console: Console) -> None:
    """The exercise and its answer, without running anything."""
    for cell in lesson.cells:
        if "exercise" in cell.tags or cell.is_answer:
            show_cell(cell, console)


def show_cell(cell: Cell, console: Console) -> None:
    from rich.markdown import Markdown
    from rich.padding import Padding
    from rich.syntax import Syntax

    if cell.is_text:
        text = Markdown(DETAILS.sub("", cell.source), code_theme="ansi_dark")
        console.print(text, width=min(console.width, WIDTH))
        console.print()
        return
    code = Syntax(
        cell.source, "python", theme="ansi_dark", background_color="default", word_wrap=True
    )
    console.print(Padding(code, (0, 0, 0, 4)))
    console.print()


def console(colour: bool) -> Console:
    """A console on stdout, at most WIDTH_OF_CODE columns wide."""
    from rich.console import Console

    colours = "auto" if colour else None
    wide = Console(color_system=colours, highlight=False)  # type: ignore[arg-type]
    if wide.width > WIDTH_OF_CODE:
        wide.width = WIDTH_OF_CODE
    return wide
