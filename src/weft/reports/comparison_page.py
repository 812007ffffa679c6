"""Runs side by side in a browser: one HTML file, made of the same parts as a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from weft.reports.comparison import By, Comparison, Row, Side
from weft.reports.comparison_text import figure_text
from weft.reports.page import page, section, table, text, value_text
from weft.reports.plot import COLOURS, Axis, Curve, plot
from weft.reports.report import write_page

SAME = "<p>The configurations are the same.</p>\n"
LOSSES = ("train_loss", "val_loss")
NOTES = {
    "val_loss": "Training losses are faint, in the background.",
    "train_loss": "Training losses, smoothed: validation losses, the dots, were taken too rarely.",
}
LONGEST_SAMPLE = 3_000  # characters
AXES: dict[By, Axis] = {
    "step": Axis("step", zero=True),
    "tokens": Axis("tokens", zero=True),
    "time": Axis("time", "time", zero=True),
}


def write_comparison(compared: Comparison, path: Path) -> Path:
    """Write the page to `path`. Raises `WeftError` where that cannot be."""
    return write_page(path, comparison_page(compared))


def comparison_page(compared: Comparison) -> str:
    """The page of a comparison."""
    names = [text(side.name) for side in compared.sides]
    notes = "".join(f'<p class="lead">{text(note)}</p>\n' for note in compared.notes)
    header = f"<h1>{len(names)} runs compared</h1>\n{notes}"
    figures = [
        [
            text(row.name),
            *(_cell(row, n, figure_text(row.name, v)) for n, v in enumerate(row.values)),
        ]
        for row in compared.figures
    ]
    options = [[text(row.name), *map(value_text, row.values)] for row in compared.differences]
    heads = ["", *(_heading(side, n) for n, side in enumerate(compared.sides))]
    right = "l" + "r" * len(names)
    differing = table(options, heads, "compared", right) if options else SAME
    parts = [
        section("Figures", table(figures, heads, "compared", right)),
        section("Curves", _curves(compared), note=NOTES[compared.shown]),
        section("What differs", differing),
        section("Last samples", _samples(compared.sides)),
    ]
    return page(
        f"{', '.join(s.name for s in compared.sides)}: compared",
        header,
        parts,
        "Made by weft compare.",
    )


def _heading(side: Side, n: int) -> str:
    return f'<i class="swatch c{n % COLOURS}"></i>{text(side.name)}'


def _cell(row: Row, n: int, said: str) -> str:
    return f'<b class="best">{text(said)}</b>' if n in row.best else text(said)


def _curves(compared: Comparison) -> str:
    """The same curves over steps, tokens and time, one at a time."""
    buttons, plots = [], []
    for number, (by, axis) in enumerate(AXES.items()):
        behind, before = [], []
        for n, side in enumerate(compared.sides):
            training, validation = (compared.curve(side, by, name) for name in LOSSES)
            if compared.shown == "val_loss":
                behind.append(Curve("", training, n, "faint"))
                before.append(Curve(side.name, validation, n, "dotted"))
            else:
                behind.append(Curve(side.name, training, n))
                before.append(Curve("", validation, n, "dotted"))
        title = "Validation loss" if compared.shown == "val_loss" else "Training loss"
        drawn = plot(title, [*behind, *before], axis, Axis(compared.unit, log=True), tall=True)
        if drawn:
            checked = "" if number else " checked"
            buttons.append(f'<input type="radio" name="by" id="by-{by}"{checked}>')
            buttons.append(f'<label for="by-{by}">by {by}</label>')
            plots.append(drawn)
    return f'<div class="tabs">{"".join(buttons)}{"".join(plots)}</div>\n' if plots else ""


def _samples(sides: Sequence[Side]) -> str:
    shown = [
        f"<div><h3>{_heading(side, n)}</h3><pre>{text(side.sample[:LONGEST_SAMPLE].strip(chr(10)))}"
        "</pre></div>"
        for n, side in enumerate(sides)
        if side.sample.strip()
    ]
    return f'<div class="side">{"".join(shown)}</div>\n' if shown else ""
