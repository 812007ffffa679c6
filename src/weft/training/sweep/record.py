"""sweep.json: what a sweep is to do and what it has done, so that it can go on after a stop.

It is written anew after every run, whole or not at all. What is read is bounded and checked.
"""

from __future__ import annotations

import dataclasses
import json
import math
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from weft.checkpoint.bounded_json import read_object
from weft.checkpoint.durable import one_line_errors
from weft.errors import CheckpointError, MalformedFileError
from weft.replacing import replacing
from weft.training.sweep.points import MOST_POINTS, Value

FORMAT = "weft sweep 1"
FILE = "sweep.json"
MAX_BYTES = 4 << 20


@dataclass(frozen=True)
class Trial:
    """One run of a sweep, that has come to its end or has failed."""

    point: int
    rung: int
    budget: float
    """Seconds, or steps."""
    seconds: float
    """That it took, all included."""
    loss: float | None = None
    """Best validation loss, nats per token."""
    bits_per_byte: float | None = None
    """The same, where tokenizers differ."""
    failure: str | None = None

    @property
    def score(self) -> float:
        """What counts: the smaller the better; infinite for a failure."""
        found = self.loss if self.bits_per_byte is None else self.bits_per_byte
        return math.inf if found is None else found


@dataclass
class Record:
    """A sweep: its options, its points, and the trials so far."""

    data: str
    points: list[dict[str, Value]]
    eta: float
    rungs: int
    minutes: float | None = None
    steps: int | None = None
    fixed: dict[str, Value] = field(default_factory=dict)
    """Options that all points have, as they were given."""
    planned: dict[str, Value] | None = None
    """And those that were chosen for all of them; None: not yet."""
    trials: list[Trial] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        """Write the file. Raises `WeftError` where that fails."""
        text = json.dumps({"format": FORMAT, **dataclasses.asdict(self)}, indent=1) + "\n"
        with one_line_errors("write the sweep's record", folder), replacing(folder / FILE) as new:
            new.write_text(text, encoding="utf-8")


def read_record(folder: Path) -> Record:
    """The sweep of a folder. Raises `MalformedFileError` for a file that is damaged."""
    path = folder / FILE
    try:
        values = read_object(path, MAX_BYTES)
    except CheckpointError as error:
        what = str(error).partition("; ")[0]
        raise MalformedFileError(f"{what}; {path}; name the folder of a sweep") from None
    if values.pop("format", None) != FORMAT:
        _malformed(f"its format is not {FORMAT!r}", path)
    trials = values.pop("trials", None)
    if not isinstance(trials, list) or len(trials) > 100 * MOST_POINTS:
        _malformed("it has no list of trials", path)
    record = Record(**_checked(Record, values, {"trials"}, path))
    if not 1 <= len(record.points) <= MOST_POINTS:
        _malformed("it has no points", path)
    for trial in trials:
        record.trials.append(Trial(**_checked(Trial, trial, set(), path)))
        if not 0 <= record.trials[-1].point < len(record.points):
            _malformed("a trial of no point", path)
    return record


def _checked(cls: Any, values: Any, without: set[str], path: Path) -> dict[str, Any]:
    """The values, if they are all fields of `cls` and of their types."""
    hints = typing.get_type_hints(cls)
    names = {f.name for f in dataclasses.fields(cls)} - without
    if not isinstance(values, dict) or set(values) != names:
        _malformed(f"it has other fields than {', '.join(sorted(names))}", path)
    for name in names:
        if not _fits(values[name], hints[name]):
            _malformed(f"{name} is not what it should be", path)
    return values


def _fits(value: Any, hint: Any) -> bool:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is list:
        return isinstance(value, list) and all(_fits(v, inner[0]) for v in value)
    if origin is dict:
        return isinstance(value, dict) and all(_fits(v, inner[1]) for v in value.values())
    if inner:
        return any(_fits(value, kind) for kind in inner)
    if hint is float:
        return type(value) in (int, float) and math.isfinite(value)
    return type(value) is hint


def _malformed(what: str, path: Path) -> NoReturn:
    raise MalformedFileError(f"not a sweep: {what}; {path}; begin it anew")
