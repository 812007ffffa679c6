"""Pictures of a lesson: a function that draws on axes, shown in the notebook or kept as a file.

matplotlib is an extra, weft[plot]. Where it is missing, the lesson says so once and goes on.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

DPI = 120  # dots of a picture in an inch, which a browser shows as 96 px
FOLDER = "weft-pictures"  # in the current folder; $WEFT_PICTURES names another
MISSING = "No pictures here: matplotlib is missing. Install it with: pip install matplotlib"
_taken: ContextVar[list[bytes] | None] = ContextVar("taken", default=None)


def draw(
    function: Callable[[Any], object],
    rows: int = 1,
    columns: int = 1,
    size: tuple[float, float] = (6.4, 4.0),
) -> None:
    """Make a figure of `size` inches and let `function(axes)` draw on it.

    `axes` is one matplotlib Axes, or an array of them for more rows or columns. The picture
    appears below the cell in a notebook, otherwise in the file FOLDER/<name of the function>.png.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        _note_once(MISSING)
        return
    figure = Figure(figsize=size, layout="constrained", dpi=DPI)
    function(figure.subplots(rows, columns))
    data = io.BytesIO()
    figure.savefig(data, format="png", metadata={"Software": None})  # the same bytes each time
    taken = _taken.get()
    if taken is not None:
        taken.append(data.getvalue())
    elif "ipykernel" in sys.modules:
        from IPython.display import Image, display

        alt = function.__name__.replace("_", " ")
        display(Image(data.getvalue(), width=round(size[0] * 96), alt=alt))
    else:
        path = Path(os.environ.get("WEFT_PICTURES") or FOLDER) / f"{function.__name__}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.getvalue())
        print(f"(picture: {path})", file=sys.stderr)


@contextmanager
def taking() -> Iterator[list[bytes]]:
    """In this block pictures go, as PNG, into the list that it gives, and nowhere else."""
    pictures: list[bytes] = []
    token = _taken.set(pictures)
    try:
        yield pictures
    finally:
        _taken.reset(token)


_noted: set[str] = set()


def _note_once(text: str) -> None:
    if text not in _noted:
        _noted.add(text)
        print(text, file=sys.stderr)
