"""Zip archives whose entries are stored as they are: mapped when read, streamed when written.

Only what PyTorch writes: no compression (so no zip bombs), no encryption, one disk, zip64 where
numbers need it. The format: PKWARE APPNOTE.TXT 6.3.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from numpy.typing import NDArray

from weft.tokenizers.strict_json import malformed, shown

Array = NDArray[Any]
MAX_ENTRIES = 1 << 16
MAX_NAME = 512
LARGEST = 0xFFFFFFFF  # that fits a field of 32 bits; above it, or at it, the entry is zip64
ALIGNMENT = 64  # of the bytes of an entry in the file

_END = struct.Struct("<4s4H2IH")
_END_64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")


@dataclass(frozen=True)
class Entry:
    """One file of the archive: its bytes (a view, uint8) and the CRC-32 that they should have."""

    data: Array
    crc: int

    def check(self, name: str, where: str) -> None:
        """Raise `MalformedFileError` unless the CRC fits; 0 says that the writer made none."""
        if self.crc and zlib.crc32(self.data.data) != self.crc:
            malformed(f"{shown(name)} is altered: its checksum is another", where)


def read_entries(data: Array, where: str) -> dict[str, Entry]:
    """Name -> entry of the archive in `data` (uint8). Raises `MalformedFileError`."""
    count, start, size = _directory(data, where)
    if count > MAX_ENTRIES or count * _CENTRAL.size > size:
        malformed(f"a zip directory of {count:,} entries in {size:,} bytes", where)
    directory = data[start : start + size].tobytes()
    entries: dict[str, Entry] = {}
    spans, place = [], 0
    for _ in range(count):
        if place + _CENTRAL.size > size:
            malformed("a zip directory that ends too early", where)
        name, crc, span, place = _central(directory, place, where)
        if name in entries:
            malformed(f"the zip entry {shown(name)} is there twice", where)
        begin, end = _local(data, name, span, start, where)
        spans.append((span[0], end))
        entries[name] = Entry(data[begin:end], crc)
    if place != size:
        malformed("a zip directory with bytes left over", where)
    spans.sort()
    if any(end > begin for (_, end), (begin, _) in pairwise(spans)):
        malformed("zip entries that overlap", where)
    return entries


def _directory(data: Array, where: str) -> tuple[int, int, int]:
    """How many entries the directory has, where it begins, and its size in bytes."""
    tail = data[-_END.size :].tobytes()
    if len(tail) < _END.size or tail[:4] != b"PK\x05\x06":
        malformed("no zip directory at the end: cut short, or something else", where)
    _, disk, first, here, count, size, start, comment = _END.unpack(tail)
    end = data.size - _END.size
    locator = data[max(end - _LOCATOR.size, 0) : end].tobytes()
    if locator[:4] == b"PK\x06\x07" and len(locator) == _LOCATOR.size:
        end = _LOCATOR.unpack(locator)[2]
        record = data[end : end + _END_64.size].tobytes() if end < data.size else b""
        if len(record) < _END_64.size or record[:4] != b"PK\x06\x06":
            malformed("a zip64 directory that is not there", where)
        _, _, _, _, disk, first, here, count, size, start = _END_64.unpack(record)
    if disk or first or here != count or comment:
        malformed("a zip archive in parts or with a comment", where)
    if start + size != end:
        malformed(f"a zip directory of {size:,} bytes at {start:,}, which is not its place", where)
    return count, start, size


def _central(directory: bytes, place: int, where: str) -> tuple[str, int, tuple[int, int], int]:
    """Name, CRC and (offset, size) of one entry, and where the next one begins."""
    fields = _CENTRAL.unpack_from(directory, place)
    magic, _, _, flags, method, _, _, crc, packed, size, n, x, c, disk, _, _, offset = fields
    name = directory[place + _CENTRAL.size : place + _CENTRAL.size + n]
    extra = directory[place + _CENTRAL.size + n :][:x]
    end = place + _CENTRAL.size + n + x + c
    if magic != b"PK\x01\x02" or end > len(directory) or n > MAX_NAME:
        malformed("a zip directory that makes no sense", where)
    try:
        text = name.decode()
    except UnicodeDecodeError:
        malformed(f"a zip entry whose name is not UTF-8: {shown(name)}", where)
    if method or flags & 1 or disk not in (0, 0xFFFF):
        how = "encrypted" if flags & 1 else f"compressed (method {method})"
        malformed(f"the zip entry {shown(text)} is {how}, not stored", where, "save it again")
    size, packed, offset = _wide(extra, (size, packed, offset))
    if size != packed:
        malformed(f"the zip entry {shown(text)} has two sizes, {size:,} and {packed:,}", where)
    return text, crc, (offset, size), end


def _wide(extra: bytes, numbers: tuple[int, ...]) -> tuple[int, ...]:
    """The numbers, those that did not fit 32 bits from the zip64 field."""
    place = 0
    while place + 4 <= len(extra):
        kind, size = struct.unpack_from("<2H", extra, place)
        if kind == 1:
            wide = iter(v for (v,) in struct.iter_unpack("<Q", extra[place + 4 :][: size // 8 * 8]))
            return tuple(next(wide, n) if n == 0xFFFFFFFF else n for n in numbers)
        place += 4 + size
    return numbers


def _local(
    data: Array, name: str, span: tuple[int, int], limit: int, where: str
) -> tuple[int, int]:
    """Where the bytes of an entry begin and end; `limit` is where the directory begins."""
    offset, size = span
    header = data[offset : offset + _LOCAL.size].tobytes() if offset < limit else b""
    if len(header) < _LOCAL.size or header[:4] != b"PK\x03\x04":
        malformed(f"the zip entry {shown(name)} is not at its place, {offset:,}", where)
    n, x = _LOCAL.unpack(header)[-2:]
    begin = offset + _LOCAL.size + n + x
    if data[offset + _LOCAL.size :][:n].tobytes() != name.encode():
        malformed(f"the zip entry {shown(name)} has another name at its place", where)
    if begin + size > limit:
        malformed(f"the zip entry {shown(name)} of {size:,} bytes goes past its end", where)
    return begin, begin + size


def stored_zip(entries: Iterable[tuple[str, int, Iterable[Any]]]) -> Iterator[Any]:
    """The buffers of an archive of (name, bytes in all, buffers); each entry is held once."""
    place, directory, count = 0, b"", 0
    for name, size, buffers in entries:
        header = _local_header(name, size, place)
        yield header
        crc, written = 0, 0
        for buffer in buffers:
            view = memoryview(buffer).cast("B")
            crc, written = zlib.crc32(view, crc), written + len(view)
            yield view
        if written != size:
            raise ValueError(f"{name}: {written} bytes, not {size}")
        wide = size >= LARGEST
        yield struct.pack("<4sI2Q" if wide else "<4s3I", b"PK\x07\x08", crc, size, size)
        directory += _central_header(name, size, crc, place)
        place, count = place + len(header) + size + (24 if wide else 16), count + 1
    yield directory
    yield from _end(count, len(directory), place)


def _local_header(name: str, size: int, place: int) -> bytes:
    """Its extra field pads the header, so that the bytes behind it begin at a multiple of 64."""
    text = name.encode()
    extra = struct.pack("<2H2Q", 1, 16, size, size) if size >= LARGEST else b""
    padding = -(place + _LOCAL.size + len(text) + len(extra) + 4) % ALIGNMENT
    extra += struct.pack("<2H", 0x4246, padding) + bytes(padding)
    short = 0xFFFFFFFF if size >= LARGEST else size
    fields = (b"PK\x03\x04", 45, 0x0808, 0, 0, 0x21, 0, short, short, len(text), len(extra))
    return _LOCAL.pack(*fields) + text + extra  # flags: the CRC comes behind, the name is UTF-8


def _central_header(name: str, size: int, crc: int, place: int) -> bytes:
    text = name.encode()
    wide = [number for number in (size, size, place) if number >= LARGEST]
    extra = struct.pack(f"<2H{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    short, offset = (0xFFFFFFFF if number >= LARGEST else number for number in (size, place))
    fields = (b"PK\x01\x02", 45, 45, 0x0808, 0, 0, 0x21, crc, short, short)
    return _CENTRAL.pack(*fields, len(text), len(extra), 0, 0, 0, 0, offset) + text + extra


def _end(count: int, size: int, start: int) -> Iterator[bytes]:
    if max(size, start) >= LARGEST or count >= 0xFFFF:
        yield _END_64.pack(b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, start)
        yield _LOCATOR.pack(b"PK\x06\x07", 0, start + size, 1)
    short = min(count, 0xFFFF)
    limited = (0xFFFFFFFF if number >= LARGEST else number for number in (size, start))
    yield _END.pack(b"PK\x05\x06", 0, 0, short, short, *limited, 0)
