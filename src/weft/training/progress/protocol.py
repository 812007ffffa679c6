"""What a run tells whoever shows it; the displays are beside this file.

`Progress` itself is silent; it is also what another front end (a page, a notebook) implements.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Progress:
    """Silent. Called in this order: (message, preparing, describe)*, start, (step, evaluated?)*,
    finish; message, time and length may come at any time after start, too."""

    def message(self, text: str) -> None:
        """One line for the user."""

    def preparing(self, done: int, total: int) -> None:
        """Bytes of the text that are tokenized."""

    def describe(self, facts: Mapping[str, Any]) -> None:
        """What is trained, each where it is known; more than one call adds up.

        `run`: its folder. `model`: in words. `weights`: how many. `precision`.
        `peak_tokens_per_second`: the speed if the steps reached the measured peak of the machine.
        """

    def start(self, step: int, steps: int) -> None:
        """Training begins after `step` of `steps`."""

    def length(self, steps: int) -> None:
        """The run has been planned anew, and is `steps` long in all."""

    def time(self, done_seconds: float, total_seconds: float) -> None:
        """A run by the clock: time used, and time given. What is left is then not guessed."""

    def step(self, record: Mapping[str, Any]) -> None:
        """A step is done; `record` is a line of metrics.jsonl."""

    def evaluated(self, record: Mapping[str, Any], sample: str) -> None:
        """`record` has a val_loss; `sample` is text from the model, or empty."""

    def finish(self) -> None:
        """Training ended, by itself or not; called once more is harmless."""


class Several(Progress):
    """Tells each of several displays, in order."""

    def __init__(self, *displays: Progress) -> None:
        self.displays = displays

    def message(self, text: str) -> None:
        for display in self.displays:
            display.message(text)

    def preparing(self, done: int, total: int) -> None:
        for display in self.displays:
            display.preparing(done, total)

    def describe(self, facts: Mapping[str, Any]) -> None:
        for display in self.displays:
            display.describe(facts)

    def start(self, step: int, steps: int) -> None:
        for display in self.displays:
            display.start(step, steps)

    def length(self, steps: int) -> None:
        for display in self.displays:
            display.length(steps)

    def time(self, done_seconds: float, total_seconds: float) -> None:
        for display in self.displays:
            display.time(done_seconds, total_seconds)

    def step(self, record: Mapping[str, Any]) -> None:
        for display in self.displays:
            display.step(record)

    def evaluated(self, record: Mapping[str, Any], sample: str) -> None:
        for display in self.displays:
            display.evaluated(record, sample)

    def finish(self) -> None:
        for display in self.displays:
            display.finish()
