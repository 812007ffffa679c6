"""A run on a terminal: a live bar; messages and samples scroll above it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TextIO

from weft.training.progress.plain import Smooth
from weft.training.progress.protocol import Progress


class RichProgress(Progress):
    """A live bar; messages and samples scroll above it."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bar

        self._console = Console(file=stream, highlight=False)
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            console=self._console,
            refresh_per_second=4,  # the drawing thread shares the GIL with training
        )
        self._task: Any = None
        self._steps = 0
        self._smooth = Smooth()

    def message(self, text: str) -> None:
        self._console.print(text, markup=False)

    def preparing(self, done: int, total: int) -> None:
        if self._task is None:
            self._task = self._bar.add_task("tokenizing", total=total, figures="")
            self._bar.start()
        self._bar.update(self._task, completed=done)

    def start(self, step: int, steps: int) -> None:
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._steps = steps
        self._task = self._bar.add_task("training", total=steps, completed=step, figures="")
        self._bar.start()

    def step(self, record: Mapping[str, Any]) -> None:
        self._smooth.add(record)
        figures = self._smooth.text(record, self._steps)
        self._bar.update(self._task, completed=record["step"], figures=figures)

    def evaluated(self, record: Mapping[str, Any], sample: str) -> None:
        self.step(record)
        self.message(f"step {record['step']}  val loss {record['val_loss']:.4f}")
        if sample:
            self._console.print(sample, markup=False, style="dim")

    def finish(self) -> None:
        self._bar.stop()
