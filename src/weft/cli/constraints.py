"""What a generated text must look like, from the options of a verb."""

from __future__ import annotations

from pathlib import Path
from typing import Any

LARGEST_SCHEMA = 1 << 20


def read_constraint(
    loaded: Any, regex: str | None, choices: tuple[str, ...], json_schema: str | None
) -> Any:
    """The language that one of these options asks for, None without any. Errors: `ConfigError`."""
    options = {
        "regex": regex,
        "choices": choices or None,
        "schema": None if json_schema is None else _schema(Path(json_schema)),
    }
    given = {name: value for name, value in options.items() if value is not None}
    return loaded.constrain(**given) if given else None


def _schema(path: Path) -> dict[str, Any]:
    """The JSON object in a file. Raises `MalformedFileError` for anything else."""
    from weft.errors import MalformedFileError
    from weft.tokenizers.strict_json import parse_object, printable

    with path.open("rb") as file:
        data = file.read(LARGEST_SCHEMA + 1)
    if len(data) > LARGEST_SCHEMA:
        raise MalformedFileError(f"larger than 1 MiB; {printable(path)}; give a JSON schema")
    return parse_object(data, str(path))
