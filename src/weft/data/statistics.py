"""What a text is like, in numbers that a plan's rules use or that a reader wants to see.

One pass and bounded memory. A text of more than `WHOLE` bytes is looked at in `PIECES` pieces,
spread evenly; `seen` says how much that was. Lines, signs and zlib look at an excerpt.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from weft.data.corpus import Corpus
from weft.data.documents import Document
from weft.data.repetition import Repetition

Kind = Literal["prose", "dialogue", "records", "code"]

WHOLE = 1 << 28  # bytes that are read completely
PIECES, PIECE_BYTES = 256, 1 << 20  # of a larger text
EXCERPTS, EXCERPT = 16, 1 << 16  # places, and characters at each

CODE_SIGNS = frozenset("=(){}[]<>/\\&+;")
SPEAKER = re.compile(r"[^\W\d_a-z][\w.'’-]*(?: [\w.'’-]+){0,2}:|[\"“”«„「—]|- ")
ENDS = tuple(".!?,;:…\"'’”»)。、\uff01\uff1f」-—")
SCRIPTS = (
    (0x0041, 0x024F, "Latin"),
    (0x0370, 0x03FF, "Greek"),
    (0x0400, 0x052F, "Cyrillic"),
    (0x0590, 0x05FF, "Hebrew"),
    (0x0600, 0x077F, "Arabic"),
    (0x0900, 0x0DFF, "Indic"),
    (0x0E00, 0x0EFF, "Thai and Lao"),
    (0x1100, 0x11FF, "Hangul"),
    (0x1E00, 0x1EFF, "Latin"),
    (0x1F00, 0x1FFF, "Greek"),
    (0x3040, 0x30FF, "Kana"),
    (0x3400, 0x9FFF, "Han"),
    (0xAC00, 0xD7A3, "Hangul"),
    (0x20000, 0x3FFFF, "Han"),
)


@dataclass(frozen=True)
class Statistics:
    """Facts of a text; those that were measured on a part of it are estimates for the whole."""

    bytes: int
    """UTF-8 bytes of the whole text."""
    seen: int
    """Bytes that were looked at: all of them up to 256 MiB."""
    documents: int
    characters: int
    """Code points of the whole text."""
    distinct_characters: int
    """Different code points in what was seen."""
    bytes_per_character: float
    """From 1 (ASCII) to 4."""
    characters_per_line: float
    """Mean length of the lines that are not blank, in an excerpt of at most 2^20 characters."""
    repetition: float
    """Share of the text in paragraphs that have occurred before, in [0, 1): see `repetition.py`."""
    zlib_bits: float
    """Bits per character of the excerpt as zlib packs it: what a model of 32 KiB of context with no
    knowledge of language can do. No script costs more for the bytes that UTF-8 gives it."""
    scripts: dict[str, float]
    """Share of the letters by script, the largest first; empty if there are no letters."""
    kind: Kind
    """A guess: `code` by its signs, `records` where each short line stands alone (names),
    `dialogue` by lines that begin with a speaker or a quotation mark, else `prose`."""


def statistics(corpus: Corpus) -> Statistics:
    """Measure a text: about a second for 100 MB. Raises DataError where it is not UTF-8."""
    counts, repetition, excerpt = _Counts(), Repetition(), _Excerpt(min(corpus.size, WHOLE))
    for chunk in _seen(corpus):
        counts.add(chunk)
        repetition.add(chunk)
        excerpt.add(chunk)
    size, characters = counts.bytes, counts.characters
    lines = excerpt.lines()
    return Statistics(
        bytes=corpus.size,
        seen=size,
        documents=corpus.count,
        characters=round(corpus.size * characters / max(size, 1)),
        distinct_characters=int(np.count_nonzero(counts.table)),
        bytes_per_character=size / max(characters, 1),
        characters_per_line=sum(map(len, lines)) / max(len(lines), 1),
        repetition=repetition.share,
        zlib_bits=zlib_bits(excerpt.text),
        scripts=scripts(counts.table),
        kind=guess_kind(excerpt.text, lines),
    )


def _seen(corpus: Corpus) -> Iterator[str]:
    """The text, or pieces of it that are spread evenly; what is unpacked is read in one go."""
    if corpus.size <= WHOLE:
        yield from corpus.chunks()
    elif all(isinstance(text, Document) for text in corpus.texts):
        for i in range(PIECES):
            first = i * corpus.size // PIECES
            yield from corpus.chunks(first, min(first + PIECE_BYTES, corpus.size))
    else:
        yield from _spread(corpus.chunks(), corpus.size)


def _spread(chunks: Iterable[str], size: int) -> Iterator[str]:
    done, taken, wanted = 0, 0, 0.0
    for chunk in chunks:
        if done >= wanted:
            yield chunk
            taken += len(chunk)
            wanted = taken * (size / (PIECES * PIECE_BYTES))
        done += len(chunk.encode())


class _Counts:
    """How often each code point occurs."""

    def __init__(self) -> None:
        self.table: NDArray[np.int64] = np.zeros(0x110000, np.int64)  # by code point
        self.bytes = self.characters = 0

    def add(self, text: str) -> None:
        if text.isascii():
            points: NDArray[Any] = np.frombuffer(text.encode("ascii"), np.uint8)
            self.bytes += len(text)
        else:
            points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
            self.bytes += sum(int((points >= least).sum()) for least in (0, 0x80, 0x800, 0x10000))
        self.characters += len(text)
        counted = np.bincount(points)
        self.table[: len(counted)] += counted


class _Excerpt:
    """A few pieces of a text that is `size` bytes long, spread evenly, or all of a short one."""

    def __init__(self, size: int) -> None:
        self.pieces: list[str] = []
        self.stride = 0 if size <= EXCERPTS * EXCERPT else size // EXCERPTS
        self.done = self.wanted = self.room = 0

    def add(self, chunk: str) -> None:
        if self.done >= self.wanted and self.stride:
            self.pieces.append("")
            self.room = EXCERPT
            self.wanted += self.stride
        if not self.stride:
            self.pieces.append(chunk)
        elif self.room:
            self.pieces[-1] += chunk[: self.room]
            self.room -= len(chunk[: self.room])
        self.done += len(chunk)

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def lines(self) -> list[str]:
        """The lines that are not blank; those that a piece cuts are left out."""
        if not self.stride:
            return [line for line in self.text.split("\n") if line.strip()]
        cut = (piece.split("\n") for piece in self.pieces)
        return [line for lines in cut for line in lines[1:-1] if line.strip()]


def scripts(table: NDArray[np.int64]) -> dict[str, float]:
    """Shares of the letters by script, from the counts of the code points."""
    shares: dict[str, int] = {}
    for point in np.flatnonzero(table).tolist():
        if unicodedata.category(chr(point))[0] in "LM":
            found = (name for first, last, name in SCRIPTS if first <= point <= last)
            name = next(found, "other")
            shares[name] = shares.get(name, 0) + int(table[point])
    total = sum(shares.values())
    return {name: n / total for name, n in sorted(shares.items(), key=lambda item: -item[1])}


def zlib_bits(text: str) -> float:
    """Bits per character as zlib packs it, with a byte or two for each, whatever the script."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    kinds, numbers = np.unique(points, return_inverse=True)
    numbers = numbers.astype(np.uint8 if len(kinds) <= 256 else np.uint16)
    return 8 * len(zlib.compress(numbers.tobytes())) / max(len(points), 1)


def guess_kind(text: str, lines: list[str]) -> Kind:
    """What an excerpt and its lines look like; the rules are in `Statistics.kind`."""
    visible = len(text) - sum(text.count(space) for space in " \n\t\r")
    if sum(text.count(sign) for sign in CODE_SIGNS) >= 0.05 * max(visible, 1):
        return "code"
    mean = sum(map(len, lines)) / max(len(lines), 1)
    alone = sum(not line.rstrip().endswith(ENDS) for line in lines)
    if len(lines) >= 5 and mean <= 40 and alone >= 0.8 * len(lines):
        return "records"
    spoken = sum(SPEAKER.match(line.lstrip()) is not None for line in lines)
    return "dialogue" if lines and spoken >= 0.15 * len(lines) else "prose"
