"""`Sweep`: trains the runs of a sweep one after the other, and remembers what came of each.

A run that cannot be or diverges is a trial too: it is reported and goes no further. The time of a
rung is what was left when it began, so that what one took too long the next ones save.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from weft.checkpoint import RunFolder
from weft.config import TrainConfig, from_dict, read_toml
from weft.errors import ConfigError, RunLockedError, WeftError
from weft.training.preparation import Source, reopen
from weft.training.progress import Progress
from weft.training.run import split_options, train
from weft.training.sweep.halving import rungs, share_left, survivors
from weft.training.sweep.record import Record, Trial

TOKENS = ("tokenizer", "vocab_size")
SIZES = ("arch", "n_layer", "n_embd", "n_head", "block_size", "batch_size", "dropout")
PLANNED = (*TOKENS, *SIZES)
LEAST_MINUTES = 0.01  # of a run; less is no training
Tell = Callable[[str], object]


class Sweep:
    """The sweep in a folder; `run` goes on from where its record says."""

    def __init__(self, folder: Path, record: Record, tell: Tell = lambda text: None) -> None:
        """Raises `ConfigError` for options that cannot be."""
        self.folder, self.record, self.tell = folder, record, tell
        self.ladder = rungs(len(record.points), record.eta, record.rungs)
        split_options({**record.fixed, **record.points[0]})
        if (record.minutes is None) == (record.steps is None):
            raise ConfigError("give either minutes or steps; sweep; minutes are of the whole sweep")
        if record.minutes is not None and not 0 < record.minutes < 1e6:
            raise ConfigError(f"minutes {record.minutes:g}; sweep; give more than 0")
        if record.steps is not None and record.steps < 1:
            raise ConfigError(f"steps {record.steps}; sweep; give 1 or more")

    @property
    def by_bytes(self) -> bool:
        """Whether losses are of different tokens, so that they compare by the byte only."""
        return any(name in point for point in self.record.points for name in TOKENS)

    def run(self) -> None:
        """Train all rungs. Raises what ends a program, and `WeftError` if no point is left."""
        if self.record.data == "-":
            raise ConfigError("a sweep reads its text many times; stdin; save it into a file")
        Source(from_dict(TrainConfig, {"data": self.record.data, "out": str(self.folder)}))
        self.folder.mkdir(parents=True, exist_ok=True)
        self._begun = time.monotonic() - sum(t.seconds for t in self.record.trials)
        if self.record.planned is None:
            self.record.planned = self._plan()
        self.record.write(self.folder)
        alive = list(range(len(self.record.points)))
        for rung in range(len(self.ladder)):
            alive = self._climb(rung, alive[: self.ladder[rung].points])
            if not alive:
                break
        if all(trial.failure for trial in self.record.trials):
            failure = self.record.trials[-1].failure
            raise WeftError(f"every run failed, the last one so: {failure}")

    def _climb(self, rung: int, alive: list[int]) -> list[int]:
        """Train the points of a rung; those that have a loss, the best first.

        None where the time is over, or would not do for longer runs than those before.
        """
        budget = self._budget(rung, len(alive))
        before = [t.budget for t in self.record.trials if t.rung == rung - 1]
        if before and budget <= before[0]:
            self.tell(f"no time is left for rung {rung + 1}: its runs would be no longer")
            return []
        for number, point in enumerate(alive, 1):
            if any((t.point, t.rung) == (point, rung) for t in self.record.trials):
                continue
            if self.record.trials and self._left() <= 0:
                left_out = len(alive) - number + 1
                self.tell(f"the time is over; left out: {left_out} of {len(alive)} runs")
                return []
            unit = "s" if self.record.steps is None else "steps" if budget > 1 else "step"
            self.tell(
                f"rung {rung + 1} of {len(self.ladder)}, run {number} of {len(alive)}, "
                f"{budget:,.0f} {unit}: {shown(self.record.points[point])}"
            )
            self._train(point, rung, budget)
        losses = {t.point: t.score for t in self.record.trials if t.rung == rung}
        return survivors(losses, len(alive))

    def _left(self) -> float:
        """Seconds of the sweep's minutes that are left; without end, if it has steps."""
        if self.record.minutes is None:
            return math.inf
        return 60 * self.record.minutes - (time.monotonic() - self._begun)

    def place(self, point: int, rung: int) -> Path:
        """The run folder of a trial."""
        return self.folder / f"point-{point + 1:02}" / f"rung-{rung + 1}"

    def ranking(self) -> list[Trial]:
        """The last trial of each point, the best first: those that came further, then by score."""
        last: dict[int, Trial] = {}
        for trial in self.record.trials:
            if trial.point not in last or trial.rung >= last[trial.point].rung:
                last[trial.point] = trial
        return sorted(
            last.values(), key=lambda t: (t.failure is not None, -t.rung, t.score, t.point)
        )

    def _budget(self, rung: int, points: int) -> float:
        """Of each run of a rung: seconds, or steps."""
        done = [t for t in self.record.trials if t.rung == rung]
        if done:
            return done[0].budget  # it was interrupted: its runs are all of one length
        if self.record.steps is not None:
            return max(1, round(self.record.steps * self.ladder[rung].length))
        return max(60 * LEAST_MINUTES, self._left() * share_left(self.ladder, rung, points))

    def _train(self, point: int, rung: int, budget: float) -> None:
        begun = time.monotonic()
        place = self.place(point, rung)
        loss = bits = failure = None
        earlier = 0.0  # of a run that was interrupted, and goes on
        try:
            result = self._run(point, place, budget, begun)
            loss, earlier = result.best_val_loss, result.seconds
            bits = self._bits_per_byte(place, loss) if self.by_bytes else None
        except RunLockedError:
            raise
        except (WeftError, MemoryError) as error:
            failure = str(error) or "out of memory"
        seconds = max(time.monotonic() - begun, earlier)
        self.record.trials.append(Trial(point, rung, budget, seconds, loss, bits, failure))
        self.record.write(self.folder)
        unit = "nats per token" if bits is None else "bits per byte"
        self.tell(
            f"  {f'failed: {failure}' if failure else f'{self.record.trials[-1].score:.4f} {unit}'}"
        )

    def _run(self, point: int, place: Path, budget: float, begun: float) -> Any:
        if RunFolder(place).config_path.exists():
            return train(out=str(place), resume=True, progress=Progress(), begun=begun)
        options = self.options(point)
        if self.record.steps is not None:
            options["steps"] = int(budget)
        else:
            options["minutes"] = budget / 60
        return train(self.record.data, out=str(place), progress=Progress(), begun=begun, **options)

    def options(self, point: int) -> dict[str, Any]:
        """What a point trains with: what was planned for all, given for all, and its own."""
        given = {**self.record.fixed, **self.record.points[point]}
        planned = dict(self.record.planned or {})
        if "n_embd" in given:
            planned.pop("n_head", None)  # it has to divide the width
        if "tokenizer" in given:
            planned.pop("vocab_size", None)
        options: dict[str, Any] = {"sample_tokens": 0, **planned, **given}
        first = self._tokenizer()
        if first is not None and not self.by_bytes:
            options.pop("vocab_size", None)
            options["tokenizer"] = str(first)  # learnt once, the same for all
        return options

    def _tokenizer(self) -> Path | None:
        """The one that the first run has made, if it is not swept."""
        found = (
            self.place(t.point, t.rung) / "data" / "tokenizer.json" for t in self.record.trials
        )
        return next((path for path in found if path.exists()), None)

    def _plan(self) -> dict[str, Any]:
        """What is neither given nor swept, chosen once, for the length of the last rung's runs."""
        record, fixed = self.record, self.record.fixed
        if record.minutes is None or fixed.get("model", "gpt") != "gpt":
            return {}
        if any("model" in point for point in record.points):
            return {}
        from weft.training.planning import Planner

        minutes = max(LEAST_MINUTES, record.minutes * self.ladder[-1].share)
        given_train, given_model = split_options(fixed)
        given_train |= {"data": record.data, "out": str(self.folder), "minutes": minutes}
        planner = Planner(given_train, given_model, minutes, time.monotonic())
        source = Source(from_dict(TrainConfig, given_train, "sweep"))
        source.config = planner.tokens(source)
        planner.rest(source, source.tokenizer())
        chosen = {**planner.plan.train, **planner.plan.model}
        return {name: chosen[name] for name in PLANNED if name in chosen and name not in fixed}

    def _bits_per_byte(self, place: Path, loss: float) -> float:
        """A loss by the byte of the run's own validation split."""
        config = from_dict(TrainConfig, read_toml(place / "config.toml")["train"])
        tokenizer, dataset = reopen(config, RunFolder(place))
        tokens = dataset.val.tokens
        return loss / math.log(2) * len(tokens) / len(tokenizer.decode_bytes(tokens))


def shown(point: dict[str, Any]) -> str:
    """A point in words: learning_rate=0.003 n_layer=2."""
    return " ".join(f"{name}={value_text(value)}" for name, value in point.items())


def value_text(value: Any) -> str:
    """A value as it can be typed."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
