"""`weft compare RUN RUN ...`: what differs between runs, and what came of it."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from weft.cli import output
from weft.cli.options import Json, off, positional

if TYPE_CHECKING:
    from weft.reports.comparison import Comparison


@dataclass(frozen=True)
class Compare:
    """Put runs side by side: final figures, curves, differences of configuration, samples.

    A star marks the best. Losses are nats per token, or bits per byte where tokenizers differ.

    Example: weft compare runs/book-1 runs/book-2 --html both.html
    """

    runs: Annotated[tuple[str, ...], *positional("RUN")]
    """Run folders, two to eight."""
    by: Literal["step", "tokens", "time"] = "step"
    """What the curves are drawn over."""
    html: Annotated[str, off("FILE")] = ""
    """Write a page with the curves into this file as well."""
    json: Json = False


def run(options: Compare) -> None:
    from weft.reports.comparison import compare
    from weft.reports.comparison_page import write_comparison
    from weft.reports.comparison_text import text

    compared = compare(options.runs)
    if options.html:
        write_comparison(compared, Path(options.html))
        output.note(f"weft: wrote {output.one_line(options.html)}")
    if options.json:
        output.result_json(_values(compared, options.html))
        return
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    plain = not encoding.lower().replace("-", "").startswith("utf")
    width = shutil.get_terminal_size().columns - 1
    output.result(text(compared, options.by, width, output.has_colour(sys.stdout), plain))


def _values(compared: Comparison, html: str) -> dict[str, Any]:
    """All of it as plain values; of the curves what a picture shows."""
    runs = []
    for n, side in enumerate(compared.sides):
        evaluated = side.record.evaluations
        runs.append(
            {
                "run": str(side.record.path),
                "name": side.name,
                "ended": side.facts.ended,
                "figures": {_key(row.name): row.values[n] for row in compared.figures},
                "curve": [
                    {name: line.get(name) for name in ("step", "tokens", "seconds", "val_loss")}
                    for line in evaluated
                ],
                "sample": side.sample,
            }
        )
    return {
        "runs": runs,
        "best": {_key(row.name): row.best for row in compared.figures if row.best},
        "differences": {row.name: row.values for row in compared.differences},
        "unit": compared.unit,
        "notes": compared.notes,
        "html": html or None,
    }


def _key(name: str) -> str:
    return name.replace(" ", "_")


COMMANDS: dict[str, Any] = {"": (Compare, run)}
