"""The picture of `weft sweep`: how far each point came, and what it reached; with matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weft.training.sweep import Sweep

COLOURS = ("C3", "C0", "C1", "C2", "C4", "C5", "C6", "C9")
NAMED = len(COLOURS)  # points that the legend names, the best ones


def draw(sweep: Sweep, path: Path) -> None:
    """Write an SVG: a line for each point, from rung to rung; the best ones have names."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    from weft.training.sweep import shown

    figure = Figure(figsize=(7.5, 4.5), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot()
    for rank, last in reversed(list(enumerate(sweep.ranking()))):
        trials = [t for t in sweep.record.trials if t.point == last.point and not t.failure]
        trials.sort(key=lambda t: t.rung)
        if not trials:
            continue
        best = rank == 0
        axes.plot(
            [t.budget for t in trials],
            [t.score for t in trials],
            "o-",
            color=COLOURS[rank] if rank < NAMED else "0.8",
            linewidth=2.4 if best else 1.2,
            label=shown(sweep.record.points[last.point]) if rank < NAMED else None,
            zorder=3 if best else 2,
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("steps of a run" if sweep.record.steps else "seconds of a run")
    axes.set_ylabel("bits per byte" if sweep.by_bytes else "validation loss (nats per token)")
    axes.set_title(f"{Path(sweep.record.data).name}: the better ones train longer")
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], fontsize=8, frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
