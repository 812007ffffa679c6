"""A text that is not there as it stands: it comes out of an archive or a table at each reading.

It answers as a `Document` does, but reads from the beginning: memory is bounded, nothing is kept on
the disk, and the price is that what lies before a position is unpacked again.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

from weft.data.documents import PIECE, SEPARATOR, Part, decoded
from weft.data.sniff import HEAD


@dataclass(frozen=True)
class Unpacked:
    """`size` bytes of UTF-8: what `read` yields, each time it is called.

    A table has `rows`, its `count` documents; then `read` joins them by the separator.
    """

    name: str
    size: int
    read: Callable[[], Iterator[bytes]]
    count: int = 1
    rows: Callable[[], Iterator[bytes]] | None = None
    known: dict[int, int] = field(default_factory=dict, compare=False, repr=False)
    """Boundaries that were asked for, so that a cut is looked for once."""

    @classmethod
    def of(cls, name: str, read: Callable[[], Iterator[bytes]]) -> Unpacked:
        """Measure a text by reading it once, which also finds what is wrong with its archive."""
        return cls(name, sum(len(block) for block in read()), read)

    @classmethod
    def of_rows(cls, name: str, rows: Callable[[], Iterator[bytes]]) -> Unpacked:
        """Measure a table by reading it once."""
        size = count = 0
        for row in rows():
            size, count = size + len(row), count + 1
        size += len(SEPARATOR) * max(count - 1, 0)
        return cls(name, size, lambda: joined([row] for row in rows()), count, rows)

    def parts(self) -> Iterator[Part]:
        """The documents in this, in their order, read as they are asked for."""
        if self.rows is None:
            yield Part(0, self.size, self.chunks)
            return
        first = 0
        for row in self.rows():
            yield Part(first, len(row), partial(_decoded_row, row))
            first += len(row) + len(SEPARATOR)

    def head(self) -> bytes:
        """The first 64 KiB, for recognising what it is."""
        return head_of(self.read())

    def boundary(self, position: int) -> int:
        """The first start of a character at or after byte `position`."""
        if position not in self.known:
            following = b"".join(self._bytes(position, min(position + 4, self.size)))
            continued = 0
            while continued < len(following) and following[continued] & 0xC0 == 0x80:
                continued += 1
            self.known[position] = min(position + continued, self.size)
        return self.known[position]

    def chunks(self, start: int, stop: int) -> Iterator[tuple[str, int]]:
        """(text, bytes read for it) of bytes [start, stop); both are starts of characters."""
        rest, position = b"", start
        for piece in self._bytes(start, stop):
            position += len(piece)
            held = rest + piece
            final = position == stop
            text, used = decoded(held, position - len(held), final, self.name)
            rest = held[used:]
            yield text, len(piece)

    def _bytes(self, start: int, stop: int) -> Iterator[bytes]:
        first = 0  # of the block, in the text
        for block in _in_pieces(self.read()):
            if first >= stop:
                return
            part = block[max(start - first, 0) : stop - first]
            if part:
                yield part
            first += len(block)


def joined(texts: Iterable[Iterable[bytes]]) -> Iterator[bytes]:
    """Texts, each in blocks, with the separator between them."""
    for number, blocks in enumerate(texts):
        if number:
            yield SEPARATOR.encode()
        yield from blocks


def _decoded_row(row: bytes, start: int, stop: int) -> Iterator[tuple[str, int]]:
    text = row[start:stop].decode()
    if stop - start <= PIECE:
        yield text, stop - start
        return
    for first in range(0, len(text), PIECE):
        piece = text[first : first + PIECE]
        yield piece, len(piece.encode())


def head_of(blocks: Iterator[bytes]) -> bytes:
    """The first 64 KiB of what `blocks` yields."""
    head = b""
    for block in blocks:
        head += block
        if len(head) >= HEAD:
            break
    return head[:HEAD]


def unmarked(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes without a UTF-8 byte order mark, which is no part of a text."""
    begin = b""
    for block in blocks:
        begin += block
        if len(begin) >= 3:
            break
    yield begin.removeprefix(codecs.BOM_UTF8)
    yield from blocks


def _in_pieces(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in blocks of `PIECE`, the last one shorter."""
    held = bytearray()
    for block in blocks:
        held += block
        if len(held) >= PIECE:
            whole = len(held) // PIECE * PIECE
            view = bytes(held[:whole])
            del held[:whole]
            yield from (view[at : at + PIECE] for at in range(0, whole, PIECE))
    if held:
        yield bytes(held)
