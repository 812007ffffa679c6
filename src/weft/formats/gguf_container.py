"""A GGUF v3 file as a container: its keys and values, and where its tensors lie. Bounded.

https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Nothing is believed: a count is compared
with the bytes that are left before anything of its size is made, and every tensor lies inside the
file, apart from the others, without holes. What the values mean is not here (`gguf.py`).
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from weft.checkpoint import tensors as mapped
from weft.formats.gguf_types import OTHER_TYPES, TYPES, TensorType, size_of
from weft.formats.model_files import Array
from weft.tokenizers.strict_json import malformed, shown

MAGIC = b"GGUF"
VERSION = 3
LAYOUT_ALIKE = 2  # had no big-endian files yet; else equal
ALIGNMENT = 32
MAX_VALUES = MAX_TENSORS = 1 << 16
MAX_KEY_BYTES = 1 << 16
MAX_NAME_BYTES = 63  # GGML_MAX_NAME, with its final zero
MAX_STRING_BYTES = 1 << 20
MAX_STRINGS = 1 << 20  # of one array: four times the largest vocabularies
MAX_NUMBERS = 1 << 24
MAX_DIMS = 4
MAX_ELEMENTS = 1 << 48
BOOL, STRING, ARRAY = 7, 8, 9
_LENGTH = struct.Struct("<Q")
# Type number -> how `struct` and NumPy call it.
NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 10: "Q", 11: "q", 12: "d"}


@dataclass(frozen=True)
class TensorPlace:
    """One tensor: its type, its shape as in NumPy, its bytes in the file."""

    kind: TensorType
    shape: tuple[int, ...]
    start: int
    stop: int


@dataclass(frozen=True)
class Container:
    """A whole file: `data` is its mapped bytes (uint8)."""

    values: dict[str, Any]
    """Numbers, booleans, strings; arrays of strings are lists, of numbers NumPy arrays."""
    tensors: dict[str, TensorPlace]
    data: Array

    def bytes_of(self, name: str) -> Array:
        """The bytes of one tensor, a read-only view."""
        place = self.tensors[name]
        return self.data[place.start : place.stop]


def read_container(path: Path) -> Container:
    """Check all of a file but the numbers in it. Raises `MalformedFileError`."""
    data = mapped.map_file(Path(os.path.realpath(path)))
    cursor = _Cursor(data, str(path))
    _check_version(cursor)
    tensor_count, value_count = cursor.number("Q"), cursor.number("Q")
    # The least that one takes: no name, one dimension; a key of a byte, a value of a byte.
    cursor.check_count(tensor_count, MAX_TENSORS, 32, "tensors")
    cursor.check_count(value_count, MAX_VALUES, 14, "values")
    values: dict[str, Any] = {}
    for _ in range(value_count):
        _read_value(cursor, values)
    alignment = _alignment(values, cursor.where)
    places: dict[str, tuple[TensorType, tuple[int, ...], int]] = {}
    for _ in range(tensor_count):
        _read_place(cursor, places, alignment)
    start = -(-cursor.at // alignment) * alignment
    return Container(values, _place(places, start, alignment, data.size, cursor.where), data)


def _check_version(cursor: _Cursor) -> None:
    if cursor.take(4) != MAGIC:
        malformed("it does not begin with GGUF", cursor.where, "give a GGUF file")
    version = cursor.number("I")
    if version & 0xFFFF == 0 and version:
        malformed("a big-endian file", cursor.where, "convert it to little-endian")
    if version not in (VERSION, LAYOUT_ALIKE):
        do = "use a newer weft" if version > VERSION else "write it anew with a newer llama.cpp"
        malformed(f"GGUF version {version}; Weft reads {VERSION}", cursor.where, do)


def _read_value(cursor: _Cursor, values: dict[str, Any]) -> None:
    key = cursor.string(MAX_KEY_BYTES, "a key")
    if not key:
        malformed("a key is empty", cursor.where)
    if key in values:
        malformed(f"key {shown(key)} is there twice", cursor.where)
    kind = cursor.number("I")
    if kind == ARRAY:
        values[key] = _read_array(cursor, key)
    elif kind == STRING:
        values[key] = cursor.string(MAX_STRING_BYTES, shown(key))
    elif kind == BOOL:
        byte = cursor.number("B")
        if byte > 1:
            malformed(f"{shown(key)} is {byte}, neither true nor false", cursor.where)
        values[key] = bool(byte)
    elif kind in NUMBERS:
        values[key] = cursor.number(NUMBERS[kind])
    else:
        malformed(f"{shown(key)} has a value of type {kind}, which GGUF has not", cursor.where)


def _read_array(cursor: _Cursor, key: str) -> Any:
    kind, count = cursor.number("I"), cursor.number("Q")
    if kind == STRING:
        cursor.check_count(count, MAX_STRINGS, 8, f"strings in {shown(key)}")
        return cursor.strings(count, MAX_STRING_BYTES, shown(key))
    if kind in NUMBERS or kind == BOOL:
        dtype = np.dtype("<" + NUMBERS.get(kind, "B"))
        cursor.check_count(count, MAX_NUMBERS, dtype.itemsize, f"numbers in {shown(key)}")
        array = np.frombuffer(cursor.take(count * dtype.itemsize), dtype)
        if kind == BOOL and (array > 1).any():
            malformed(f"{shown(key)} has values that are neither true nor false", cursor.where)
        return array.astype(bool) if kind == BOOL else array
    malformed(f"{shown(key)} is an array of type {kind}, which Weft does not read", cursor.where)


def _alignment(values: dict[str, Any], where: str) -> int:
    alignment = values.get("general.alignment", ALIGNMENT)
    if type(alignment) is not int or not 1 <= alignment <= 1 << 16 or alignment & alignment - 1:
        malformed(f"general.alignment is {shown(alignment)}, not a power of two to 2^16", where)
    return alignment


def _read_place(cursor: _Cursor, places: dict[str, Any], alignment: int) -> None:
    name = cursor.string(MAX_NAME_BYTES, "the name of a tensor")
    if name in places:
        malformed(f"tensor {shown(name)} is there twice", cursor.where)
    dims = cursor.number("I")
    if not 1 <= dims <= MAX_DIMS:
        malformed(f"tensor {shown(name)} has {dims} dimensions", cursor.where)
    shape = tuple(cursor.number("Q") for _ in range(dims))[::-1]
    count = 1
    for n in shape:
        count *= n
        if not 0 < n <= MAX_ELEMENTS or count > MAX_ELEMENTS:
            malformed(f"tensor {shown(name)} has the shape {shape}", cursor.where)
    number, offset = cursor.number("I"), cursor.number("Q")
    kind = TYPES.get(number)
    if kind is None:
        what = OTHER_TYPES.get(number, str(number))
        known = ", ".join(kind.name for kind in TYPES.values())
        malformed(f"tensor {shown(name)} is of type {what}", cursor.where, f"Weft reads {known}")
    if shape[-1] % kind.block or (kind.block > 1 and len(shape) != 2):
        malformed(f"tensor {shown(name)} of type {kind.name} has the shape {shape}", cursor.where)
    if offset % alignment:
        malformed(f"tensor {shown(name)} begins at {offset}, not at {alignment} n", cursor.where)
    places[name] = (kind, shape, offset)


def _place(
    places: dict[str, tuple[TensorType, tuple[int, ...], int]],
    start: int,
    alignment: int,
    size: int,
    where: str,
) -> dict[str, TensorPlace]:
    """Offsets -> places in the file, which follow each other with less than `alignment` between."""
    found = {
        name: TensorPlace(kind, shape, start + offset, start + offset + size_of(kind, shape))
        for name, (kind, shape, offset) in places.items()
    }
    ordered = sorted(found.items(), key=lambda item: item[1].start)
    for name, place in ordered:
        if place.stop > size:
            malformed(f"tensor {shown(name)} ends at {place.stop:,} of {size:,} bytes", where)
    if ordered and ordered[0][1].start != start:
        malformed("there is a hole before the first tensor", where)
    for (_, before), (name, place) in pairwise(ordered):
        if not 0 <= place.start - before.stop < alignment:
            malformed(f"tensor {shown(name)} overlaps another, or leaves a hole", where)
    if ordered and size - ordered[-1][1].stop >= alignment:
        malformed(f"{size - ordered[-1][1].stop:,} bytes follow the last tensor", where)
    return found


class _Cursor:
    """Reads on through the mapped bytes; what is not there any more is a malformed file."""

    def __init__(self, data: Array, where: str) -> None:
        self.data, self.where, self.at = data.data, where, 0

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            self._ends()
        self.at += count
        return bytes(self.data[self.at - count : self.at])

    def number(self, code: str) -> Any:
        return struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0]

    def string(self, limit: int, what: str) -> str:
        return self.strings(1, limit, what)[0]

    def strings(self, count: int, limit: int, what: str) -> list[str]:
        """`count` strings of at most `limit` bytes; a vocabulary has a hundred thousand."""
        data, at, end, texts = self.data, self.at, len(self.data), []
        for _ in range(count):
            length = _LENGTH.unpack_from(data, at)[0] if end - at >= 8 else end
            at += 8
            if limit < length and at <= end:
                malformed(f"{what} is {length:,} bytes long, more than {limit:,}", self.where)
            if length > end - at:
                self._ends()
            try:
                texts.append(str(data[at : at + length], "utf-8"))
            except UnicodeDecodeError:
                malformed(f"{what} is not UTF-8", self.where)
            at += length
        self.at = at
        return texts

    def _ends(self) -> NoReturn:
        malformed(f"it ends in the middle of its header, at {len(self.data):,}", self.where)

    def check_count(self, count: int, limit: int, least: int, what: str) -> None:
        """`count` things of at least `least` bytes must fit into what is left."""
        if count > limit or count * least > len(self.data) - self.at:
            malformed(
                f"{count:,} {what}, with {len(self.data) - self.at:,} bytes left (at most "
                f"{limit:,})",
                self.where,
            )
