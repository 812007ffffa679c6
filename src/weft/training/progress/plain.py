"""A run in plain lines, for a file, a pipe or a terminal that cannot do more."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, TextIO

from weft.training.progress.protocol import Progress

PLAIN_SECONDS = 10.0  # between two lines without a terminal
SMOOTHING = 0.98  # of the shown loss and speed; the log has them raw


class PlainProgress(Progress):
    """One line every ten seconds and at each evaluation, without colour or cursor moves."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.steps, self._last = 0, time.monotonic()
        self._smooth = Smooth()

    def message(self, text: str) -> None:
        self._print(text)

    def preparing(self, done: int, total: int) -> None:
        if time.monotonic() - self._last >= PLAIN_SECONDS:
            self._print(f"tokenizing: {100 * done / max(1, total):.0f} %")

    def start(self, step: int, steps: int) -> None:
        self.steps, self._last = steps, time.monotonic()

    def step(self, record: Mapping[str, Any]) -> None:
        self._smooth.add(record)
        if time.monotonic() - self._last >= PLAIN_SECONDS:
            self._print(self._line(record))

    def evaluated(self, record: Mapping[str, Any], sample: str) -> None:
        self._print(self._line(record))
        if sample:
            self._print("\n".join(f"  | {line}" for line in sample.strip().splitlines()))

    def _line(self, record: Mapping[str, Any]) -> str:
        return f"step {record['step']}/{self.steps}  {self._smooth.text(record, self.steps)}"

    def _print(self, text: str) -> None:
        self._last = time.monotonic()
        print(
            text.encode(self.stream.encoding or "utf-8", "replace").decode(
                self.stream.encoding or "utf-8", "replace"
            ),
            file=self.stream,
            flush=True,
        )


class Smooth:
    """Running means of loss and seconds per step, and the line that shows them."""

    def __init__(self) -> None:
        self._sums = {"train_loss": 0.0, "step_seconds": 0.0, "tokens_per_second": 0.0}
        self._weight = 0.0
        self._val_loss: float | None = None

    def add(self, record: Mapping[str, Any]) -> None:
        self._weight = SMOOTHING * self._weight + (1 - SMOOTHING)
        for key in self._sums:
            value = float(record.get(key) or 0.0)
            self._sums[key] = SMOOTHING * self._sums[key] + (1 - SMOOTHING) * value

    def text(self, record: Mapping[str, Any], steps: int) -> str:
        self._val_loss = record.get("val_loss", self._val_loss)
        mean = {key: total / (self._weight or 1.0) for key, total in self._sums.items()}
        parts = [f"loss {mean['train_loss']:.3f}"]
        if self._val_loss is not None:
            parts.append(f"val {self._val_loss:.3f}")
        if layers := record.get("expert_share"):
            parts.append(f"busiest expert {max(map(max, layers)):.0%}")
        parts.append(f"{mean['tokens_per_second']:,.0f} tokens/s")
        parts.append(f"eta {clock((steps - record['step']) * mean['step_seconds'])}")
        return "  ".join(parts)


def clock(seconds: float) -> str:
    """1:05 or 2:03:04."""
    minutes, s = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{s:02}" if hours else f"{minutes}:{s:02}"
