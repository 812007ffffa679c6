"""What a run writes down as it goes: numbers in metrics.jsonl, all that is not in events.jsonl.

metrics.jsonl has one JSON object per logged step, events.jsonl one for each thing that happened
(docs/runs.md has the kinds). Each line is one write of the whole line, so kill -9 leaves at most
one torn line, the last; floats are written with repr, so they read back to the same bits. A resumed
run drops the metrics after the step of its checkpoint and writes them again, and that log ends up
as if nothing had happened; of the events, the samples go the same way and the rest stays.
"""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from weft.errors import MalformedFileError
from weft.replacing import replacing

logger = logging.getLogger("weft")

MOST_EVENTS = 1 << 28  # bytes of events.jsonl; samples are its largest part, a kilobyte each


class JSONLines:
    """Append-only log. A full disk loses lines of the log, with one warning, and not the run."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(self.path, flags, 0o666)
        self._warned = False

    def append(self, record: Mapping[str, Any]) -> None:
        """Write one line. NaN and infinity become null: JSON has no word for them."""
        line = json.dumps({key: _finite(value) for key, value in record.items()}) + "\n"
        end = os.fstat(self._file).st_size
        try:
            data = line.encode()
            if os.write(self._file, data) < len(data):
                raise OSError("no space for the whole line")
        except OSError as error:
            os.ftruncate(self._file, end)  # a torn line in the middle would spoil the next one
            self._warn(error)

    def sync(self) -> None:
        """Make the lines so far durable; a checkpoint must not outlive the lines of its steps."""
        try:
            os.fsync(self._file)
        except OSError as error:
            self._warn(error)

    def close(self) -> None:
        """Close the file; the log can be opened again."""
        os.close(self._file)

    def _warn(self, error: OSError) -> None:
        if not self._warned:
            logger.warning(
                "warning: cannot write the log: %s; %s; the run goes on without it",
                error.strerror or error,
                self.path,
            )
        self._warned = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class MetricsLog(JSONLines):
    """metrics.jsonl."""


class EventLog(JSONLines):
    """events.jsonl."""

    def write(self, kind: str, step: int, seconds: float, **fields: Any) -> None:
        """One event: after `step` steps and `seconds` of the run, over all its processes."""
        self.append({"kind": kind, "step": step, "seconds": seconds, **fields})


def read_metrics(path: str | Path) -> list[dict[str, Any]]:
    """All lines of a log. A torn last line is left out; a bad line before it is an error."""
    path = Path(path)
    lines = path.read_bytes().split(b"\n")
    lines.pop()  # what follows the last newline: nothing, or a torn line
    return [_parse(line, number, path) for number, line in enumerate(lines, 1)]


def read_events(path: str | Path) -> list[dict[str, Any]]:
    """All events; none where there is no file. Raises `MalformedFileError` for a bad line.

    A torn last line is left out. More than `MOST_EVENTS` bytes of them are refused.
    """
    path = Path(path)
    if not path.exists():
        return []
    if path.stat().st_size > MOST_EVENTS:
        raise MalformedFileError(
            f"{path.stat().st_size:,} bytes of events are more than {MOST_EVENTS:,}; {path}; "
            "this is no log of a run"
        )
    events = read_metrics(path)
    for number, event in enumerate(events, 1):
        if not isinstance(event.get("kind"), str):
            raise MalformedFileError(f"line {number} has no kind; {path}; remove that line")
    return events


def drop_samples_after(path: str | Path, step: int) -> None:
    """Leave out the samples after `step`, which a run that goes on from there makes again."""
    path = Path(path)
    events = read_events(path)
    kept = [e for e in events if e["kind"] != "sample" or e["step"] <= step]
    if len(kept) < len(events):
        with replacing(path) as new:
            new.write_text("".join(json.dumps(event) + "\n" for event in kept), "utf-8")


def drop_after(path: str | Path, step: int) -> int:
    """Cut the log after the last line of a step <= `step`; returns how many lines went.

    One ftruncate at a line boundary: killed before or after it, the log is whole.
    """
    path = Path(path)
    if not path.exists():
        return 0
    lines = path.read_bytes().splitlines(keepends=True)
    kept = 0
    for number, line in enumerate(lines, 1):
        torn = not line.endswith(b"\n")
        if torn or _parse(line, number, path)["step"] > step:
            break
        kept += 1
    if kept < len(lines):
        os.truncate(path, sum(map(len, lines[:kept])))
    return len(lines) - kept


def _parse(line: bytes, number: int, path: Path) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _malformed(number, path) from error
    if not isinstance(record, dict) or not isinstance(record.get("step"), int):
        raise _malformed(number, path)
    return record


def _malformed(number: int, path: Path) -> MalformedFileError:
    return MalformedFileError(
        f"line {number} is not a record with a step; {path}; remove that line"
    )


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
