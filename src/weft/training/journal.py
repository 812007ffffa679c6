"""What one process writes down of a run: its two logs, and where its time went."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

from weft.checkpoint import RunFolder
from weft.runlog import EventLog, MetricsLog, drop_after, drop_samples_after


class Journal:
    """Written while a process works at a run, from its first message to its last.

    `begun` is the monotonic time at which the process began; `spent` are the seconds of the
    processes before it.
    """

    def __init__(
        self, metrics: MetricsLog, events: EventLog, step: int, begun: float, spent: float
    ) -> None:
        self.step, self.begun, self.spent = step, begun, spent
        self.times: dict[str, float] = {}
        self._metrics, self._events = metrics, events

    @property
    def seconds(self) -> float:
        """Wall time of the run, over all its processes."""
        return self.spent + time.monotonic() - self.begun

    def record(self, line: Mapping[str, Any]) -> None:
        """A line of metrics.jsonl."""
        self._metrics.append(line)

    def event(self, kind: str, **fields: Any) -> None:
        """A line of events.jsonl, after the steps and seconds so far."""
        self._events.write(kind, self.step, self.seconds, **fields)

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the time of the block as that of `name`."""
        begin = time.monotonic()
        try:
            yield
        finally:
            self.add(name, time.monotonic() - begin)

    def add(self, name: str, seconds: float) -> None:
        """Count these seconds as those of `name`."""
        self.times[name] = self.times.get(name, 0.0) + seconds

    def sync(self) -> None:
        """Make what is written durable."""
        self._metrics.sync()


@contextlib.contextmanager
def open_journal(run: RunFolder, step: int, begun: float, spent: float) -> Iterator[Journal]:
    """The journal of a process that goes on after `step`; what was written later is dropped."""
    drop_after(run.metrics_path, step)
    drop_samples_after(run.events_path, step)
    with MetricsLog(run.metrics_path) as metrics, EventLog(run.events_path) as events:
        yield Journal(metrics, events, step, begun, spent)
