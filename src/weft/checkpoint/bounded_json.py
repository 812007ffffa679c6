"""JSON from a file that we did not write: bounded size, no duplicate keys, no NaN, no links."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NoReturn

from weft.errors import CheckpointError

MAX_BYTES = 1 << 20


def read_bytes(path: Path, limit: int) -> bytes:
    """The bytes of a plain file of at most `limit` bytes; symbolic links are refused."""
    try:
        # O_NONBLOCK: opening a FIFO must not wait for a writer.
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(file, "rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CheckpointError(f"cannot read: {reason}; {path}; use another checkpoint") from error
    if len(data) > limit:
        raise CheckpointError(f"more than {limit:,} bytes; {path}; use another checkpoint")
    return data


def read_object(path: Path, limit: int = MAX_BYTES) -> dict[str, Any]:
    """The JSON object in a file. Raises `CheckpointError`."""
    return parse_object(read_bytes(path, limit), str(path))


def parse_object(data: bytes, where: str) -> dict[str, Any]:
    """The JSON object in `data`. Raises `CheckpointError` that says why it is not one."""
    try:
        value = json.loads(data, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        reason = (str(error).splitlines() or [""])[0][:200]
        raise CheckpointError(f"not valid JSON: {reason}; {where}; the file is damaged") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"not a JSON object; {where}; the file is damaged")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"the key {key[:80]!r} is there twice")
        result[key] = value
    return result


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")
