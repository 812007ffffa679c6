"""Runs side by side on a terminal: tables, curves of characters, the last sample of each."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from weft.reports.comparison import By, Comparison, Row, Side
from weft.reports.ticks import clock, short, size

COLOURS = ("34", "31", "32", "35", "33", "36", "95", "90")  # of ANSI terminals, one for each run
BEST = "*"
MARKS = 8  # letters on a curve
HEIGHT, NARROWEST, WIDEST = 18, 40, 100  # lines and characters of the curves
SAMPLE_LINES = 8
LONGEST_VALUE = 40


def figure_text(name: str, value: Any) -> str:
    """A figure as people read it."""
    if value is None:
        return "-"
    if name in ("steps", "weights", "tokens"):
        return f"{value:,}"
    if name == "seconds":
        return clock(value)
    if name == "memory":
        return size(value)
    if name == "tokens per second":
        return short(value)
    return f"{value:.2f}" if name == "passes" else f"{value:.4f}"


def option_text(value: Any) -> str:
    """A value of a configuration in one short line."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    said = f"{value:.6g}" if isinstance(value, float) else str(value)
    said = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in said)
    return said if len(said) <= LONGEST_VALUE else said[: LONGEST_VALUE - 1] + "…"


def text(compared: Comparison, by: By, width: int, colour: bool, ascii_only: bool) -> str:
    """All of it, the curves over `by`; lines of at most `width`, as far as names allow."""
    sides = compared.sides
    parts = ["\n".join(_title(side, n, colour) for n, side in enumerate(sides))]
    parts.append(_table(compared.figures, sides, figure_text))
    parts += [f"note: {note}" for note in compared.notes]
    parts.append(_curves(compared, by, width, colour, ascii_only))
    if compared.differences:
        parts.append("what differs\n" + _table(compared.differences, sides, option_text))
    else:
        parts.append("the configurations are the same")
    parts += [_sample(side) for side in sides if side.sample.strip()]
    return "\n\n".join(part for part in parts if part)


def _title(side: Side, n: int, colour: bool) -> str:
    letter = _coloured(side.letter, n) if colour else side.letter
    return f"{letter}  {option_text(side.name)}  {side.facts.ended}"


def _table(rows: Sequence[Row], sides: Sequence[Side], said: Any) -> str:
    """A line for each row, a column for each run; the best have a star."""
    by_name = said is figure_text
    cells = [["", *(side.letter for side in sides)]]
    for row in rows:
        values = [said(row.name, v) if by_name else said(v) for v in row.values]
        values = [v + (BEST if n in row.best else "") for n, v in enumerate(values)]
        cells.append([row.name, *values])
    starred = {n + 1 for row in rows for n in row.best}
    for line in cells:  # numbers of a column stay under each other
        line[1:] = [
            v if v.endswith(BEST) or n not in starred else v + " "
            for n, v in enumerate(line[1:], 1)
        ]
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    return "\n".join(
        "  ".join(
            [
                line[0].ljust(widths[0]),
                *(v.rjust(w) for v, w in zip(line[1:], widths[1:], strict=True)),
            ]
        ).rstrip()
        for line in cells
    )


def _curves(compared: Comparison, by: By, width: int, colour: bool, ascii_only: bool) -> str:
    """The losses of all runs, each with its letter; empty where there is nothing to see."""
    from weft.training.progress.curve import Curve, draw

    lines = [compared.curve(side, by, compared.shown) for side in compared.sides]
    if not any(len(line) > 1 for line in lines):
        return ""
    curves = []
    for side, line in zip(compared.sides, lines, strict=True):
        every = max(1, len(line) // MARKS)
        curves += [Curve(line), Curve(line[every // 2 :: every], side.letter)]
    losses = [y for line in lines for _, y in line]
    span = min(losses), max(losses)
    width = max(NARROWEST, min(width, WIDEST))
    picture = draw(curves, width, HEIGHT, ascii_only=ascii_only, y_range=span)
    drawn = "\n".join(
        _painted(line, owned) if colour else line.rstrip()
        for line, owned in zip(picture.lines, picture.owners, strict=True)
    )
    what = "validation loss" if compared.shown == "val_loss" else "training loss, smoothed"
    return f"{what}, {compared.unit}, by {by if by != 'time' else 'seconds'}\n{drawn}"


def _painted(line: str, owners: Sequence[int]) -> str:
    """Two curves of a picture, a line and its letters, are of one run."""
    groups = itertools.groupby(zip(line, owners, strict=True), key=lambda pair: pair[1] // 2)
    parts = [(owner, "".join(c for c, _ in pairs)) for owner, pairs in groups]
    return "".join(said if owner < 0 else _coloured(said, owner) for owner, said in parts)


def _coloured(said: str, n: int) -> str:
    return f"\x1b[{COLOURS[n % len(COLOURS)]}m{said}\x1b[0m"


def _sample(side: Side) -> str:
    lines = side.sample.strip("\n").splitlines()
    more = ["…"] if len(lines) > SAMPLE_LINES else []
    shown = [
        "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
        for line in lines[:SAMPLE_LINES]
    ]
    head = f"[{side.letter}] after step {side.record.last('sample').get('step', 0):,}"
    return "\n".join([head, *shown, *more])
