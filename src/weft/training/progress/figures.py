"""What a run is at, from the lines of its log: the figures that every display shows.

Fed by the run itself or by its files, in the order of the steps; bounded however long the run is.
"""

from __future__ import annotations

import math
import time
import unicodedata
from collections.abc import Mapping
from typing import Any

LOSS_SHARE, SPEED_SHARE, PACE_SHARE = 1 / 50, 1 / 20, 1 / 2  # of the run so far, in a mean
FIRST = 4  # records that are averaged at the start, however short the share
MOST_SAID = 4000  # characters of a sample
MOST_POINTS = 512  # of a curve: four on each character of a wide terminal


class Recent:
    """A running mean over about the last `share` of what was added."""

    def __init__(self, share: float) -> None:
        self.share, self.count, self.value = share, 0, math.nan

    def add(self, value: float) -> None:
        self.count += 1
        last = self.value if self.count > 1 else value
        self.value = last + (value - last) / min(self.count, FIRST + self.count * self.share)


class Points:
    """A curve of at most `MOST_POINTS`: when it is full, neighbours become their mean."""

    def __init__(self) -> None:
        self._done: list[tuple[float, float]] = []
        self._each = 1  # values in a point
        self._sums, self._count = (0.0, 0.0), 0

    def add(self, x: float, y: float) -> None:
        self._sums = self._sums[0] + x, self._sums[1] + y
        self._count += 1
        if self._count < self._each:
            return
        self._done.append((self._sums[0] / self._count, self._sums[1] / self._count))
        self._sums, self._count = (0.0, 0.0), 0
        if len(self._done) == MOST_POINTS:
            pairs = zip(self._done[::2], self._done[1::2], strict=True)
            self._done = [((a + c) / 2, (b + d) / 2) for (a, b), (c, d) in pairs]
            self._each *= 2

    def points(self) -> list[tuple[float, float]]:
        return list(self._done)


class Figures:
    """Everything a display shows. Losses in nats per token, times in seconds."""

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {}
        self.first = self.step = self.tokens = 0
        self.steps: int | None = None
        self.is_running = True
        self.doing = self.status = ""  # in words: what else than training; how the run is
        self.loss, self._pace = Recent(LOSS_SHARE), Recent(PACE_SHARE)
        self._token_seconds = Recent(SPEED_SHARE)  # a mean of speeds would forget slow steps
        self.train_curve, self.val_curve = Points(), Points()
        self.val_loss: float | None = None
        self.val_step = 0
        self.best: tuple[float, int] | None = None
        self.last: dict[str, Any] = {}
        self.sample, self.sample_step = "", 0
        self._seconds, self._seen = 0.0, time.monotonic()
        self._clock: tuple[float, float] | None = None  # seconds given, and when they began

    def start(self, step: int, steps: int | None) -> None:
        """Training begins, or goes on, after `step`."""
        self.first, self.step, self.steps = step, max(step, self.step), steps
        self._seen = time.monotonic()

    def by_clock(self, done: float, total: float) -> None:
        """`done` of `total` seconds are used."""
        self._clock = total, time.monotonic() - done

    def add(self, record: Mapping[str, Any]) -> None:
        """A line of the log. What is missing or no number is left out."""
        found = finite(record, "step")
        if found is None or (step := int(found)) < self.step:
            return
        if step > self.step:
            self._add_step(record, step)
        loss = finite(record, "val_loss")
        if loss is not None and step > self.val_step:
            self.val_loss, self.val_step = loss, step
            self.val_curve.add(step, loss)
            if self.best is None or loss < self.best[0]:
                self.best = loss, step

    def say(self, sample: str, step: int) -> None:
        """What the model said after `step`; the start of it."""
        self.sample, self.sample_step = harmless(sample[:MOST_SAID]).strip(), step

    def _add_step(self, record: Mapping[str, Any], step: int) -> None:
        self._add_time(record, step - self.step)
        self.step, self.last = step, dict(record)
        self.tokens = int(finite(record, "tokens") or self.tokens)
        if (loss := finite(record, "train_loss")) is not None:
            self.loss.add(loss)
            self.train_curve.add(step, self.loss.value)
        if (speed := finite(record, "tokens_per_second")) is not None:
            self._token_seconds.add(1 / max(speed, 1e-9))

    def _add_time(self, record: Mapping[str, Any], steps: int) -> None:
        """Seconds per step: between two lines of the log, evaluations included, or of the step."""
        seconds, duration = finite(record, "seconds"), finite(record, "step_seconds")
        if seconds is not None and steps and self._seconds and seconds >= self._seconds:
            self._pace.add((seconds - self._seconds) / steps)
        elif duration is not None and steps:
            self._pace.add(duration)
        self._seconds = self._seconds if seconds is None else seconds
        self._seen = time.monotonic()

    def written_ago(self, seconds: float) -> None:
        """The last line is as old as that: it was read from a file."""
        self._seen = time.monotonic() - max(0.0, seconds)

    def seconds(self) -> float:
        """Wall time of the run until now."""
        if not self.is_running:
            return self._seconds
        if self._clock is not None:
            return time.monotonic() - self._clock[1]
        return self._seconds + time.monotonic() - self._seen

    def seconds_left(self) -> float | None:
        """By the clock where the run goes by it, else by the steps; None when not known."""
        if not self.is_running:
            return None
        if self._clock is not None:
            return max(0.0, self._clock[0] + self._clock[1] - time.monotonic())
        if self.steps is None or not self._pace.count:
            return None
        since = time.monotonic() - self._seen
        return max(0.0, (self.steps - self.step) * self._pace.value - since)

    def share_done(self) -> float | None:
        """Of the run, in [0, 1]."""
        if self.is_running and self._clock is not None and self._clock[0] > 0:
            return min(1.0, self.seconds() / self._clock[0])
        return min(1.0, self.step / self.steps) if self.steps else None

    def tokens_per_second(self) -> float | None:
        """Of the latest steps, without what is between them; None before the first."""
        return 1 / self._token_seconds.value if self._token_seconds.count else None

    def peak_share(self) -> float | None:
        """Of the machine's measured peak; None where it was not measured."""
        told = finite(self.last, "peak_fraction") or finite(self.facts, "peak_fraction")
        peak = finite(self.facts, "peak_tokens_per_second")
        if told is None and peak and (speed := self.tokens_per_second()) is not None:
            return speed / peak
        return told

    def busiest_expert(self) -> float | None:
        """The largest share of the choices that fell on one expert; None without experts."""
        layers = self.last.get("expert_share")
        rows = [row for row in layers if isinstance(row, list)] if isinstance(layers, list) else []
        shares = [x for row in rows for x in row if isinstance(x, float) and math.isfinite(x)]
        return max(shares, default=None)


def finite(values: Mapping[str, Any], key: str) -> float | None:
    """The number under a key, or None where there is none, as in the files of others."""
    value = values.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def clock(seconds: float) -> str:
    """1:05 or 2:03:04."""
    minutes, s = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{s:02}" if hours else f"{minutes}:{s:02}"


def harmless(text: str) -> str:
    """Text of a model or a file that cannot move the cursor or recolour a terminal.

    Lines stay; tabs become spaces, and other characters that are not for print U+FFFD.
    """
    return "".join(_harmless(c) for c in text.replace("\r\n", "\n").replace("\t", "    "))


def _harmless(c: str) -> str:
    if c == "\n" or c.isprintable() or c in "\u200c\u200d":  # joiners of Indic and Arabic letters
        return c
    return " " if unicodedata.category(c) == "Zs" else "\ufffd"
