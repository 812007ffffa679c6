"""A run that is followed by its files: what has been added since they were last read.

Read only: no lock is taken, and nothing is written. The logs grow, are cut where a run goes on from
an earlier checkpoint, and are replaced; whatever happens, the figures are those of the files now.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from weft.checkpoint import RunFolder
from weft.config import NGramConfig, model_from_dict, read_toml
from weft.errors import ConfigError, WeftError
from weft.reports.reading import LARGEST_LINE, damaged, number, open_plain, parsed
from weft.training.memory import count_parameters
from weft.training.progress.figures import Figures

LARGEST = 1 << 40  # bytes of a log: it is read in pieces
ANCHOR = 64  # bytes before the place where reading goes on, by which it is known again
ENDS = {"end": "ended", "stop": "stopped", "failure": "failed"}


class Tail:
    """A file of JSON lines, read from where the last reading ended."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._at = self._line = 0
        self._anchor, self._inode = b"", 0

    def was_rewritten(self) -> bool:
        """Whether what has been read is no longer what is there: cut, replaced or removed."""
        file = open_plain(self.path, LARGEST)
        if file is None:
            return self._at > 0
        with file:
            if self._at and os.fstat(file.fileno()).st_ino != self._inode:
                return True
            file.seek(self._at - len(self._anchor))
            return file.read(len(self._anchor)) != self._anchor

    def age(self) -> float:
        """Seconds since it was written to."""
        try:
            return max(0.0, time.time() - self.path.stat().st_mtime)
        except OSError:
            return 0.0

    def more(self) -> Iterator[dict[str, Any]]:
        """The lines since the last call; one that is not whole yet is left for the next."""
        file = open_plain(self.path, LARGEST)
        if file is None:
            return
        with file:
            self._inode = os.fstat(file.fileno()).st_ino
            file.seek(self._at)
            yield from self._lines(file)

    def _lines(self, file: BinaryIO) -> Iterator[dict[str, Any]]:
        while (line := file.readline(LARGEST_LINE + 1)).endswith(b"\n"):
            self._line += 1
            self._at += len(line)
            self._anchor = line[-ANCHOR:]
            yield parsed(line, self.path, f"line {self._line}")
        if len(line) > LARGEST_LINE:
            where = f"line {self._line + 1} is longer than {LARGEST_LINE:,} bytes"
            raise damaged(where, self.path)


class Followed:
    """A run folder and its `figures`, which `look` brings up to date.

    `state` is preparing, training, ended, stopped, failed, or gone: begun, but no process works at
    it, and none has said why. `said` puts it in words.
    """

    def __init__(self, path: str | Path) -> None:
        self.run = RunFolder(path)
        self.figures = Figures()
        self.state = self.said = ""
        self._last: dict[str, Any] = {}  # the last event that says how a process began or ended
        self._warning = ""
        self._config: dict[str, Any] = {}
        self._config_time = 0
        self._logs = Tail(self.run.metrics_path), Tail(self.run.events_path)

    def look(self) -> None:
        """Read what is new. Raises `ConfigError` where there is no run, `MalformedFileError`."""
        holder = self.run.holder()
        if holder is None and not self.run.is_used():
            what = "no run" if self.run.path.is_dir() else "no such run folder"
            raise ConfigError(f"{what}; {self.run.path}; give a folder that weft train has made")
        figures = self.figures
        if any(log.was_rewritten() for log in self._logs):
            figures, self._last, self._config_time, self._warning = Figures(), {}, 0, ""
            self._logs = Tail(self.run.metrics_path), Tail(self.run.events_path)
        figures.facts["run"] = str(self.run.path)
        self._read_config(figures)
        metrics, events = self._logs
        before = figures.step
        for record in metrics.more():
            figures.add(record)
        for event in events.more():
            self._take(event, figures)
        figures.is_running = holder is not None
        if figures.step != before:
            figures.written_ago(metrics.age())
            self._set_clock(figures, metrics.age())
        self._say(holder, figures)
        self.figures = figures

    def _read_config(self, figures: Figures) -> None:
        try:
            changed = self.run.config_path.stat().st_mtime_ns
        except OSError:
            return
        if changed == self._config_time:
            return
        self._config, self._config_time = read_toml(self.run.config_path), changed
        train, model = (_table(self._config, name) for name in ("train", "model"))
        steps = number(train.get("steps"))
        figures.steps = int(steps) if steps is not None and steps > 0 else None
        kind = model.get("arch") or model.get("model") or "gpt"
        figures.facts["model"] = str(kind)
        if isinstance(train.get("precision"), str) and kind != "ngram":
            figures.facts["precision"] = train["precision"]
        figures.facts["weights"] = _weights(model)

    def _set_clock(self, figures: Figures, age: float) -> None:
        minutes = number(_table(self._config, "train").get("minutes"))
        seconds = number(figures.last.get("seconds"))
        early = _table(self._config, "train").get("epochs") is not None  # before its time
        if minutes is not None and minutes > 0 and seconds is not None and not early:
            figures.by_clock(seconds + age, 60 * minutes)

    def _take(self, event: dict[str, Any], figures: Figures) -> None:
        kind, step = event.get("kind"), number(event.get("step"))
        if kind == "sample" and isinstance(event.get("text"), str):
            figures.say(event["text"], int(step or 0))
        elif kind == "replan" and (after := number(event.get("after"))) is not None:
            figures.steps = int(after)
        elif kind == "warning":
            self._warning = str(event.get("message", ""))
        elif kind == "begin" or kind in ENDS:
            self._last = event
            self._warning = "" if kind == "begin" else self._warning
        if kind == "end":
            figures.facts["peak_fraction"] = event.get("peak_fraction")
            figures.steps = int(number(_table(event, "result").get("steps")) or 0) or figures.steps

    def _say(self, holder: str | None, figures: Figures) -> None:
        kind = str(self._last.get("kind", ""))
        if holder is not None:
            self.state = "training" if figures.step else "preparing"
            self.said = f"{self.state}: {holder}"
        elif kind in ENDS:
            self.state = ENDS[kind]
            more = {"end": "", "stop": self._last.get("signal"), "failure": _message(self._last)}
            self.said = f"{self.state}: {more[kind]}" if more[kind] else f"the run has {self.state}"
        elif not kind and figures.steps and figures.step >= figures.steps:
            self.state, self.said = "ended", "the run has ended"
        else:
            self.state = "gone"
            self.said = "no process works at it any more; go on with weft train --resume"
        if self._warning:
            self.said += f"; warning: {self._warning}"
        figures.status = self.said


def _table(config: dict[str, Any], name: str) -> dict[str, Any]:
    section = config.get(name)
    return section if isinstance(section, dict) else {}


def _message(event: dict[str, Any]) -> str:
    return str(event.get("message") or "it does not say why")


def _weights(section: dict[str, Any]) -> int | None:
    """How many a model of these options has; None for counts, and for options of a later weft."""
    try:
        config = model_from_dict(section)
        return None if isinstance(config, NGramConfig) else count_parameters(config)
    except WeftError:
        return None
