"""A lesson as it lies in its file: cells of text and of code, and how to run them one by one.

The percent format (Spyder, VS Code, Jupytext): a line that begins with `# %%` begins a cell;
`[markdown]` makes it text, written as comments; `tags=["answer"]` tags it. What stands before the
first cell is the docstring: the title, and a line with the lesson's number and its seconds.
"""

from __future__ import annotations

import ast
import contextlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weft.errors import ConfigError

FOLDER = Path(__file__).parent
MARKER = re.compile(r"# %%(?: \[(?P<kind>markdown)\])?(?: tags=\[(?P<tags>[^\]]*)\])?")
ABOUT = re.compile(r"Lesson (?P<number>\d+), (?P<seconds>\d+) seconds? on two cores\.")
WORDS_A_MINUTE = 200  # of prose; Brysbaert (2019) finds 238 for English non-fiction
LINES_A_MINUTE = 25  # of code, read with care
FENCE = re.compile(r"^```python\n(.*?)^```", re.M | re.S)


@dataclass(frozen=True)
class Cell:
    """One cell: text as Markdown, or code; `line` is the first line of its source in the file."""

    is_text: bool
    source: str
    tags: tuple[str, ...]
    line: int

    @property
    def is_answer(self) -> bool:
        """The answer to the exercise: text with the code in a fence, hidden unless asked for."""
        return "answer" in self.tags


@dataclass(frozen=True)
class Lesson:
    """One lesson. `seconds` is what it runs on two cores; `minutes` what it takes to read."""

    number: int
    title: str
    seconds: int
    path: Path
    cells: tuple[Cell, ...]

    @property
    def minutes(self) -> int:
        words = lines = 0
        for cell in self.cells:
            if cell.is_text:
                words += 0 if cell.is_answer else len(cell.source.split())
            else:
                lines += sum(1 for line in cell.source.splitlines() if line.strip())
        return max(1, round(words / WORDS_A_MINUTE + lines / LINES_A_MINUTE))

    def answer(self) -> str:
        """The Python code of the exercise's answer."""
        texts = [cell.source for cell in self.cells if cell.is_answer]
        return "\n".join(code for text in texts for code in FENCE.findall(text))


def all_lessons() -> list[Lesson]:
    """Every lesson of the package, by number."""
    return [read(path) for path in sorted(FOLDER.glob("l[0-9][0-9]_*.py"))]


def find(number: int) -> Lesson:
    """The lesson with this number. Raises ConfigError where there is none."""
    lessons = {lesson.number: lesson for lesson in all_lessons()}
    if number not in lessons:
        known = ", ".join(map(str, lessons))
        raise ConfigError(f"no lesson {number}; weft lessons; choose one of {known}")
    return lessons[number]


def read(path: Path) -> Lesson:
    """The lesson in a file of ours. Raises ValueError where it is not in the format."""
    lines = path.read_text(encoding="utf-8").splitlines()
    starts = [i for i, line in enumerate(lines) if line.startswith("# %%")]
    title, _, rest = ast.literal_eval("\n".join(lines[: starts[0]])).partition("\n")
    about = ABOUT.search(rest)
    if about is None:
        raise ValueError(f"{path}: the docstring does not say the lesson's number and seconds")
    stops = [*starts[1:], len(lines)]
    cells = [_cell(path, lines, i, j) for i, j in zip(starts, stops, strict=True)]
    number, seconds = int(about["number"]), int(about["seconds"])
    return Lesson(number, title.rstrip("."), seconds, path, tuple(cells))


def _cell(path: Path, lines: list[str], start: int, stop: int) -> Cell:
    marker = MARKER.fullmatch(lines[start])
    if marker is None:
        raise ValueError(f"{path}:{start + 1}: {lines[start]!r} is no cell's beginning")
    body, is_text = lines[start + 1 : stop], marker["kind"] is not None
    if is_text:
        for number, line in enumerate(body, start + 2):
            if line and line != "#" and not line.startswith("# "):
                raise ValueError(f"{path}:{number}: {line!r} in a cell of text")
        body = [line[2:] for line in body]
    else:
        body = [line.removesuffix("  # fmt: skip") for line in body]  # for ruff, not for readers
    tags = tuple(re.findall(r'"([^"]*)"', marker["tags"] or ""))
    return Cell(is_text, "\n".join(body).strip("\n"), tags, start + 2)


def namespace() -> dict[str, Any]:
    """The names that a lesson starts with: it runs as a program does."""
    return {"__name__": "__main__"}


def run_cell(lesson: Lesson, cell: Cell, names: dict[str, Any]) -> None:
    """Run a cell of code; tracebacks and `inspect` find its lines in the lesson's file."""
    source = "\n" * (cell.line - 1) + cell.source
    exec(compile(source, str(lesson.path), "exec"), names)


def run(lesson: Lesson, names: dict[str, Any]) -> Iterator[tuple[Cell, str]]:
    """Run all cells in order; after each, the cell and what it printed."""
    for cell in lesson.cells:
        printed = io.StringIO()
        if not cell.is_text:
            with contextlib.redirect_stdout(printed):
                run_cell(lesson, cell, names)
        yield cell, printed.getvalue()
