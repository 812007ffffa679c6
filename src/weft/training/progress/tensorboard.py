"""A run for TensorBoard: its figures and samples in RUN/tensorboard/, beside all that Weft writes.

tensorboardX makes the events; they are written here and now, not by its thread, which would let
training wait for ever once the disk is full. Whatever fails costs the events and not the run.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from weft.errors import WeftError
from weft.training.progress.figures import finite, harmless
from weft.training.progress.protocol import Progress

logger = logging.getLogger("weft")
FOLDER = "tensorboard"  # in the run folder
APART = 0.1  # seconds between two steps that are written; metrics.jsonl has them all
FLUSHED = 10.0  # seconds after which what is written can be seen
TAGS = {
    "train_loss": "loss/train",
    "lr": "learning_rate",
    "grad_norm": "gradient_norm",
    "tokens_per_second": "tokens_per_second",
}


class TensorBoardProgress(Progress):
    """Writes events; shows nothing. One warning where it cannot write, and no more events.

    Raises `WeftError` that names the extra where tensorboardX is missing. It is imported here, as
    that can take seconds (it looks for PyTorch), which the clock of a run must know of.
    """

    def __init__(self) -> None:
        try:
            import tensorboardX  # noqa: F401
        except ImportError:
            raise WeftError(
                "tensorboardX is not installed; weft train --tensorboard; "
                'pip install "weft[tensorboard]"'
            ) from None
        self._run = ""
        self._events: _Events | None = None
        self._written = -APART

    def describe(self, facts: Mapping[str, Any]) -> None:
        self._run = str(facts.get("run", self._run))

    def start(self, step: int, steps: int) -> None:
        self._try(lambda: self._begin(step))

    def step(self, record: Mapping[str, Any]) -> None:
        if self._events is not None and time.monotonic() - self._written >= APART:
            self._written = time.monotonic()
            self._try(lambda: self._write(record, TAGS))

    def evaluated(self, record: Mapping[str, Any], sample: str) -> None:
        self._try(lambda: self._write(record, {"val_loss": "loss/validation"}, sample))

    def finish(self) -> None:
        self._try(self._end)

    def _begin(self, step: int) -> None:
        if self._events is None and self._run:
            self._events = _Events(Path(self._run, FOLDER), step)

    def _write(self, record: Mapping[str, Any], tags: Mapping[str, str], sample: str = "") -> None:
        if self._events is None:
            return
        step = int(record["step"])
        for key, tag in tags.items():
            if (value := finite(record, key)) is not None:
                self._events.scalar(tag, value, step)
        if sample:
            self._events.text("sample", sample, step)

    def _end(self) -> None:
        events, self._events = self._events, None
        if events is not None:
            events.close()

    def _try(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:  # of a library that is not ours
            self._events = None
            reason = " ".join(str(error).split()) or type(error).__name__
            where = Path(self._run, FOLDER)
            logger.warning("warning: no more events for TensorBoard: %s; %s", reason, where)


class _Events:
    """One file of events, which begins after `step`: later ones in older files count no more."""

    def __init__(self, folder: Path, step: int) -> None:
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import SessionLog

        folder.mkdir(parents=True, exist_ok=True)
        suffix = f".{time.time_ns()}"  # the rest of the name changes once a second
        self._writer = EventsWriter(str(folder / "events"), suffix)
        self._flushed = time.monotonic()
        if step:
            self._add(step + 1, session_log=SessionLog(status=SessionLog.START))
        self._writer.flush()

    def scalar(self, tag: str, value: float, step: int) -> None:
        from tensorboardX import summary

        self._add(step, summary=summary.scalar(tag, value))

    def text(self, tag: str, text: str, step: int) -> None:
        """As it is: TensorBoard reads Markdown, where indented lines are not formatted."""
        from tensorboardX import summary

        lines = "\n".join("    " + line for line in harmless(text).splitlines())
        self._add(step, summary=summary.text(tag, lines))
        self._flush()

    def close(self) -> None:
        self._writer.close()

    def _add(self, step: int, **what: Any) -> None:
        from tensorboardX.proto.event_pb2 import Event

        self._writer.write_event(Event(step=step, wall_time=time.time(), **what))
        if time.monotonic() - self._flushed >= FLUSHED:
            self._flush()

    def _flush(self) -> None:
        self._writer.flush()
        self._flushed = time.monotonic()
