"""The settings that a sweep tries: a grid of values, or points drawn at random from ranges."""

from __future__ import annotations

import dataclasses
import itertools
import math
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from weft.config import FAMILIES, TrainConfig, unknown_key_message
from weft.errors import ConfigError
from weft.random import Generator

MOST_POINTS = 256
LOG_FROM = 10.0  # ratio of the ends from which a range is drawn on a logarithmic scale
NOT_SWEPT = ("data", "out", "steps", "minutes", "eval_interval")
Value = int | float | str | bool


@dataclass(frozen=True)
class Axis:
    """An option, and its values or the ends of its range."""

    name: str
    values: tuple[Value, ...] = ()
    ends: tuple[float, float] | None = None
    whole: bool = False
    """Of a range: whole numbers only."""

    @property
    def log(self) -> bool:
        """Whether a range is drawn on a logarithmic scale: rates, and what spans a factor of 10."""
        if self.ends is None or self.ends[0] <= 0:
            return False
        return "learning_rate" in self.name or self.ends[1] >= LOG_FROM * self.ends[0]

    def at(self, u: float) -> Value:
        """The value at the place `u` of the axis, in [0, 1)."""
        if self.ends is None:
            return self.values[int(u * len(self.values))]
        low, high = self.ends
        if self.log:
            value: float = low * (high / low) ** u
            return round(value) if self.whole else float(f"{value:.3g}")  # as it is typed again
        value = low + (high + self.whole - low) * u
        return min(int(high), math.floor(value)) if self.whole else float(f"{value:.3g}")


def read_axis(text: str) -> Axis:
    """NAME=VALUE,... or NAME=LOW..HIGH. Raises `ConfigError` for what is neither."""
    name, equals, values = text.partition("=")
    name = name.strip().lstrip("-").replace("-", "_")
    hint = _options().get(name)
    if hint is None or name in NOT_SWEPT:
        known = [option for option in _options() if option not in NOT_SWEPT]
        raise ConfigError(unknown_key_message(name, known, "sweep --set"))
    if not equals or not values.strip():
        raise ConfigError(f"no values in {text[:60]!r}; sweep; say --set {name}=VALUE,VALUE")
    low, dots, high = values.partition("..")
    if dots:
        return _range(name, low, high, hint)
    read = tuple(_value(name, value.strip(), hint) for value in values.split(","))
    if len(set(read)) < len(read):
        raise ConfigError(f"{name} has a value twice: {values[:60]}; sweep; name each once")
    return Axis(name, read)


def _range(name: str, low: str, high: str, hint: Any) -> Axis:
    ends = _value(name, low.strip(), hint), _value(name, high.strip(), hint)
    numbers = [e for e in ends if isinstance(e, (int, float)) and not isinstance(e, bool)]
    if len(numbers) < 2 or not numbers[0] < numbers[1]:
        raise ConfigError(f"{name}={low}..{high} is no range; sweep; give LOW..HIGH")
    return Axis(name, ends=(numbers[0], numbers[1]), whole=isinstance(ends[0], int))


def _options() -> dict[str, Any]:
    """Name -> type of every option of training and of all families, `vocab_size` among them."""
    hints: dict[str, Any] = {}
    for config in dict.fromkeys([TrainConfig, *FAMILIES.values()]):
        known = typing.get_type_hints(config)
        hints = {f.name: known[f.name] for f in dataclasses.fields(config)} | hints
    return hints


def _value(name: str, text: str, hint: Any) -> Value:
    kinds = {kind for kind in (hint, *typing.get_args(hint)) if isinstance(kind, type)}
    try:
        if bool in kinds:
            return {"true": True, "false": False}[text]
        if int in kinds and float not in kinds:
            return int(text)
        if float in kinds:
            number = float(text)
            if math.isfinite(number):
                return number
            raise ValueError
    except (ValueError, KeyError):
        kind = "true or false" if bool in kinds else "a number"
        raise ConfigError(f"{name}={text[:40]!r} is not {kind}; sweep; change --set") from None
    return text


def grid(axes: Sequence[Axis]) -> list[dict[str, Value]]:
    """Every combination of the values, the last axis fastest. Raises `ConfigError` for ranges."""
    for axis in axes:
        if axis.ends is not None:
            raise ConfigError(
                f"{axis.name} is a range; sweep; say how many points to draw with --points, or "
                "name its values"
            )
    count = math.prod(len(axis.values) for axis in axes)
    if count > MOST_POINTS:
        raise ConfigError(
            f"{count:,} combinations; sweep; draw at most {MOST_POINTS} of them with --points"
        )
    names = [axis.name for axis in axes]
    rows = itertools.product(*(axis.values for axis in axes))
    return [dict(zip(names, row, strict=True)) for row in rows]


def draw(axes: Sequence[Axis], count: int, generator: Generator) -> list[dict[str, Value]]:
    """`count` different points drawn at random; fewer where there are no more.

    Ranges of rates, and those that span a factor of ten, are drawn log-uniformly; the others, and
    lists, uniformly. Raises `ConfigError` for a count that cannot be.
    """
    if not 1 <= count <= MOST_POINTS:
        raise ConfigError(f"points = {count}; sweep; give 1 to {MOST_POINTS}")
    points: list[dict[str, Value]] = []
    for _ in range(20 * count):
        places = generator.uniform((len(axes),)).tolist()
        point = {axis.name: axis.at(u) for axis, u in zip(axes, places, strict=True)}
        if point not in points:
            points.append(point)
        if len(points) == count:
            break
    return points
