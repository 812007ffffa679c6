"""How much of a text is in paragraphs that have occurred before, in one pass and bounded memory.

A paragraph ends at a blank line; one of more than `LONGEST` characters counts line by line, so a
list of names or a book without blank lines has units too. Every paragraph is hashed, and only those
are counted whose hash ends in enough zero bits, twice as few whenever there are too many (adaptive
sampling, Flajolet 1990): a hash keeps all the copies of a paragraph or none.
"""

from __future__ import annotations

import zlib

LONGEST = 2000  # bytes of a paragraph that counts as one
LONGEST_LINE = 1 << 16  # bytes of a line that is waited for
KEPT = 1 << 16  # paragraphs that are remembered


class Repetition:
    """`add` the pieces of a text in their order, then read `share`."""

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.sizes: dict[int, int] = {}  # bytes
        self.mask = 0
        self.rest = b""
        self.by_line = False  # the paragraph that `rest` belongs to is a long one

    def add(self, piece: str) -> None:
        begin, *whole = (self.rest + piece.encode("utf-8", "surrogatepass")).split(b"\n\n")
        if whole:
            self._count(begin.split(b"\n") if self.by_line else [begin])
            *whole, begin = whole
            self._count(whole)
            self.by_line = False
        self.by_line = self.by_line or len(begin) > LONGEST
        self.rest = begin
        if self.by_line:
            *lines, self.rest = begin.split(b"\n")
            if len(self.rest) > LONGEST_LINE:
                lines, self.rest = [*lines, self.rest], b""
            self._count(lines)

    @property
    def share(self) -> float:
        """The part of the text that is in second and later copies of a paragraph, in [0, 1)."""
        if self.rest:
            self._count([self.rest])
            self.rest = b""
        copied = sum(self.sizes[key] * (count - 1) for key, count in self.counts.items())
        total = sum(self.sizes[key] * count for key, count in self.counts.items())
        return copied / total if total else 0.0

    def _count(self, paragraphs: list[bytes]) -> None:
        units = _units(paragraphs)
        for key, unit in zip(map(zlib.crc32, units), units, strict=True):
            if key & self.mask:
                continue
            seen = self.counts.get(key)
            if seen is not None:
                self.counts[key] = seen + 1
            elif unit and not unit.isspace():
                self.counts[key], self.sizes[key] = 1, len(unit)
                if len(self.counts) > KEPT:
                    self._halve()

    def _halve(self) -> None:
        self.mask = 2 * self.mask + 1
        self.counts = {key: n for key, n in self.counts.items() if not key & self.mask}
        self.sizes = {key: self.sizes[key] for key in self.counts}


def _units(paragraphs: list[bytes]) -> list[bytes]:
    """The same, long ones as their lines."""
    if max(map(len, paragraphs), default=0) <= LONGEST:
        return paragraphs
    cut = (part.split(b"\n") if len(part) > LONGEST else [part] for part in paragraphs)
    return [unit for units in cut for unit in units]
