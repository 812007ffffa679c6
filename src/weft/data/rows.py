"""Documents in the rows of a table: JSON lines with a field, CSV or TSV with a column.

Rows are read one at a time, and none may be longer than `LARGEST_ROW`. A row whose text is empty is
no document.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from weft.data.documents import printable
from weft.errors import ConfigError, MalformedFileError

LARGEST_ROW = 1 << 24  # bytes
DELIMITERS = ",\t;|"
JSON_NAMES = (".jsonl", ".ndjson")
CSV_NAMES = (".csv", ".tsv", ".tab")


@dataclass(frozen=True)
class Rows:
    """Where the text of each row is: a `field` of JSON lines, or a `column` of CSV; or neither."""

    field: str | None = None
    column: str | None = None

    def __post_init__(self) -> None:
        if self.field is not None and self.column is not None:
            raise ConfigError("both a field and a column; DATA; give --field or --column")

    def __bool__(self) -> bool:
        return self.field is not None or self.column is not None

    @property
    def kind(self) -> str:
        return "CSV" if self.field is None else "JSON lines"

    def reads(self, path: str) -> bool:
        """Whether a file of a folder or a zip is such a table, by its name."""
        names = CSV_NAMES if self.field is None else JSON_NAMES
        return path.lower().removesuffix(".gz").endswith(names)

    def texts(self, blocks: Iterable[bytes], name: str) -> Iterator[bytes]:
        """The documents in a table, UTF-8, each whole."""
        lines = _Lines(blocks, name)
        found = _json(lines, self.field) if self.field is not None else _csv(lines, self.column)
        for text in found:
            if text:
                try:
                    encoded = text.encode()
                except UnicodeEncodeError:
                    raise lines.fault("half a character (a lone surrogate)") from None
                yield encoded


class _Lines:
    """The lines of a table with their ends; counts them, and the bytes since `row` was reset."""

    def __init__(self, blocks: Iterable[bytes], name: str) -> None:
        self.blocks, self.name = blocks, name
        self.number, self.row = 0, 0

    def __iter__(self) -> Iterator[str]:
        for line in self._cut():
            self.number += 1
            self.row += len(line)
            self._check(self.row)
            try:
                yield line.decode("utf-8-sig" if self.number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise self.fault(f"not UTF-8: byte 0x{line[error.start]:02x}") from None

    def _cut(self) -> Iterator[bytes]:
        held = b""
        for block in self.blocks:
            *whole, held = (held + block).split(b"\n")
            yield from (line + b"\n" for line in whole)
            self._check(len(held))
        if held:
            yield held

    def _check(self, size: int) -> None:
        if size > LARGEST_ROW:
            raise self.fault(f"a row of more than {LARGEST_ROW:,} bytes")

    def fault(self, what: str) -> MalformedFileError:
        """The error of the line that was read last."""
        return MalformedFileError(f"{what}; {self.name}, line {self.number}; correct that row")


def _json(lines: _Lines, field: str) -> Iterator[str]:
    for line in lines:
        lines.row = 0
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = getattr(error, "msg", None) or "a number too long or nested too deeply"
            raise lines.fault(f"not a line of JSON: {reason}") from None
        if not isinstance(row, dict):
            raise lines.fault(f"a {type(row).__name__}, not a JSON object")
        if field not in row:
            raise lines.fault(f"no field {_short(field)} (there are: {_listed(row)})")
        if not isinstance(row[field], str):
            kind = type(row[field]).__name__
            raise lines.fault(f"the field {_short(field)} is a {kind}, not a text")
        yield row[field]


def _csv(lines: _Lines, column: str | None) -> Iterator[str]:
    csv.field_size_limit(max(csv.field_size_limit(), LARGEST_ROW))  # the module's; only ever raised
    stream = iter(lines)
    head = next(stream, "")
    delimiter, names = _header(head, column, lines)
    place = names.index(column)
    rows = csv.reader(stream, delimiter=delimiter, strict=True)
    lines.row = 0
    try:
        for row in rows:
            lines.row = 0
            if row and len(row) != len(names):
                raise lines.fault(f"{len(row)} cells, where the first row has {len(names)}")
            if row:
                yield row[place]
    except csv.Error as error:
        raise lines.fault(f"not CSV: {str(error).splitlines()[0]}") from None


def _header(head: str, column: str | None, lines: _Lines) -> tuple[str, list[str | None]]:
    """The delimiter with which the first row has the column, and that row's names."""
    for delimiter in DELIMITERS:
        try:
            names: list[str | None] = [*next(csv.reader([head], delimiter=delimiter), [])]
        except csv.Error:
            continue
        if column in names:
            return delimiter, names
    seen = re.split(r"[,;|\t]", head.strip())[:12]
    raise lines.fault(f"no column {_short(column)} (the first row: {_listed(seen)})")


def _short(name: object) -> str:
    return printable(name)[:60]


def _listed(names: Iterable[object]) -> str:
    return ", ".join(_short(name) for name, _ in zip(names, range(12), strict=False)) or "none"
