"""Bytes in gzip and zip, read in a stream: nothing is extracted, and no name in them is a path.

An archive may be hostile. Memory is bounded by blocks and by the zip's list of members; what comes
out is bounded by `LARGEST` and, beyond `SMALL`, by `RATIO` times the archive (text rarely shrinks
to a twentieth; deflate can reach a thousandth). CRCs and lengths are checked.
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from weft.data.documents import PIECE, Spool, opened, printable
from weft.errors import DataError, MalformedFileError, UnsupportedFileError

LARGEST = 1 << 40  # bytes out of one archive
SMALL = 1 << 24  # bytes that may come out of it whatever its size
RATIO = 200
DIRECTORY = 1 << 24  # bytes of a zip's list of members: about 200,000 of them
LOCAL_HEADER = struct.Struct("<4s22xHH")
GZIP, DEFLATE = 31, -15  # zlib's window bits

Blocks = Iterator[bytes]


@dataclass(frozen=True)
class Raw:
    """A file as its bytes, which must not change from one reading to the next."""

    name: str
    source: Path | Spool
    size: int
    modified: int

    @classmethod
    def at(cls, source: Path | Spool, name: str) -> Raw:
        with opened(source, name) as descriptor:
            status = os.fstat(descriptor)
        return cls(name, source, status.st_size, status.st_mtime_ns)

    def blocks(self, first: int = 0, length: int | None = None) -> Blocks:
        """`length` bytes from `first` on, or all to the end. Raises DataError if it changed."""
        stop = self.size if length is None else min(first + length, self.size)
        with opened(self.source, self.name) as descriptor:
            while first < stop:
                self._check_unchanged(descriptor)
                block = os.pread(descriptor, min(PIECE, stop - first), first)
                first += len(block)
                yield block

    def _check_unchanged(self, descriptor: int) -> None:
        status = os.fstat(descriptor)
        if (status.st_size, status.st_mtime_ns) != (self.size, self.modified):
            raise DataError(f"the text changed while it was read; {self.name}; start again")


def gunzip(raw: Raw) -> Blocks:
    """What a gzip file holds, its members one after the other."""
    return _limited(_inflate(raw.blocks(), GZIP, raw.name), raw.size, raw.name)


def _inflate(blocks: Iterable[bytes], window: int, name: str) -> Blocks:
    """Deflated bytes as blocks of at most PIECE; after a gzip member, the next one or zeros."""
    inflater = zlib.decompressobj(window)
    for read in blocks:
        block = read
        while block:
            if inflater.eof:
                block = block.lstrip(b"\0") if window == GZIP else b""
                if not block:
                    break
                inflater = zlib.decompressobj(window)
            try:
                out = inflater.decompress(block, PIECE)
            except zlib.error as error:
                raise _damaged(f"damaged gzip or zip archive: {error}", name) from None
            block = inflater.unconsumed_tail or inflater.unused_data
            if out:
                yield out
    while not inflater.eof:  # what the last block still holds
        out = inflater.decompress(b"", PIECE)
        if not out:
            break
        yield out
    if not inflater.eof:
        raise _damaged("gzip or zip archive cut off", name)


def _limited(blocks: Blocks, packed: int, name: str) -> Blocks:
    done = 0
    for block in blocks:
        done += len(block)
        check_ratio(done, packed, name)
        yield block


def check_ratio(size: int, packed: int, name: str) -> None:
    """Raise MalformedFileError if no text of `size` bytes would come out of `packed`."""
    if size > LARGEST or size > max(SMALL, RATIO * packed):
        raise MalformedFileError(
            f"a decompression bomb: {packed:,} bytes hold {size:,} or more; {name}; "
            "if it is yours, unpack it and give the text"
        )


@dataclass(frozen=True)
class Member:
    """One file in a zip. `path` is its name there, which is shown and sorted by, never opened."""

    archive: Raw
    path: str
    info: zipfile.ZipInfo

    @property
    def name(self) -> str:
        return f"{self.archive.name}:{printable(self.path)}"

    def blocks(self) -> Blocks:
        """Its bytes. Raises MalformedFileError where they are not what the zip's list says."""
        info, size, crc = self.info, 0, 0
        if info.flag_bits & 1:
            raise UnsupportedFileError(f"encrypted; {self.name}; unpack it and give the text")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise UnsupportedFileError(
                f"compressed by method {info.compress_type}, not deflate (8); {self.name}; "
                "unpack it and give the text"
            )
        for block in self._content():
            size, crc = size + len(block), zlib.crc32(block, crc)
            if size > info.file_size:
                break
            yield block
        if (size, crc) != (info.file_size, info.CRC):
            raise _damaged("damaged archive: length or CRC is wrong", self.name)

    def _content(self) -> Blocks:
        first = max(self.info.header_offset, 0)
        head = b"".join(self.archive.blocks(first, LOCAL_HEADER.size))
        if len(head) < LOCAL_HEADER.size or head[:4] != b"PK\x03\x04":
            raise _damaged("damaged archive: no file where its list says", self.name)
        _, name_length, extra_length = LOCAL_HEADER.unpack(head)
        first += LOCAL_HEADER.size + name_length + extra_length
        packed = self.archive.blocks(first, self.info.compress_size)
        if self.info.compress_type == zipfile.ZIP_STORED:
            return packed
        return _inflate(packed, DEFLATE, self.name)


def members(raw: Raw) -> list[Member]:
    """The files of a zip by the parts of their names, as a folder's. Folders are left out."""
    try:
        with opened(raw.source, raw.name) as descriptor, _Bounded(descriptor, raw.size) as file:
            infos = zipfile.ZipFile(file).infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
        reason = (str(error).splitlines() or ["its list of files"])[0][:100]
        raise _damaged(f"damaged zip archive: {reason}", raw.name) from None
    files = [info for info in infos if not info.is_dir()]
    check_ratio(sum(info.file_size for info in files), raw.size, raw.name)
    return [Member(raw, i.filename, i) for i in sorted(files, key=lambda i: i.filename.split("/"))]


class _Bounded:
    """As much of a file object as zipfile needs; refuses to read a list that fills memory."""

    def __init__(self, descriptor: int, size: int) -> None:
        self.descriptor, self.size, self.at = descriptor, size, 0

    def __enter__(self) -> _Bounded:
        return self

    def __exit__(self, *_: object) -> None: ...

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        at = offset + (0, self.at, self.size)[whence]
        if at < 0:
            raise ValueError("a place before its beginning")
        self.at = at
        return at

    def tell(self) -> int:
        return self.at

    def read(self, length: int = -1) -> bytes:
        length = max(self.size - self.at, 0) if length < 0 else length
        if length > DIRECTORY:
            raise ValueError(f"its list of files has {length:,} bytes")
        block = os.pread(self.descriptor, length, self.at)
        self.at += len(block)
        return block

    def close(self) -> None: ...


def _damaged(what: str, name: str) -> MalformedFileError:
    return MalformedFileError(f"{what}; {name}; get it again")
