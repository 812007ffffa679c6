"""What a run shows while it goes, on stderr: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from weft.training.progress.live import RichProgress
from weft.training.progress.plain import PlainProgress
from weft.training.progress.protocol import Progress, Several

__all__ = ["PlainProgress", "Progress", "RichProgress", "Several", "choose_progress"]


def choose_progress(stream: TextIO | None = None) -> Progress:
    """A live bar when `stream` (stderr) is a terminal that can, else plain lines."""
    stream = sys.stderr if stream is None else stream
    if stream is None:
        return Progress()
    if stream.isatty() and os.environ.get("TERM") != "dumb":
        return RichProgress(stream)
    return PlainProgress(stream)
