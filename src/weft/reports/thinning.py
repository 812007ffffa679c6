"""A log of any length in bounded memory: what a curve of it needs, kept while it is read.

Lines are taken in buckets whose width doubles whenever too much is kept. Of a bucket remain the
lines with the lowest and the highest loss and the highest gradient norm, so that a spike stays to
be seen at any width; and the means, which are exact, for the smooth curve.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Line = dict[str, Any]

KEPT = 10_000  # lines of the log: a shorter one is kept whole
EVALUATIONS = 2_000  # lines with a validation loss
MEANS = 1_024  # buckets of the smooth curve
AVERAGED = ("step", "tokens", "seconds", "train_loss", "tokens_per_second", "grad_norm", "lr")


@dataclass
class Thinning:
    """Takes the lines of a log in their order; `lines()` and `means()` are what is left of it."""

    kept: int = KEPT
    evaluations: int = EVALUATIONS
    buckets: int = MEANS
    count: int = 0
    _picked: list[tuple[int, Line]] = field(default_factory=list)
    _evaluated: list[tuple[int, Line]] = field(default_factory=list)
    _sums: list[dict[str, tuple[float, int]]] = field(default_factory=list)
    _ends: list[tuple[int, Line]] = field(default_factory=list)  # the first and the last line
    _width: int = 1  # lines of a bucket of `_picked`
    _mean_width: int = 1

    def add(self, line: Line) -> None:
        """Take the next line: finite numbers or None."""
        if line.get("val_loss") is not None:
            self._evaluated.append((self.count, line))
        self._picked.append((self.count, line))
        self._ends[1:] = [(self.count, line)] if self._ends else []
        self._ends = self._ends or [(self.count, line)]
        if self.count % self._mean_width == 0:
            self._sums.append({})
        _accumulate(self._sums[-1], line)
        self.count += 1
        while len(self._picked) > self.kept:
            self._width *= 2
            self._picked = [pair for group in self._grouped() for pair in extremes(group)]
        if len(self._evaluated) > self.evaluations:
            self._evaluated = better_of_pairs(self._evaluated)
        if len(self._sums) > self.buckets:
            self._mean_width *= 2
            self._sums = [_joined(self._sums[i : i + 2]) for i in range(0, len(self._sums), 2)]

    def lines(self) -> list[Line]:
        """Lines of the log in their order; the first, the last and the evaluations among them."""
        chosen = dict(self._picked)
        chosen.update([*self._evaluated, *self._ends])
        return [chosen[index] for index in sorted(chosen)]

    def means(self) -> list[Line]:
        """At most `buckets` lines, each the mean of as many neighbours; None where none was."""
        return [{name: total / n for name, (total, n) in sums.items() if n} for sums in self._sums]

    def _grouped(self) -> Iterable[list[tuple[int, Line]]]:
        """What is picked, in buckets of the present width."""
        group: list[tuple[int, Line]] = []
        for pair in self._picked:
            if group and pair[0] // self._width != group[0][0] // self._width:
                yield group
                group = []
            group.append(pair)
        yield group


def extremes(group: list[tuple[int, Line]]) -> list[tuple[int, Line]]:
    """Of a bucket's (index, line), at most four: those that a curve of it must show."""
    chosen = {}
    for name, choose in (("train_loss", min), ("train_loss", max), ("grad_norm", max)):
        valued = [pair for pair in group if pair[1].get(name) is not None]
        if valued:
            index, line = choose(valued, key=lambda pair: float(pair[1][name]))
            chosen[index] = line
    lost = [pair for pair in group if pair[1].get("train_loss") is None]  # it was not finite
    chosen.update(lost[:1])
    return sorted(chosen.items())


def better_of_pairs(evaluated: list[tuple[int, Line]]) -> list[tuple[int, Line]]:
    """Half of the evaluations, the best of all among them."""
    pairs = [evaluated[i : i + 2] for i in range(0, len(evaluated), 2)]
    return [min(pair, key=lambda each: float(each[1]["val_loss"])) for pair in pairs]


def _accumulate(sums: dict[str, tuple[float, int]], line: Line) -> None:
    for name in AVERAGED:
        value = line.get(name)
        if value is not None:
            total, n = sums.get(name, (0.0, 0))
            sums[name] = total + value, n + 1


def _joined(parts: list[dict[str, tuple[float, int]]]) -> dict[str, tuple[float, int]]:
    result = dict(parts[0])
    for name, (total, n) in (parts[1] if len(parts) > 1 else {}).items():
        before, count = result.get(name, (0.0, 0))
        result[name] = before + total, count + n
    return result
