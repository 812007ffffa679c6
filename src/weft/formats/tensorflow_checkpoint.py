"""TensorFlow's checkpoints ("tensor bundles"), read without TensorFlow.

`PREFIX.index` is a table of LevelDB (doc/table_format.md there): blocks of sorted names, each with
a checksum. A name's value says type, shape, and where the bytes are in the files
`PREFIX.data-00000-of-00001`, ...; TensorFlow writes the table uncompressed. Protocol buffers are
tensor_bundle.proto and tensor_shape.proto of TensorFlow.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from weft.checkpoint.tensors import map_file
from weft.formats.crc32c import crc32c
from weft.tokenizers.strict_json import malformed, printable, shown

Array = NDArray[Any]
MAGIC = 0xDB4775248B80FB57
FOOTER = 48
MAX_INDEX = 4 << 20  # bytes; GPT-2's largest model needs 40,000
MAX_TENSORS = 1 << 14
MAX_NAME = 512
MAX_SHARDS = 1 << 10
TYPES: dict[int, np.dtype[Any]] = {
    1: np.dtype("<f4"),
    2: np.dtype("<f8"),
    3: np.dtype("<i4"),
    4: np.dtype("u1"),
    5: np.dtype("<i2"),
    6: np.dtype("i1"),
    9: np.dtype("<i8"),
    10: np.dtype("?"),
    14: np.dtype(ml_dtypes.bfloat16),
    19: np.dtype("<f2"),
}


@dataclass(frozen=True)
class BundleTensor:
    """A tensor of a checkpoint: its bytes are checked when they are asked for."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    data: Array = field(repr=False)
    checksum: int
    where: str = field(repr=False)

    def array(self) -> Array:
        """A read-only view of the mapped file. Raises `MalformedFileError` if it was altered."""
        if masked(crc32c(self.data)) != self.checksum:
            malformed(f"{shown(self.name)} is altered: its checksum is another", self.where)
        numbers = self.data.view(self.dtype).reshape(self.shape)
        return numbers if numbers.flags.aligned else numbers.copy()


def masked(checksum: int) -> int:
    """A checksum as LevelDB stores it, so that the checksum of a file of checksums is no trap."""
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


def read_bundle(prefix: Path) -> dict[str, BundleTensor]:
    """Name -> tensor of `prefix`.index and its data files. Raises `MalformedFileError`."""
    path = prefix.with_name(prefix.name + ".index")
    index, where = map_file(path), printable(path)
    if index.size > MAX_INDEX:
        malformed(f"an index of {index.size:,} bytes, more than {MAX_INDEX:,}", where)
    entries: dict[bytes, bytes] = {}
    for key, value in _table(index, where):
        if key in entries or (entries and key < next(reversed(entries))):
            malformed(f"the name {shown(key)} is there twice or not in order", where)
        if len(entries) > MAX_TENSORS:
            malformed(f"more than {MAX_TENSORS:,} tensors", where)
        entries[key] = value
    shards = _shards(entries.pop(b"", None), where)
    files = [
        map_file(prefix.with_name(f"{prefix.name}.data-{shard:05d}-of-{shards:05d}"))
        for shard in range(shards)
    ]
    tensors = [_tensor(key, value, files, where) for key, value in entries.items()]
    _no_overlap([tensor.data for tensor in tensors], where)
    return {tensor.name: tensor for tensor in tensors}


def _shards(header: bytes | None, where: str) -> int:
    """How many data files there are, by the header: {1: shards, 2: endianness, 3: version}."""
    if header is None:
        malformed("no header: this is no index of a TensorFlow checkpoint", where)
    fields = _message(header, where)
    shards = _number(fields, 1, where)
    if _number(fields, 2, where) != 0:
        malformed("numbers in big-endian order", where, "save it on another machine")
    if not 1 <= shards <= MAX_SHARDS:
        malformed(f"a number of data files that cannot be: {shown(shards)}", where)
    return shards


def _tensor(key: bytes, value: bytes, files: list[Array], where: str) -> BundleTensor:
    """{1: type, 2: shape, 3: shard, 4: offset, 5: size, 6: checksum, 7: slices}."""
    try:
        name = key.decode()
    except UnicodeDecodeError:
        malformed(f"a name that is not UTF-8: {shown(key)}", where)
    fields = _message(value, where)
    if 7 in fields:
        malformed(f"{shown(name)} is in slices, which Weft does not read", where)
    code, shard, offset, size = (_number(fields, n, where) for n in (1, 3, 4, 5))
    if code not in TYPES:
        malformed(f"{shown(name)} has the type {code}, which Weft does not read", where)
    shape = _shape(fields, where)
    if size != math.prod(shape) * TYPES[code].itemsize:
        malformed(f"{shown(name)} of shape {shape} has {size:,} bytes", where)
    if shard >= len(files) or offset + size > files[shard].size:
        malformed(f"{shown(name)} goes past the end of its data file {shard}", where)
    checksum = _number(fields, 6, where)
    data = files[shard][offset : offset + size]
    return BundleTensor(name, TYPES[code], shape, data, checksum, where)


