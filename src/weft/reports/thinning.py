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
Sums = dict[str, tuple[float, int]]  # of a field its sum, and of how many lines

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
    _ends: list[tuple[int, Line]] = field(default_factory=list)  # the first and the last line
    _evaluated: list[tuple[int, Line]] = field(default_factory=list)
    _picked: list[tuple[int, Line]] = field(default_factory=list)
    _group: list[tuple[int, Line]] = field(default_factory=list)  # of the bucket that fills now
    _width: int = 1  # lines of a bucket of `_picked`
    _sums: list[Sums] = field(default_factory=list)
    _summed: list[Line] = field(default_factory=list)  # of the bucket that fills now
    _before: Sums = field(default_factory=dict)  # of its lines before these
    _mean_width: int = 1

    def add(self, line: Line) -> None:
        """Take the next line: finite numbers or None."""
        pair = (self.count, line)
        self._ends[self.count > 0 :] = [pair]
        if line.get("val_loss") is not None:
            self._evaluated.append(pair)
            if len(self._evaluated) > self.evaluations:
                self._evaluated = better_of_pairs(self._evaluated)
        if self.count % self._mean_width == 0 and len(self._sums) >= self.buckets:
            self._widen_means()
        self._group.append(pair)
        self._summed.append(line)
        self.count += 1
        if self.count % self._width == 0:
            self._pick()
        if self.count % self._mean_width == 0:
            self._sums.append(joined(self._before, sums_of(self._summed)))
            self._before, self._summed = {}, []

    def lines(self) -> list[Line]:
        """Lines of the log in their order; the first, the last and the evaluations among them."""
        chosen = dict([*self._picked, *extremes(self._group), *self._evaluated, *self._ends])
        return [chosen[index] for index in sorted(chosen)]

    def means(self) -> list[Line]:
        """At most `buckets` lines, each the mean of as many neighbours; no name without a value."""
        last = joined(self._before, sums_of(self._summed))
        return [
            {name: total / n for name, (total, n) in sums.items()}
            for sums in [*self._sums, last]
            if sums
        ]

    def _pick(self) -> None:
        """A bucket is full: keep what a curve of it must show."""
        self._picked += extremes(self._group) if self._width > 1 else self._group
        self._group = []
        while len(self._picked) > self.kept:
            self._width *= 2
            self._picked = [pair for group in self._grouped() for pair in extremes(group)]

    def _widen_means(self) -> None:
        """Join each two buckets; one that is left over is the begin of the next."""
        self._mean_width *= 2
        pairs = zip(self._sums[::2], self._sums[1::2], strict=False)
        self._before = self._sums[-1] if len(self._sums) % 2 else {}
        self._sums = [joined(a, b) for a, b in pairs]

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


def sums_of(lines: list[Line]) -> Sums:
    """The sum of each averaged field, and of how many lines it is."""
    sums = {}
    for name in AVERAGED:
        values = [line[name] for line in lines if line.get(name) is not None]
        if values:
            sums[name] = float(sum(values)), len(values)
    return sums


def joined(a: Sums, b: Sums) -> Sums:
    """The sums of two buckets together."""
    empty = (0.0, 0)
    pairs = {name: (a.get(name, empty), b.get(name, empty)) for name in {**a, **b}}
    return {name: (x + y, n + m) for name, ((x, n), (y, m)) in pairs.items()}
