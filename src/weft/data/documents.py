"""One text of a corpus: a range of bytes in a file, read in bounded pieces and decoded strictly.

Not a file object: nothing stays open between reads, and a document that came through standard
input lives in a temporary file that has no name any more, so nothing is left behind by a crash.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from weft.data.sniff import HEAD
from weft.errors import DataError

PIECE = 1 << 18  # bytes read at once; a piece of text has at most as many characters
SEPARATOR = "\n\n"  # between two documents, where no token says that one ends


def printable(name: object) -> str:
    """A file name as it may stand in a one-line message."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(name))


class Part(NamedTuple):
    """A document in a text: where it begins, its length, and (text, bytes) of a range of it."""

    first: int
    size: int
    chunks: Callable[[int, int], Iterator[tuple[str, int]]]


class Text(Protocol):
    """What a corpus needs of a text, wherever it comes from; `Document` says what is what.

    Most texts are one document; a table is one text, and each of its rows a document.
    """

    @property
    def name(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def count(self) -> int: ...
    def parts(self) -> Iterator[Part]: ...
    def head(self) -> bytes: ...
    def boundary(self, position: int) -> int: ...
    def chunks(self, start: int, stop: int) -> Iterator[tuple[str, int]]: ...


class Spool:
    """The descriptor of a nameless temporary file, closed when the last document drops it."""

    def __init__(self, blocks: Iterable[bytes], name: str) -> None:
        try:
            self.descriptor, path = tempfile.mkstemp(prefix="weft-")
            os.unlink(path)
        except OSError as error:
            raise DataError(
                f"cannot keep {name}: {error.strerror}; {tempfile.gettempdir()}; "
                "free some space or set TMPDIR"
            ) from error
        weakref.finalize(self, os.close, self.descriptor)
        self._write(blocks, name)

    def _write(self, blocks: Iterable[bytes], name: str) -> None:
        try:
            with open(self.descriptor, "wb", closefd=False) as file:
                for block in blocks:
                    file.write(block)
        except OSError as error:
            raise DataError(
                f"cannot keep {name}: {error.strerror}; {tempfile.gettempdir()}; "
                "free some space or set TMPDIR"
            ) from error


@dataclass(frozen=True)
class Document:
    """`size` bytes of UTF-8 from byte `first` of `source` on (`first` is 3 after a UTF-8 mark)."""

    name: str
    source: Path | Spool
    size: int
    first: int
    modified: int  # st_mtime_ns at opening: a text must not change while it is read
    count = 1

    @classmethod
    def at(cls, source: Path | Spool, name: str) -> Document:
        """Measure `source`, leaving out a UTF-8 byte order mark, which is no part of the text."""
        with opened(source, name) as descriptor:
            status = os.fstat(descriptor)
            marked = os.pread(descriptor, 3, 0) == codecs.BOM_UTF8
        first = 3 if marked else 0
        return cls(name, source, status.st_size - first, first, status.st_mtime_ns)

    def parts(self) -> Iterator[Part]:
        """The one document that this is."""
        yield Part(0, self.size, self.chunks)

    def head(self) -> bytes:
        """The first 64 KiB, for recognising what it is."""
        with opened(self.source, self.name) as descriptor:
            return os.pread(descriptor, HEAD, self.first)

    def boundary(self, position: int) -> int:
        """The first start of a character at or after byte `position`."""
        with opened(self.source, self.name) as descriptor:
            following = os.pread(descriptor, 4, self.first + position)
        continued = 0
        while continued < len(following) and following[continued] & 0xC0 == 0x80:
            continued += 1
        return min(position + continued, self.size)

    def chunks(self, start: int, stop: int) -> Iterator[tuple[str, int]]:
        """(text, bytes read for it) of bytes [start, stop); both are starts of characters."""
        with opened(self.source, self.name) as descriptor:
            rest, position = b"", start
            while position < stop:
                piece = self._read(descriptor, position, min(PIECE, stop - position))
                position += len(piece)
                held = rest + piece
                at = self.first + position - len(held)
                text, used = decoded(held, at, position == stop, self.name)
                rest = held[used:]
                yield text, len(piece)
            self._check_unchanged(descriptor)

    def _read(self, descriptor: int, position: int, length: int) -> bytes:
        piece = os.pread(descriptor, length, self.first + position)
        if not piece:
            raise self._changed()
        return piece

    def _check_unchanged(self, descriptor: int) -> None:
        status = os.fstat(descriptor)
        if (status.st_size, status.st_mtime_ns) != (self.first + self.size, self.modified):
            raise self._changed()

    def _changed(self) -> DataError:
        return DataError(f"the text changed while it was read; {self.name}; start again")


def decoded(held: bytes, position: int, final: bool, name: str) -> tuple[str, int]:
    """The text in `held`, from byte `position` of a document, and how many bytes were whole."""
    try:
        return codecs.utf_8_decode(held, "strict", final)
    except UnicodeDecodeError as error:
        at = position + error.start
        raise DataError(
            f"not UTF-8: byte 0x{held[error.start]:02x} at offset {at}; {name}; "
            "convert it, for example: iconv -f LATIN1 -t UTF-8 OLD > NEW"
        ) from None


@contextlib.contextmanager
def opened(source: Path | Spool, name: str) -> Iterator[int]:
    """A descriptor to read `source` with; a spool's own, which stays open."""
    if isinstance(source, Spool):
        yield source.descriptor
        return
    try:
        descriptor = os.open(source, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise DataError(
            f"cannot read: {error.strerror}; {name}; check the path and its permissions"
        ) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)
