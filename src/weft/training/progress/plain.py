"""A run in plain lines, for a file, a pipe or a terminal that cannot do more."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, TextIO

from weft.training.progress.figures import Figures, clock, harmless
from weft.training.progress.protocol import Progress

PLAIN_SECONDS = 10.0  # between two lines


class PlainProgress(Progress):
    """One line every ten seconds and at each evaluation, without colour or cursor moves."""

    def __init__(self, stream: TextIO) -> None:
        self.stream, self._last = stream, time.monotonic()
        self._figures = Figures()

    def message(self, text: str) -> None:
        self._print(text)

    def preparing(self, done: int, total: int) -> None:
        if time.monotonic() - self._last >= PLAIN_SECONDS:
            self._print(f"tokenizing: {100 * done / max(1, total):.0f} %")

    def start(self, step: int, steps: int) -> None:
        self._figures.start(step, steps)
        self._last = time.monotonic()

    def length(self, steps: int) -> None:
        self._figures.steps = steps

    def time(self, done_seconds: float, total_seconds: float) -> None:
        self._figures.by_clock(done_seconds, total_seconds)

    def step(self, record: Mapping[str, Any]) -> None:
        self._figures.add(record)
        if time.monotonic() - self._last >= PLAIN_SECONDS:
            self._print(self._line())

    def evaluated(self, record: Mapping[str, Any], sample: str) -> None:
        self._figures.add(record)
        self._print(self._line())
        if sample:
            self._print("\n".join(f"  | {line}" for line in sample.strip().splitlines()))

    def _line(self) -> str:
        figures = self._figures
        parts = [f"step {figures.step}/{figures.steps}", *loss_parts(figures)]
        if (speed := figures.tokens_per_second()) is not None:
            parts.append(f"{speed:,.0f} tokens/s")
        if (left := figures.seconds_left()) is not None:
            parts.append(f"eta {clock(left)}")
        return "  ".join(parts)

    def _print(self, text: str) -> None:
        self._last = time.monotonic()
        print(encodable(harmless(text), self.stream.encoding), file=self.stream, flush=True)


def loss_parts(figures: Figures) -> list[str]:
    """The losses and, of a mixture of experts, the share of the busiest."""
    parts = [f"loss {figures.loss.value:.3f}"] if figures.loss.count else []
    if figures.val_loss is not None:
        parts.append(f"val {figures.val_loss:.3f}")
    if (share := figures.busiest_expert()) is not None:
        parts.append(f"busiest expert {share:.0%}")
    return parts


def encodable(text: str, encoding: str | None) -> str:
    """Text with a question mark for each character that a stream cannot write."""
    encoding = encoding or "utf-8"
    return text.encode(encoding, "replace").decode(encoding, "replace")
