"""Where things are printed: results on stdout, notes on stderr, colour only on a terminal.

No verb prints by itself. stdout may be closed, may not be UTF-8, or may be a full disk: the first
two are harmless here, the third is an `OSError` that the command reports.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Sequence
from typing import Any, TextIO

SCHEMA_VERSION = 1  # of the --json objects; a key that changes its meaning raises it


def result(text: str = "", end: str = "\n") -> None:
    """Print a result on stdout at once."""
    if sys.stdout is not None:
        sys.stdout.write(text + end)
        sys.stdout.flush()


def result_json(values: dict[str, Any]) -> None:
    """Print one JSON object on one line; NaN and infinities become null."""
    result(json.dumps(_finite({**values, "schema_version": SCHEMA_VERSION}), allow_nan=False))


def note(text: str = "", end: str = "\n") -> None:
    """Tell the user something that is not the result, on stderr."""
    if sys.stderr is not None:
        sys.stderr.write(text + end)
        sys.stderr.flush()


def has_colour(stream: TextIO | None) -> bool:
    """NO_COLOR wins, then FORCE_COLOR; otherwise a terminal that is not dumb has colour."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def one_line(text: str) -> str:
    """Text that is safe to show: control characters are escaped, so it stays on one line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def table(rows: Sequence[tuple[str, ...]], right: str = "") -> str:
    """Columns two spaces apart; column i is aligned right where `right[i]` is "r"."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if right[i : i + 1] == "r" else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
