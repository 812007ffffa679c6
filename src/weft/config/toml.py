"""Configuration files: bounded reading, writing at once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weft.errors import ConfigError
from weft.replacing import replacing

MAX_TOML_BYTES = 1_000_000


def read_toml(path: str | Path) -> dict[str, Any]:
    """Read a TOML file of at most 1 MB. Raises `ConfigError` that names the line of a mistake."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TOML_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"cannot read: {error.strerror}; {path}; check the path") from error
    if len(data) > MAX_TOML_BYTES:
        raise ConfigError(f"more than {MAX_TOML_BYTES} bytes; {path}; this is not a configuration")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"not TOML: {error}; {path}; correct that line") from error


def write_toml(path: str | Path, values: Mapping[str, Any]) -> None:
    """Write nested plain values as TOML, replacing an old file at once (temporary, rename)."""
    import os

    import tomli_w

    with replacing(Path(path)) as new, new.open("wb") as file:
        tomli_w.dump(dict(values), file)
        file.flush()
        os.fsync(file.fileno())
