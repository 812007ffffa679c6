"""Malformed files by the thousand: a sound file, changed where its structure is.

`mutations` yields variants of one file for ever; `Hints` says where its numbers, texts and
boundaries are, so that a change gets past the first check. `attack` reads them and fails on
anything but a result or one line of our own error, in time.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from weft.errors import WeftError

NUMBERS = (0, 1, 2, 0x7F, 0xFF, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63, 2**64 - 1)
WORDS = (
    b"null", b"true", b"-1", b"0", b"1.5", b"1e400", b"NaN", b'""', b"[]", b"{}", b"[", b"}",
    b'"\\u0000"', b'"../x"', b'"/etc/passwd"', b'"\\u001b[31m"', b'"\\ud800"', b"[[[[[[[[",
    str(2**63).encode(), str(2**64).encode(), b"9" * 400, b'"F8_E4M3"', b'"I64"', b"[-1,4]",
)  # fmt: skip
JSON_WORD = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|true|false|null')


@dataclass(frozen=True)
class Text:
    """JSON or a name at data[start:end]; `length` is where (offset, bytes) its length is kept."""

    start: int
    end: int
    length: tuple[int, int] | None = None


@dataclass(frozen=True)
class Hints:
    """The structure of a file, little-endian."""

    integers: Sequence[tuple[int, int]] = ()  # (offset, bytes) of counts, sizes, offsets, types
    texts: Sequence[Text] = ()
    boundaries: Sequence[int] = ()  # where one part ends and the next begins


def mutations(data: bytes, rng: random.Random, hints: Hints = Hints()) -> Iterator[bytes]:
    """One to three changes each; without hints the bytes are changed blindly."""
    kinds: list[Callable[..., bytes]] = [_flip, _cut, _double, _truncate, _extend]
    kinds += [_number] * 4 if hints.integers else []
    kinds += [_word] * 6 if hints.texts else []
    while True:
        # A change of length moves what the hints point at, so such a change comes last.
        chosen = sorted(rng.choices(kinds, k=rng.choice((1, 1, 2, 3))), key=_moves)
        changed = data
        for kind in chosen:
            changed = kind(changed, rng, hints)
            if _moves(kind):
                break
        yield changed


def truncations(data: bytes, hints: Hints = Hints(), step: int = 1) -> Iterator[bytes]:
    """The file cut at every `step`-th byte, and around every boundary."""
    ends = {*range(0, len(data), step)}
    ends |= {b + d for b in hints.boundaries for d in (-1, 0, 1) if 0 <= b + d < len(data)}
    return (data[:end] for end in sorted(ends))


def attack(read: Callable[[], Any], path: Path, files: Iterator[bytes], count: int) -> int:
    """Write `count` of `files` to `path` one by one and read each; returns how many were read.

    Everything else has to be a `WeftError` of one line, and everything within two seconds.
    """
    sound = 0
    for data in islice(files, count):
        path.write_bytes(data)
        started = time.process_time()
        try:
            read()
            sound += 1
        except WeftError as error:
            message = str(error)
            assert "\n" not in message and len(message) < 1500, message
        assert time.process_time() - started < 2, f"slow: {data[:2000]!r}"
    return sound


def _moves(kind: Callable[..., bytes]) -> bool:
    return kind not in (_flip, _number)


def _flip(data: bytes, rng: random.Random, hints: Hints) -> bytes:
    """One bit turned over."""
    if not data:
        return data
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def _number(data: bytes, rng: random.Random, hints: Hints) -> bytes:
    """A count, size or offset made extreme, or moved a little."""
    at, size = rng.choice(hints.integers)
    value = int.from_bytes(data[at : at + size], "little")
    value = rng.choice((rng.choice(NUMBERS), value + rng.choice((-1, 1, 8, 256)), value * 2))
    value %= 1 << 8 * size
    return data[:at] + value.to_bytes(size, "little") + data[at + size :]


def _word(data: bytes, rng: random.Random, hints: Hints) -> bytes:
    """A word of a text replaced, doubled or taken out; the length before it is put right."""
    text = rng.choice(hints.texts)
    old = data[text.start : text.end]
    words = list(JSON_WORD.finditer(old))
    first, last = rng.choice(words).span() if words else (0, len(old))
    other = rng.choice(words)[0] if words and rng.random() < 0.4 else rng.choice(WORDS)
    kind = rng.randrange(6)
    if kind == 0:
        new = old[:first] + old[last:]
    elif kind == 1:
        new = old[:last] + b"," + old[first:]
    else:
        new = old[:first] + other + old[last:]
    changed = data[: text.start] + new + data[text.end :]
    if text.length is None:
        return changed
    at, size = text.length
    return changed[:at] + len(new).to_bytes(size, "little") + changed[at + size :]


def _cut(data: bytes, rng: random.Random, hints: Hints) -> bytes:
    """Some bytes taken out."""
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at + rng.choice((1, 4, 30, 200)) :]


def _double(data: bytes, rng: random.Random, hints: Hints) -> bytes:
    """Some bytes twice."""
    at = rng.randrange(len(data) + 1)
    return data[: at + rng.choice((1, 4, 30, 200))] + data[at:]


def _truncate(data: bytes, rng: random.Random, hints: Hints) -> bytes:
    """The end gone, often at a boundary."""
    if hints.boundaries and rng.random() < 0.7:
        end = rng.choice(hints.boundaries) + rng.choice((-1, 0, 1))
        return data[: max(0, end)]
    return data[: rng.randrange(len(data) + 1)]


def _extend(data: bytes, rng: random.Random, hints: Hints) -> bytes:
    """Junk behind the end."""
    return data + rng.choice((b"\0", b"\n", b"\0" * 64, data[:100]))
