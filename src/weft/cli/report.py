"""`weft report RUN`: make report.html of a run again, or of one that has none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from weft.cli import output
from weft.cli.options import Json, off, positional


@dataclass(frozen=True)
class Report:
    """Write a page about a run: curves, samples, configuration, tokens, time, memory.

    `weft train` does so at its end. The page is one file that needs no network.

    Example: weft report runs/book-1
    """

    run: Annotated[str, *positional("RUN")]
    """Run folder."""
    out: Annotated[str, off("FILE")] = ""
    """Where to write the page; report.html in the run folder unless given."""
    json: Json = False


def run(options: Report) -> None:
    from weft.reports import write_report

    path = write_report(options.run, Path(options.out) if options.out else None)
    if options.json:
        output.result_json({"run": options.run, "report": str(path)})
    else:
        output.result(str(path))


COMMANDS: dict[str, Any] = {"": (Report, run)}
