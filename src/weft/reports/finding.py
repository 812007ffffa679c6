"""`Finding`: one thing that is wrong with a run, in words; and the log as arrays for the rules.

Not here: the rules (loss_findings.py, course_findings.py, text_findings.py).
"""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from weft.reports.record import RunRecord
from weft.reports.robust import Values

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """What is wrong, with its numbers, and which option to change."""

    kind: str
    """A short name that stays the same: over-fitting, not-finite, spike, ..."""
    severity: Severity
    """error: the model is not what it should be; warning: it could be better; note: good to know"""
    message: str
    """One line without a full stop."""
    advice: str
    """What to do, naming options; one line."""
    step: int | None = None
    """Where on the curve it is or begins."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


class Curve(NamedTuple):
    """The log's lines with a training loss, as arrays of one length."""

    steps: Values
    seconds: Values
    losses: Values
    rates: Values
    """Learning rates; NaN where a line has none."""


def lines_of(record: RunRecord) -> list[dict[str, Any]]:
    """The log for statistics: all of it, or means, where the record holds only extremes of it."""
    return record.metrics if len(record.metrics) >= record.logged else record.means


def curve_of(record: RunRecord) -> Curve:
    """What the log says of the training loss."""
    lines = [line for line in lines_of(record) if line.get("train_loss") is not None]
    names = ("step", "seconds", "train_loss", "lr")
    return Curve(*(np.array([_float(line.get(n)) for line in lines], np.float64) for n in names))


def facts_of(record: RunRecord) -> dict[str, Any]:
    """What is known of the text: of its facts, the last that any process of the run wrote."""
    facts: dict[str, Any] = {}
    for event in record.of_kind("data"):
        facts |= event
    return facts


def option(record: RunRecord, name: str) -> float | None:
    """A number of the configuration, of the training or else of the model."""
    for section in (record.train, record.model):
        value = section.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return None


def vocabulary_of(record: RunRecord) -> int:
    """Tokens of the model's vocabulary; 0 where config.toml does not say."""
    size = record.model.get("vocab_size")
    return size if isinstance(size, int) else 0


def last_step(record: RunRecord) -> int:
    """The last logged step; 0 without any."""
    return int(record.metrics[-1]["step"]) if record.metrics else 0


def has_ended(record: RunRecord) -> bool:
    """Whether the run came to its end; of an old one without events, to its last step."""
    if record.events:
        kinds = [e.get("kind") for e in record.events if e.get("kind") in ("begin", "end")]
        return kinds[-1:] == ["end"]
    steps = option(record, "steps")
    return record.result is not None or (steps is not None and last_step(record) >= steps)


def go_on(record: RunRecord) -> str:
    """The command that goes on with the run."""
    return f"weft train --resume --out {shlex.quote(str(record.path))}"


def figure(value: float) -> str:
    """A loss or another number with the digits that matter: 1.523, 0.0312, 1,234."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def percent(share: float) -> str:
    """0.143 as 14 %; with a digit more below 10 %."""
    return f"{100 * share:.0f} %" if share >= 0.0995 else f"{100 * share:.2g} %"


def _float(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else np.nan
