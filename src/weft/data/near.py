"""Near copies among many documents: MinHash and banding, in one pass over the text.

Two documents are alike as far as the sets of their shingles are: runs of `SHINGLE` bytes; the
Jaccard similarity is the size of what they share over the size of both together (Broder 1997, "On
the resemblance and containment of documents"). A sketch is `VALUES` bytes. Each is the smallest
hash in one bin of hashes (one permutation hashing, Li, Owen and Zhang 2012; empty bins borrow from
the next, Shrivastava and Li 2014), cut to 8 bits (b-bit minwise hashing, Li and König 2010): two
documents of similarity s agree in about s + (1 - s) / 256 of the values. Only every fourth hash
takes part. Documents that agree in one band of 8 values are compared by all: of pairs with s = 0.8,
95 % share a band, of pairs with s = 0.5, 6 %.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import DataError

SHINGLE = 8  # bytes
VALUES, BAND = 128, 8
LIKENESS = 0.8
SHORTEST = 200  # bytes; shorter documents have too few shingles to say
BATCH = 1 << 18  # bytes that are hashed together
NONE = np.uint32(0xFFFFFFFF)


class Sketcher:
    """`add` the blocks of a document, `end` it; `sketches` when all have ended.

    What is not hashed yet is in memory, finished sketches are in a temporary file without a name.
    """

    def __init__(self) -> None:
        try:
            self.file = tempfile.TemporaryFile(prefix="weft-")  # noqa: SIM115, it outlives this
        except OSError as error:
            raise _no_room(error) from error
        self.blocks: list[bytes] = []
        self.lengths = [0]  # of the documents in the blocks; the last one has not ended
        self.short: list[bool] = []  # of those in the blocks that have ended
        self.waiting = self.count = 0
        self.smallest: NDArray[np.uint32] = np.full(VALUES, NONE)  # of the first document
        self.size = 0  # of the last document

    def add(self, block: bytes) -> None:
        self.blocks.append(block)
        self.lengths[-1] += len(block)
        self.size += len(block)
        self.waiting += len(block)
        if self.waiting >= BATCH:
            self._flush()

    def end(self) -> None:
        self.short.append(self.size < SHORTEST)
        self.lengths.append(0)
        self.size = 0
        if len(self.lengths) > BATCH // VALUES:
            self._flush()

    def sketches(self) -> NDArray[np.uint8]:
        """(documents, VALUES), mapped; a row of zeros is no sketch."""
        self._flush()
        if not self.count:
            self.close()
            return np.zeros((0, VALUES), np.uint8)
        self.file.flush()
        mapped = np.memmap(self.file, np.uint8, "r", shape=(self.count, VALUES))
        self.close()  # the map stays
        return mapped

    def close(self) -> None:
        self.file.close()

    def _flush(self) -> None:
        data = np.frombuffer(b"".join(self.blocks), np.uint8)
        ends = np.cumsum(self.lengths)
        table = np.full((len(ends), VALUES), NONE)
        table[0] = self.smallest
        hashes, places = _hashes(data)
        owner = np.searchsorted(ends, places, "right")
        inside = places + SHINGLE <= ends[owner]
        hashes, owner = hashes[inside], owner[inside]
        bins = (hashes >> np.uint64(57)).astype(np.int64)
        values = (hashes >> np.uint64(25)).astype(np.uint32)
        np.minimum.at(table.reshape(-1), owner * VALUES + bins, values)
        table[:-1][self.short] = NONE
        try:
            self.file.write(_sketches(table[:-1]).tobytes())
        except OSError as error:
            raise _no_room(error) from error
        self.count += len(table) - 1
        self.smallest = table[-1]
        held = min(SHINGLE - 1, self.lengths[-1])
        self.blocks, self.lengths = [data[len(data) - held :].tobytes()], [held]
        self.short, self.waiting = [], held


def _hashes(data: NDArray[np.uint8]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Of a quarter of the shingles of `data`, the same ones everywhere: hash, and first byte."""
    count = max(len(data) - SHINGLE + 1, 0)
    shingles = np.empty(count, "<u8")
    for first in range(min(SHINGLE, count)):
        whole = (len(data) - first) // SHINGLE
        shingles[first::SHINGLE] = data[first : first + whole * SHINGLE].view("<u8")
    hashes = shingles * np.uint64(0x9E3779B97F4A7C15)
    hashes ^= hashes >> np.uint64(32)
    hashes *= np.uint64(0xD6E8FEB86659FD93)
    places = np.flatnonzero(hashes & np.uint64(3 << 22) == 0)
    return hashes[places], places


def _sketches(smallest: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """(documents, VALUES) of bytes from the smallest hashes of the bins."""
    filled = smallest != NONE
    columns = np.arange(2 * VALUES)
    twice = np.where(np.tile(filled, 2), columns, 2 * VALUES)
    following = np.minimum.accumulate(twice[:, ::-1], axis=1)[:, ::-1][:, :VALUES]
    empty = ~filled.any(axis=1)
    following[empty] = 0
    distance = (following - columns[:VALUES]).astype(np.uint32)
    values = np.take_along_axis(smallest, following % VALUES, axis=1)
    values = (values + distance * np.uint32(0x9E3779B1)) * np.uint32(0x85EBCA6B)
    sketches = (values >> np.uint32(24)).astype(np.uint8)
    sketches[empty] = 0
    return sketches


def near_copies(sketches: NDArray[np.uint8], copies: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which documents are alike to an earlier one by `LIKENESS`, (documents,); none in `copies`.

    In a band a document is compared with the first one that agrees there and with the one before.
    """
    near = np.zeros(len(sketches), np.bool_)
    if not len(sketches):
        return near
    able = np.flatnonzero(sketches.any(axis=1) & ~copies)
    for first in range(0, VALUES, BAND):
        keys = np.ascontiguousarray(sketches[able, first : first + BAND]).view("<u8")[:, 0]
        for one, other in _pairs(keys):
            earlier, later = able[one], able[other]
            near[later] |= _alike(sketches, earlier, later)
    return near


def _pairs(keys: NDArray[np.uint64]) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Places of equal keys: each with the first one, and with the one before it."""
    if len(keys) < 2:
        return
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    begins = np.append(True, ordered[1:] != ordered[:-1])
    first = np.maximum.accumulate(np.where(begins, np.arange(len(keys)), 0))
    later = np.flatnonzero(~begins)
    yield order[first[later]], order[later]
    yield order[later - 1], order[later]


def _alike(
    sketches: NDArray[np.uint8], one: NDArray[Any], other: NDArray[Any]
) -> NDArray[np.bool_]:
    needed = np.ceil(VALUES * (LIKENESS + (1 - LIKENESS) / 256))
    found = np.empty(len(one), np.bool_)
    for start in range(0, len(one), 1 << 14):
        rows = slice(start, start + (1 << 14))
        found[rows] = (sketches[one[rows]] == sketches[other[rows]]).sum(axis=1) >= needed
    return found


def _no_room(error: OSError) -> DataError:
    return DataError(
        f"cannot keep what is known of the documents: {error.strerror}; {tempfile.gettempdir()}; "
        "free some space or set TMPDIR"
    )
