"""GGUF files byte by byte, right and wrong; and where the numbers and texts of one are."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from mutate import Hints, Text

U32, BOOL, STRING, ARRAY = 4, 7, 8, 9
CODES = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B", 10: "Q", 11: "q", 12: "d"}


def string(text: str | bytes, length: int | None = None) -> bytes:
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(data) if length is None else length) + data


def value(key: str | bytes, kind: int, data: bytes) -> bytes:
    return string(key) + struct.pack("<I", kind) + data


def array(kind: int, count: int) -> bytes:
    """What comes before the elements of an array."""
    return struct.pack("<IQ", kind, count)


def u32(key: str, number: int) -> bytes:
    return value(key, U32, struct.pack("<I", number))


def tensor(
    name: str | bytes, dims: Sequence[int] = (32,), kind: int = 0, offset: int = 0,
    n_dims: int | None = None,
) -> bytes:  # fmt: skip
    dims_bytes = struct.pack(f"<{len(dims)}Q", *dims)
    count = len(dims) if n_dims is None else n_dims
    return string(name) + struct.pack("<I", count) + dims_bytes + struct.pack("<IQ", kind, offset)


def gguf(
    values: Sequence[bytes] = (),
    tensors: Sequence[bytes] = (),
    data: bytes = b"",
    *,
    magic: bytes = b"GGUF",
    version: int = 3,
    n_values: int | None = None,
    n_tensors: int | None = None,
    alignment: int = 32,
) -> bytes:
    header = magic + struct.pack(
        "<IQQ",
        version,
        len(tensors) if n_tensors is None else n_tensors,
        len(values) if n_values is None else n_values,
    )
    header += b"".join(values) + b"".join(tensors)
    return header + bytes(-len(header) % alignment) + data if data else header


class Walk:
    """The integers, texts and boundaries of a sound file."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 4
        self.integers: list[tuple[int, int]] = []
        self.texts: list[Text] = []
        self.boundaries = [0, 4]
        self.number("I")
        tensors, values = self.number("Q"), self.number("Q")
        for _ in range(values):
            self.value()
        for _ in range(tensors):
            self.tensor()
        self.boundaries += [-(-self.at // 32) * 32, len(data)]

    def number(self, code: str) -> Any:
        size = struct.calcsize("<" + code)
        self.integers.append((self.at, size))
        self.at += size
        return struct.unpack("<" + code, self.data[self.at - size : self.at])[0]

    def string(self) -> None:
        length = self.number("Q")
        self.texts.append(Text(self.at, self.at + length, (self.at - 8, 8)))
        self.at += length

    def value(self) -> None:
        self.boundaries.append(self.at)
        self.string()
        kind = self.number("I")
        if kind == ARRAY:
            kind, count = self.number("I"), self.number("Q")
            for _ in range(count):
                self.string() if kind == STRING else self.number(CODES[kind])
        else:
            self.string() if kind == STRING else self.number(CODES[kind])

    def tensor(self) -> None:
        self.boundaries.append(self.at)
        self.string()
        for _ in range(self.number("I")):
            self.number("Q")
        self.number("I")
        self.number("Q")

    def hints(self) -> Hints:
        """The first of long arrays alone: a vocabulary would hide the rest."""
        header = [i for i in self.integers if i[0] < 400 or i[0] > self.integers[-200][0]]
        return Hints(header + self.integers[::20], self.texts[::5], self.boundaries)
