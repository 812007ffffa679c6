"""Text that stops before a stop string, even one that comes in several pieces.

What may turn out to be the start of a stop string is held back until that is known.
"""

from __future__ import annotations

from collections.abc import Sequence

from weft.errors import ConfigError

MOST_STOPS = 64


class StopFilter:
    """Pieces of text in, pieces of text out; `stopped` once a stop string was there."""

    def __init__(self, stops: Sequence[str] = ()) -> None:
        if isinstance(stops, str):
            stops = [stops]
        if len(stops) > MOST_STOPS or not all(isinstance(s, str) and s for s in stops):
            raise ConfigError(
                f"stop = {list(stops)[:3]!r}; generate; give at most {MOST_STOPS} texts, "
                "none of them empty"
            )
        self.stops = tuple(stops)
        self.stopped = False
        self._held = ""

    def push(self, piece: str) -> str:
        """What can be shown now."""
        if self.stopped:
            return ""
        text = self._held + piece
        found = [(at + len(stop), at) for stop in self.stops if (at := text.find(stop)) >= 0]
        if found:
            self.stopped, self._held = True, ""
            return text[: min(found)[1]]  # the one that ends first, however the pieces were cut
        keep = max((_overlap(text, stop) for stop in self.stops), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def flush(self) -> str:
        """What was held back, once no more text can come."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that is a start of `stop`, and not all of it."""
    for n in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:n]):
            return n
    return 0
