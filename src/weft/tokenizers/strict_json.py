"""JSON from a file that somebody else wrote: bounded, and nothing in it counts twice.

Python's `json` keeps the last of two equal keys, takes NaN, and recurses as deep as the text goes.
Here each of these is a MalformedFileError. Names quoted in messages are escaped and shortened.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import numpy as np

from weft.errors import ConfigError, MalformedFileError

MAX_BYTES = 32 << 20
"""The tokenizers of the largest vocabularies (256,000 tokens) are about this size."""

_MAX_DEPTH = 64
_MAX_CONTAINERS = 1 << 20  # a list per merge, and some

# A whole string, or an unfinished one up to the end: it always matches, so it takes linear time.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def malformed(what: str, where: str, do: str = "get an intact copy of the file") -> NoReturn:
    """Raise MalformedFileError with the one line that users see."""
    raise MalformedFileError(f"{what}; {printable(where)}; {do}")


def printable(path: object) -> str:
    """A path for a message: one line, without control characters."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(path))


def shown(value: object, length: int = 60) -> str:
    """A value of the file for a message: escaped, one line, not long."""
    text = ascii(value)
    return text if len(text) <= length else text[:length] + "..."


_T = TypeVar("_T", bound=Hashable)


def first_repeated(items: Iterable[_T]) -> _T:
    """The first item that equals an earlier one; there must be one."""
    seen: set[_T] = set()
    for item in items:
        if item in seen:
            return item
        seen.add(item)
    raise ValueError("no item is repeated")


def read_bounded(path: Path) -> bytes:
    """The bytes of a regular file of at most MAX_BYTES."""
    if not path.is_file():
        raise ConfigError(
            f"no such file; {printable(path)}; give the path of a tokenizer file or folder"
        )
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        malformed(f"larger than {MAX_BYTES >> 20} MiB", str(path), "this is no tokenizer file")
    return data


def parse_object(data: bytes, where: str) -> dict[str, Any]:
    """Parse a JSON object; `where` names the file in messages."""
    _check_depth(data, where)
    try:
        value = json.loads(
            data.decode(),
            object_pairs_hook=lambda pairs: _unique(pairs, where),
            parse_constant=lambda name: malformed(f"{name} is not JSON", where),
        )
    except UnicodeDecodeError as error:
        malformed(f"not UTF-8 at byte {error.start}", where)
    except ValueError as error:  # JSONDecodeError; also an integer of thousands of digits
        malformed(f"not JSON: {error}", where)
    if not isinstance(value, dict):
        malformed(f"a JSON {type(value).__name__} where an object should be", where)
    return value


def _check_depth(data: bytes, where: str) -> None:
    brackets = np.frombuffer(_STRING.sub(b"", data).translate(None, _NOT_BRACKETS), np.uint8)
    opening = (brackets == ord("[")) | (brackets == ord("{"))
    depth = np.cumsum(np.where(opening, 1, -1)).max(initial=0)
    if depth > _MAX_DEPTH:
        malformed(f"JSON nested {depth} deep, more than {_MAX_DEPTH}", where)
    if opening.sum() > _MAX_CONTAINERS:
        malformed(f"more than {_MAX_CONTAINERS} JSON lists and objects", where)


def _unique(pairs: list[tuple[str, Any]], where: str) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        twice = first_repeated([key for key, _ in pairs])
        malformed(f"the key {shown(twice)} is there twice", where)
    return result
