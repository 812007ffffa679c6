"""`RunRecord`: all that a run folder tells of a run, read once, in bounded memory, believing none.

Files that are not there are None or empty: an old run has no events, an interrupted one no result.
Not here: the weights (weft.checkpoint), what the figures mean (the report, the diagnosis).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weft.checkpoint import RunFolder
from weft.config import read_toml
from weft.data.documents import printable
from weft.errors import ConfigError
from weft.reports.reading import LARGEST_NUMBER, damaged, json_lines, json_object, number
from weft.reports.thinning import Thinning

LARGEST_EVENTS = 64 << 20  # bytes; they are kept in memory
EVENTS_KEPT = 2_000  # of one kind
LONGEST_SAMPLE = 20_000  # characters


@dataclass(frozen=True)
class RunRecord:
    """One run. Numbers of `metrics` are finite or None; texts are as they are in the files."""

    path: Path
    version: str = ""
    """The weft that wrote config.toml; empty where it does not say."""
    train: dict[str, Any] = field(default_factory=dict)
    """[train] of config.toml, not checked against `TrainConfig`."""
    model: dict[str, Any] = field(default_factory=dict)
    """[model] of config.toml."""
    changes: list[dict[str, Any]] = field(default_factory=list)
    """{step, option, old, new} of each resumption."""
    metrics: list[dict[str, Any]] = field(default_factory=list)
    """Lines of metrics.jsonl by step: all of up to 10,000, else those that a curve must show."""
    means: list[dict[str, Any]] = field(default_factory=list)
    """At most 1,024 lines, each the mean of as many neighbours in the log; for smooth curves."""
    logged: int = 0
    """Lines in metrics.jsonl."""
    events: list[dict[str, Any]] = field(default_factory=list)
    """Lines of events.jsonl, at most 2,000 of a kind: of more, every other one goes."""
    plan: dict[str, Any] | None = None
    """plan.json, of a run with --minutes."""
    result: dict[str, Any] | None = None
    """What `weft train --json` prints; None of a run that did not end by itself."""
    checkpoints: list[int] = field(default_factory=list)
    """Steps that have a checkpoint folder, good or bad."""

    @property
    def family(self) -> str:
        """Name of the model's family, as after --model."""
        return str(self.model.get("model", "gpt"))

    @property
    def evaluations(self) -> list[dict[str, Any]]:
        """Lines with a validation loss."""
        return [line for line in self.metrics if line.get("val_loss") is not None]

    @property
    def best(self) -> dict[str, Any] | None:
        """The line of the lowest validation loss, the earliest of equals."""
        return min(self.evaluations, key=lambda line: float(line["val_loss"]), default=None)

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        """The events of a kind, in their order."""
        return [event for event in self.events if event.get("kind") == kind]

    def last(self, kind: str) -> dict[str, Any]:
        """The last event of a kind; {} without any."""
        return next((e for e in reversed(self.events) if e.get("kind") == kind), {})


def read_run(path: str | Path) -> RunRecord:
    """The record of a run folder.

    Raises `ConfigError` where there is no run or config.toml is not TOML, and `MalformedFileError`
    for a log or a plan that is damaged or larger than any run writes.
    """
    run = RunFolder(path)
    if not run.config_path.is_file():
        what = "no run" if run.path.is_dir() else "no such run folder"
        raise ConfigError(f"{what}; {printable(run.path)}; give a folder that weft train has made")
    config = read_toml(run.config_path)
    log = Thinning()
    for line in _metrics(run.metrics_path):
        log.add(line)
    events = _events(run.events_path)
    ended = [event for event in events if event.get("kind") == "end"]
    return RunRecord(
        path=run.path,
        version=config["weft"] if isinstance(config.get("weft"), str) else "",
        train=_section(config, "train", run),
        model=_section(config, "model", run),
        changes=[each for each in _items(config.get("changes")) if isinstance(each, dict)],
        metrics=sorted(log.lines(), key=lambda line: line["step"]),
        means=sorted(log.means(), key=lambda line: line["step"]),
        logged=log.count,
        events=events,
        plan=json_object(run.plan_path),
        result=_result(ended[-1:]),
        checkpoints=run.checkpoints(),
    )


def _section(config: dict[str, Any], name: str, run: RunFolder) -> dict[str, Any]:
    section = config.get(name, {})
    if not isinstance(section, dict):
        raise damaged(f"[{name}] is no table", run.config_path)
    return section


def _metrics(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of the log: numbers; of an evaluation also lists, such as the experts' shares."""
    for n, line in enumerate(json_lines(path), 1):
        step = number(line.get("step"))
        if not isinstance(step, int) or step < 0:
            raise damaged(f"line {n} has no step", path)
        if not _is_plain(line):
            lists = number(line.get("val_loss")) is not None
            line = {
                name: value if isinstance(value, list) else number(value)
                for name, value in line.items()
                if value is None or isinstance(value, (int, float, list) if lists else (int, float))
            }
        yield line


def _is_plain(line: dict[str, Any]) -> bool:
    """Whether all values are finite numbers: nearly all lines are so, and are kept as they are."""
    values = line.values()
    if not {type(value) for value in values} <= {int, float}:
        return False
    return all(-LARGEST_NUMBER < value < LARGEST_NUMBER for value in values)  # of NaN none is true


def _events(path: Path) -> list[dict[str, Any]]:
    """Events as they are in the file; the texts of samples are cut where nobody would read on."""
    by_kind: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for n, event in enumerate(json_lines(path, LARGEST_EVENTS), 1):
        kind, text = event.get("kind"), event.get("text")
        if not isinstance(kind, str):
            raise damaged(f"line {n} is no event", path)
        for name in ("step", "seconds"):
            event[name] = number(event.get(name)) or 0
        if isinstance(text, str) and len(text) > LONGEST_SAMPLE:
            event["text"] = text[:LONGEST_SAMPLE] + "…"
        kept = by_kind.setdefault(kind, [])
        kept.append((n, event))
        if len(kept) > EVENTS_KEPT:
            kept[:] = kept[::2]  # the first and the last stay
    pairs = [pair for kept in by_kind.values() for pair in kept]
    return [event for _, event in sorted(pairs, key=lambda pair: pair[0])]


def _result(ended: list[dict[str, Any]]) -> dict[str, Any] | None:
    result = ended[0].get("result") if ended else None
    return result if isinstance(result, dict) else None


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