def _shape(fields: dict[int, list[Any]], where: str) -> tuple[int, ...]:
    """{2: [{1: size}, ...], 3: unknown rank}."""
    shape = _message(_bytes(fields.get(2, [b""])[0], where), where)
    sizes = []
    for side in shape.get(2, []):
        sizes.append(_number(_message(_bytes(side, where), where), 1, where))
    if 3 in shape or len(sizes) > 8 or max(sizes, default=0) >= 2**62:
        malformed(f"a shape that cannot be: {shown(sizes)}", where)
    return tuple(sizes)


def _no_overlap(views: list[Array], where: str) -> None:
    """Tensors that share bytes would make a large model of a small file."""
    spans = sorted((view.ctypes.data, view.ctypes.data + view.size) for view in views if view.size)
    if any(end > begin for (_, end), (begin, _) in pairwise(spans)):
        malformed("tensors that overlap", where)


def _table(data: Array, where: str) -> Iterator[tuple[bytes, bytes]]:
    """All entries of a LevelDB table in order: the index block leads to the data blocks."""
    footer = data[-FOOTER:].tobytes()
    if len(footer) < FOOTER or struct.unpack("<Q", footer[-8:])[0] != MAGIC:
        malformed("no LevelDB table: cut short, or something else", where)
    handle = Bytes(footer, where)
    handle.varint(), handle.varint()  # of the metadata, which there is none of
    end = 0
    for _, block in _block(data, handle.varint(), handle.varint(), where):
        place = Bytes(block, where)
        offset, size = place.varint(), place.varint()
        if offset < end:
            malformed("blocks that overlap", where)
        end = offset + size
        yield from _block(data, offset, size, where)


def _block(data: Array, offset: int, size: int, where: str) -> Iterator[tuple[bytes, bytes]]:
    """Entries of one block: names share a prefix with the one before; a table of restarts ends it.

    Behind the block are its compression (0: none) and the checksum of both.
    """
    if offset + size + 5 > data.size - FOOTER or size < 4:
        malformed(f"a block of {size:,} bytes at {offset:,} goes past the end", where)
    tail = data[offset + size : offset + size + 5].tobytes()
    if masked(crc32c(data[offset : offset + size + 1])) != struct.unpack("<I", tail[1:])[0]:
        malformed("a block is altered: its checksum is another", where)
    if tail[0]:
        malformed(f"a block is compressed (type {tail[0]})", where, "save it again uncompressed")
    block = data[offset : offset + size].tobytes()
    restarts = struct.unpack("<I", block[-4:])[0]
    end = size - 4 - 4 * restarts
    if end <= 0:
        malformed(f"a block of {size:,} bytes with {restarts:,} restarts", where)
    entries, key = Bytes(block[:end], where), b""
    while entries.place < end:
        shared, more, length = entries.varint(), entries.varint(), entries.varint()
        if shared > len(key) or shared + more > MAX_NAME:
            malformed("a name that is too long or makes no sense", where)
        key = key[:shared] + entries.take(more)
        yield key, entries.take(length)


class Bytes:
    """Reads numbers and pieces from the front of some bytes, and never past their end."""

    def __init__(self, data: bytes, where: str) -> None:
        self.data, self.where, self.place = data, where, 0

    def take(self, count: int) -> bytes:
        piece = self.data[self.place : self.place + count]
        if len(piece) < count:
            malformed("an entry goes past its end", self.where)
        self.place += count
        return piece

    def varint(self) -> int:
        """Seven bits a byte, the lowest first; at most 64 bits."""
        value = 0
        for shift in range(0, 70, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value >= 1 << 64:
                    break
                return value
        malformed("a number of more than 64 bits", self.where)


def _message(data: bytes, where: str) -> dict[int, list[Any]]:
    """Field -> values of a protocol buffer; numbers are integers, the rest bytes."""
    reader, fields = Bytes(data, where), dict[int, list[Any]]()
    while reader.place < len(data):
        tag = reader.varint()
        kind = tag & 7
        value: int | bytes
        if kind == 0:
            value = reader.varint()
        elif kind == 2:
            value = reader.take(reader.varint())
        elif kind in (1, 5):
            value = int.from_bytes(reader.take(8 if kind == 1 else 4), "little")
        else:
            malformed(f"a protocol buffer with a field of kind {kind}", where)
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def _number(fields: dict[int, list[Any]], field: int, where: str) -> int:
    """A field that is there at most once; a missing one is 0."""
    values = fields.get(field, [0])
    if len(values) != 1 or not isinstance(values[0], int):
        malformed(f"field {field} of an entry is not one number", where)
    return values[0]


def _bytes(value: Any, where: str) -> bytes:
    if not isinstance(value, bytes):
        malformed("a shape that is no message", where)
    return value
