"""A token shard: the ids of a text in one file, with a header that says what they are.

    offset  size  little endian
    0       8     magic "WEFTTOKS"
    8       4     version, 1
    12      4     bytes per token: 2 (uint16, vocabularies up to 65,536) or 4 (uint32)
    16      8     vocabulary size
    24      8     number of tokens
    32      32    SHA-256 of the tokenizer's tokenizer.json
    64      ...   the tokens, to the last byte of the file

So the tokens are aligned to a cache line. Reading maps the file: a shard may be far larger than
memory. Every field is checked at opening, and every id once.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from weft.data.documents import printable
from weft.data.files import sync_folder
from weft.errors import DataError, MalformedFileError
from weft.replacing import replacing

MAGIC = b"WEFTTOKS"
VERSION = 1
HEADER = struct.Struct("<8sIIQQ32s")
ITEM_TYPES: dict[int, np.dtype[Any]] = {2: np.dtype("<u2"), 4: np.dtype("<u4")}
SCAN = 1 << 20  # tokens looked at together

assert HEADER.size == 64


@dataclass(frozen=True)
class TokenShard:
    """`tokens` (N,) uint16 or uint32, read-only and mapped; ids lie in [0, `vocab_size`)."""

    path: Path
    tokens: NDArray[Any]
    vocab_size: int
    tokenizer_hash: str

    def __len__(self) -> int:
        return len(self.tokens)

    @classmethod
    def open(cls, path: str | Path) -> TokenShard:
        """Map the shard at `path`. Raises MalformedFileError for any fault, DataError if absent."""
        path = Path(path)
        try:
            with open(path, "rb") as file:
                item_type, vocab_size, count, digest = _read_header(file, path)
                _check_ids(file, item_type, count, vocab_size, path)
                tokens: NDArray[Any] = np.empty(0, item_type)
                if count:
                    tokens = np.memmap(file, item_type, "r", HEADER.size, (count,))
        except OSError as error:
            raise DataError(
                f"cannot read the token shard: {error.strerror}; {printable(path)}; check the path"
            ) from error
        return cls(path, tokens, vocab_size, digest)

    def part(self, start: int, stop: int) -> TokenShard:
        """The same shard, narrowed to tokens [start, stop); nothing is copied."""
        return replace(self, tokens=self.tokens[start:stop])


def is_shard(path: str | Path) -> bool:
    """Whether the file at `path` begins as a token shard does."""
    if not os.path.isfile(path):
        return False
    try:
        with open(path, "rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def write_shard(
    path: str | Path, arrays: Iterable[NDArray[Any]], vocab_size: int, tokenizer_hash: str
) -> int:
    """Write the ids in `arrays`, one after the other, and return how many there were.

    Only one array is in memory at a time. The file appears under its name when it is complete
    and on the disk. Raises ValueError for an id outside the vocabulary, DataError for a full disk.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as new, new.open("wb") as file:
            count = _write(file, arrays, vocab_size, bytes.fromhex(tokenizer_hash))
    except OSError as error:
        raise DataError(
            f"cannot write the token shard: {error.strerror}; {printable(path)}; "
            "free some space or choose another folder"
        ) from error
    sync_folder(path.parent)
    return count


def _write(file: BinaryIO, arrays: Iterable[NDArray[Any]], vocab_size: int, digest: bytes) -> int:
    width = 2 if vocab_size <= 1 << 16 else 4
    file.write(bytes(HEADER.size))  # the count is known at the end
    count = 0
    for array in arrays:
        if array.size and not 0 <= int(array.min()) <= int(array.max()) < vocab_size:
            raise ValueError(f"token id outside the vocabulary of {vocab_size}: {array.max()}")
        file.write(np.ascontiguousarray(array, ITEM_TYPES[width]).tobytes())
        count += array.size
    file.seek(0)
    file.write(HEADER.pack(MAGIC, VERSION, width, vocab_size, count, digest))
    file.flush()
    os.fsync(file.fileno())
    return count


def _read_header(file: BinaryIO, path: Path) -> tuple[np.dtype[Any], int, int, str]:
    size = os.fstat(file.fileno()).st_size
    head = file.read(HEADER.size)
    if head[: len(MAGIC)] != MAGIC:
        raise _malformed("not a token shard", path)
    if len(head) < HEADER.size:
        raise _malformed(f"token shard cut off in its header ({size} of 64 bytes)", path)
    _, version, width, vocab_size, count, digest = HEADER.unpack(head)
    if version != VERSION:
        raise _malformed(f"token shard of version {version}, this Weft reads {VERSION}", path)
    if width not in ITEM_TYPES:
        raise _malformed(f"token shard with {width} bytes per token, not 2 or 4", path)
    if not 0 < vocab_size <= 1 << (8 * width):
        raise _malformed(f"token shard with a vocabulary of {vocab_size}", path)
    expected = HEADER.size + count * width
    if size != expected:
        fault = "cut off" if size < expected else "followed by other bytes"
        raise _malformed(f"token shard {fault}: {size} bytes, its header says {expected}", path)
    return ITEM_TYPES[width], vocab_size, count, digest.hex()


def _check_ids(
    file: BinaryIO, item_type: np.dtype[Any], count: int, vocab_size: int, path: Path
) -> None:
    """Look at every id once, by reads, so that the scan does not fill memory with the map."""
    first = 0
    for ids in _scanned(file, item_type, count):
        if len(ids) == 0 or int(ids.max()) >= vocab_size:
            at = first + int(np.argmax(ids >= vocab_size)) if len(ids) else first
            raise _malformed(f"token {at} is no id of a vocabulary of {vocab_size}", path)
        first += len(ids)


def _scanned(file: BinaryIO, item_type: np.dtype[Any], count: int) -> Iterator[NDArray[Any]]:
    for start in range(0, count, SCAN):
        yield np.fromfile(file, item_type, min(SCAN, count - start))


def _malformed(what: str, path: Path) -> MalformedFileError:
    return MalformedFileError(f"{what}; {printable(path)}; make it again from the text")
