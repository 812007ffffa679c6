"""Runs side by side: their figures with the best marked, what differs, curves on one scale.

Losses are nats per token, and of runs with different tokenizers bits per byte, as far as the run
folders tell their bytes. Not here: how it is shown (comparison_text.py, comparison_page.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from weft.checkpoint import RunFolder
from weft.errors import ConfigError
from weft.reports.curves import Point, extremes, points, smoothed
from weft.reports.facts import Facts, facts
from weft.reports.record import RunRecord, read_run
from weft.reports.vocabulary import Vocabulary, read_vocabulary

LETTERS = "ABCDEFGH"
NATS, BITS = "nats per token", "bits per byte"
FEWEST = 3  # evaluations that make a curve
CURVE_BUCKETS = 150  # of each curve
By = Literal["step", "tokens", "time"]
FIELDS: dict[By, str] = {"step": "step", "tokens": "tokens", "time": "seconds"}


@dataclass(frozen=True)
class Side:
    """One of the runs: a letter, a name that none of the others has, and all that is known."""

    letter: str
    name: str
    record: RunRecord
    facts: Facts
    vocabulary: Vocabulary | None

    @property
    def sample(self) -> str:
        """The last text that the model wrote; empty where none was kept."""
        text = self.record.last("sample").get("text")
        return text if isinstance(text, str) else ""


@dataclass(frozen=True)
class Row:
    """One figure or option of every run; `best` are the places of the best values."""

    name: str
    values: list[Any]
    best: list[int]


@dataclass(frozen=True)
class Comparison:
    """All of it, in the order in which the runs were named."""

    sides: list[Side]
    unit: str
    figures: list[Row]
    differences: list[Row]
    notes: list[str]

    def factor(self, side: Side) -> float:
        """From nats per token to the unit of the curves."""
        counts = side.vocabulary.val if side.vocabulary is not None else None
        if self.unit == NATS or counts is None or not counts.bytes:
            return 1.0
        return 1 / math.log(2) / counts.bytes_per_token

    @property
    def shown(self) -> str:
        """The losses to look at: those of the validation text, if they were taken often enough."""
        trained = [side.record for side in self.sides if side.record.logged > 1]
        often = all(len(record.evaluations) >= FEWEST for record in trained)
        return "val_loss" if often else "train_loss"

    def curve(self, side: Side, by: By, name: str = "val_loss") -> list[Point]:
        """A run's `val_loss` or smooth `train_loss` over steps, tokens or seconds, in `unit`."""
        lines = side.record.evaluations if name == "val_loss" else side.record.means
        found = points(lines, FIELDS[by], name)
        found = extremes(found if name == "val_loss" else smoothed(found), CURVE_BUCKETS)
        return [(x, y * self.factor(side)) for x, y in found]


FIGURES: tuple[tuple[str, Callable[[Facts], Any], Callable[[Any], Any] | None], ...] = (
    ("validation loss", lambda known: known.best_val_loss, min),
    ("bits per byte", lambda known: known.bits_per_byte, min),
    ("training loss", lambda known: known.train_loss, None),
    ("steps", lambda known: known.step or None, None),
    ("tokens", lambda known: known.tokens, None),
    ("passes", lambda known: known.passes, None),
    ("seconds", lambda known: known.seconds, None),
    ("tokens per second", lambda known: known.tokens_per_second, max),
    ("weights", lambda known: known.parameters, None),
    ("memory", lambda known: known.memory_peak, min),
)


def compare(paths: Sequence[str | Path]) -> Comparison:
    """Read the runs and put them side by side.

    Raises `ConfigError` for less than two runs, more than eight or the same one twice, and as
    `read_run` for a folder that is no run.
    """
    resolved = [Path(path).resolve() for path in paths]
    if not 2 <= len(paths) <= len(LETTERS) or len(set(resolved)) < len(paths):
        raise ConfigError(
            f"{len(set(resolved))} different runs; compare; name two to eight, each once"
        )
    sides = [_side(n, Path(path), _names(resolved)[n]) for n, path in enumerate(paths)]
    unit, notes = _unit(sides)
    return Comparison(
        sides=sides,
        unit=unit,
        figures=_figures(sides, comparable=unit == NATS and not notes),
        differences=_differences(sides),
        notes=notes + _other_texts(sides),
    )


def _side(n: int, path: Path, name: str) -> Side:
    record = read_run(path)
    vocabulary = read_vocabulary(RunFolder(path).data_path)
    return Side(LETTERS[n], name, record, facts(record, vocabulary), vocabulary)


def _names(paths: Sequence[Path]) -> list[str]:
    """The last parts of the paths, as many as tell them apart."""
    for count in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["/".join(path.parts[-count:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]


def _unit(sides: Sequence[Side]) -> tuple[str, list[str]]:
    """The unit in which the losses can be compared, and a note where there is none."""
    first = sides[0].vocabulary
    if all(side.vocabulary is not None for side in sides) and first is not None:
        if all(side.vocabulary.tokens == first.tokens for side in sides if side.vocabulary):
            return NATS, []
        if all(side.vocabulary.val for side in sides if side.vocabulary):
            return BITS, []
        return NATS, ["the tokenizers differ, and their losses are per token: do not compare them"]
    if len({side.record.model.get("vocab_size") for side in sides}) > 1:
        return NATS, ["the vocabularies differ, and losses are per token: do not compare them"]
    return NATS, []


def _other_texts(sides: Sequence[Side]) -> list[str]:
    texts = {str(side.record.train.get("data")) for side in sides}
    return ["the runs were trained and validated on different texts"] if len(texts) > 1 else []


def _figures(sides: Sequence[Side], comparable: bool) -> list[Row]:
    rows = []
    for name, value, choose in FIGURES:
        values = [value(side.facts) for side in sides]
        known = [v for v in values if v is not None]
        if name == "validation loss" and not comparable:
            choose = None
        best = choose(known) if choose is not None and len(known) > 1 else None
        places = [n for n, v in enumerate(values) if best is not None and v == best]
        if known:
            rows.append(Row(name, values, places if len(places) < len(values) else []))
    return rows


def _differences(sides: Sequence[Side]) -> list[Row]:
    """Options that are not the same in all runs; None where a run has none of that name."""
    options = [_options(side) for side in sides]
    names = dict.fromkeys(name for each in options for name in each)
    rows = [Row(name, [each.get(name) for each in options], []) for name in names]
    differing = [row for row in rows if any(value != row.values[0] for value in row.values)]
    return sorted(differing, key=lambda row: None in row.values)  # what all have comes first


def _options(side: Side) -> dict[str, Any]:
    record = side.record
    machine = record.last("begin").get("machine")
    machine = machine if isinstance(machine, dict) else {}
    values = {**record.train, **record.model, "weft": record.version or None}
    values |= {name: machine.get(name) for name in ("processor", "threads", "isa")}
    return {name: value for name, value in values.items() if name != "out"}
