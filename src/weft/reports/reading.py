"""Files of a run folder, read as what they are: from anywhere, of any size, of any content.

JSON line by line or whole, within a bound on bytes; no links, no pipes; numbers that are finite.
Not here: what the values mean (record.py).
"""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from weft.data.documents import printable
from weft.errors import MalformedFileError

LARGEST_LOG = 1 << 30  # bytes; about five million steps
LARGEST_LINE = 1 << 20
LARGEST_OBJECT = 4 << 20
LARGEST_NUMBER = 2**63


def json_lines(path: Path, limit: int = LARGEST_LOG) -> Iterator[dict[str, Any]]:
    """The objects of a log, one per line; nothing where there is no file.

    A torn last line is left out. Raises `MalformedFileError` for any other line that is no object,
    and for a file of more than `limit` bytes.
    """
    file = open_plain(path, limit)
    if file is None:
        return
    with file:
        number = 0
        while line := file.readline(LARGEST_LINE + 1):
            number += 1
            if len(line) > LARGEST_LINE:
                raise damaged(f"line {number} is longer than {LARGEST_LINE:,} bytes", path)
            if not line.endswith(b"\n"):
                return
            yield parsed(line, path, f"line {number}")


def json_object(path: Path) -> dict[str, Any] | None:
    """The object in a file of at most 4 MiB; None where there is no file."""
    file = open_plain(path, LARGEST_OBJECT)
    if file is None:
        return None
    with file:
        return parsed(file.read(LARGEST_OBJECT), path, "the file")


def parsed(data: bytes, path: Path, what: str) -> dict[str, Any]:
    """A JSON object. Raises `MalformedFileError` that names `what` of the file is none."""
    try:
        value = json.loads(data.decode())  # str: else it would look for other encodings
    except (ValueError, RecursionError):
        raise damaged(f"{what} is not valid JSON", path) from None
    if not isinstance(value, dict):
        raise damaged(f"{what} is not a JSON object", path)
    return value


def number(value: Any) -> float | int | None:
    """`value` if it is a finite number of a size that can be drawn, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < LARGEST_NUMBER and math.isfinite(value) else None


def damaged(what: str, path: Path) -> MalformedFileError:
    """The error for a file of a run folder that is not what it should be."""
    return MalformedFileError(f"{what}; {printable(path)}; restore it from a copy, or remove it")


def open_plain(path: Path, limit: int) -> BinaryIO | None:
    """A plain file for reading; None where there is none."""
    try:
        # O_NONBLOCK: opening a FIFO must not wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise damaged(f"cannot read: {error.strerror or error}", path) from error
    file = os.fdopen(descriptor, "rb")
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
        file.close()
        plain = stat.S_ISREG(status.st_mode)
        raise damaged(f"more than {limit:,} bytes" if plain else "not a plain file", path)
    return file
