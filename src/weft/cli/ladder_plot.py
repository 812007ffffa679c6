"""The picture of a ladder: how far down each family gets, with what size and time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

COLOURS = {"ngram": "#8c6d31", "bow": "#b5a27a", "mlp": "#4c78a8"}
COLOURS |= {"rnn": "#72b7b2", "gru": "#54a24b", "lstm": "#2e7d32", "gpt": "#c44e52"}


def draw(rows: list[dict[str, Any]], path: Path, title: str) -> None:
    """Bars of bits per byte, one for each rung, into an SVG file."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 0.6 * len(rows) + 1.4), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot()
    values = [row["bits_per_byte"] for row in rows]
    colours = [COLOURS.get(row["model"], "#777777") for row in rows]
    axes.barh(range(len(rows)), values, color=colours, height=0.62)
    for i, row in enumerate(rows):
        axes.text(values[i], i, f" {values[i]:.3f}", va="center", fontsize=10, fontweight="bold")
        facts = f"{_short(row['parameters'])} numbers, {row['seconds']:,.0f} s"
        axes.text(0.03, i, facts, va="center", fontsize=8.5, color="white")
    axes.set_yticks(range(len(rows)), [row["model"] for row in rows], fontsize=11)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.12 * max(values))
    axes.set_xlabel("bits per byte of text that none has trained on (less is better)")
    axes.set_title(f"The ladder on {title}", loc="left", fontsize=12)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(left=False)
    figure.savefig(path, metadata={"Date": None})


def _short(count: int) -> str:
    for unit, name in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return str(count)
