"""`weft lessons`: list the lessons, run one here, or write it as a notebook."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from weft.cli import output
from weft.cli.options import Json, flag, off, positional
from weft.errors import ConfigError

if TYPE_CHECKING:
    from weft.lessons.script import Lesson


@dataclass(frozen=True)
class Lessons:
    """List the lessons; run one in this terminal; or write it as a Jupyter notebook.

    Every lesson ends with an exercise. Its answer is shown only with --answers. A lesson is also a
    script: open the file that --json names in VS Code or Jupyter, or run it.

    Example: weft lessons 4
    """

    number: Annotated[int | None, *positional("[NUMBER]")] = None
    """The lesson to run; none: list them all."""
    file: Annotated[str, *positional("[FILE]")] = ""
    """With --notebook: where to write it. Unless given, under its own name in this folder."""
    notebook: Annotated[bool, *flag()] = False
    """Write the lesson as an .ipynb and run nothing."""
    outputs: Annotated[bool, *flag()] = False
    """With --notebook: run it all the same, so that outputs and pictures are in the notebook."""
    answers: Annotated[bool, *flag()] = False
    """Show the exercise with its answer, and run nothing."""
    quiet: Annotated[bool, *flag()] = False
    """Run it, but show only what the code prints."""
    no_pause: Annotated[bool, *flag()] = False
    """Run to the end; otherwise a lesson on a terminal waits for Enter before each text."""
    pictures: Annotated[str | None, off("FOLDER")] = None
    """Folder for the pictures; unless given, weft-pictures in this folder."""
    json: Json = False


def run(options: Lessons) -> None:
    from weft.lessons.script import all_lessons, find

    if options.file and not options.notebook:
        raise ConfigError(
            f"unexpected argument {options.file!r}; weft lessons; a FILE goes with --notebook"
        )
    if options.outputs and not options.notebook:
        raise ConfigError("--outputs without --notebook; weft lessons; give both or none")
    if options.number is None:
        if options.notebook or options.answers or options.quiet:
            raise ConfigError("no lesson chosen; weft lessons; give a number, as weft lessons 4")
        _list(all_lessons(), options.json)
        return
    lesson = find(options.number)
    if options.pictures is not None:
        os.environ["WEFT_PICTURES"] = options.pictures
    if options.notebook:
        _write_notebook(lesson, options)
    elif options.json:
        output.result_json(_values(lesson))
    else:
        _show(lesson, options)


def _list(lessons: list[Lesson], as_json: bool) -> None:
    if as_json:
        output.result_json({"lessons": [_values(lesson) for lesson in lessons]})
        return
    rows = [("", "lesson", "read", "run")]
    for lesson in lessons:
        row = (str(lesson.number), lesson.title, f"{lesson.minutes} min", f"{lesson.seconds} s")
        rows.append(row)
    output.result(output.table(rows, "rlrr"))


def _values(lesson: Lesson) -> dict[str, object]:
    return {
        "number": lesson.number,
        "title": lesson.title,
        "minutes": lesson.minutes,
        "seconds": lesson.seconds,
        "path": str(lesson.path),
    }


def _write_notebook(lesson: Lesson, options: Lessons) -> None:
    from weft.lessons.notebook import notebook

    path = Path(options.file or f"{lesson.path.stem}.ipynb")
    if path.exists():
        raise ConfigError(f"there is such a file; {path}; give another name, or delete it")
    text = json.dumps(notebook(lesson, options.outputs), indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    if options.json:
        output.result_json({"notebook": str(path)})
    else:
        output.result(str(path))


def _show(lesson: Lesson, options: Lessons) -> None:
    from weft.lessons import terminal

    console = terminal.console(output.has_colour(sys.stdout))
    if options.answers:
        terminal.show_answers(lesson, console)
        return
    pause = not options.no_pause and not options.quiet and _is_conversation()
    terminal.show(lesson, console, quiet=options.quiet, pause=pause)


def _is_conversation() -> bool:
    return all(s is not None and s.isatty() for s in (sys.stdin, sys.stdout))


COMMANDS = {"": (Lessons, run)}
