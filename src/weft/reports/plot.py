"""Curves as SVG that stretches with the page, and axes as text that does not.

The picture has 10,000 units each way; lines keep their width and labels their size at any width of
the page. It is whole without a script; with one, pointing at it shows the values under the pointer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from weft.reports.curves import Point
from weft.reports.page import text
from weft.reports.ticks import clock, log_ticks, round_ticks, short, tick_labels, time_ticks

UNITS = 10_000
COLOURS = 8  # of the style sheet
MOST_DOTS = 60  # of a dotted curve; more would hide it
LOG_FROM = 20.0  # ratio of the ends from which an axis may become logarithmic

Kind = Literal["number", "time"]


@dataclass(frozen=True)
class Curve:
    """Points in the order of x, with a name and one of the eight colours."""

    label: str
    points: Sequence[Point]
    colour: int = 0
    look: Literal["line", "faint", "dotted"] = "line"
    """`faint` is for what lies behind, `dotted` marks each point, if they are few."""


@dataclass(frozen=True)
class Axis:
    """What is along one side; `log` allows a logarithmic one where the values span that much."""

    title: str = ""
    kind: Kind = "number"
    log: bool = False
    zero: bool = False
    """Begin at zero."""
    top: float | None = None
    """What lies above this is drawn at it."""


@dataclass(frozen=True)
class Scale:
    """From a value to its place, 0 to 1, with the ticks in between."""

    low: float
    high: float
    log: bool = False
    ticks: list[float] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)

    def place(self, value: float) -> float:
        """0 at `low` and below it, 1 at `high` and above."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(max(value, low))
        return min(1.0, max(0.0, (value - low) / (high - low)))


def scale(values: Sequence[float], axis: Axis, room: float = 0.04, about: int = 5) -> Scale:
    """The scale of an axis on which all values lie, `room` of it free at each end.

    It has `about` so many ticks, as far as they are round.
    """
    low, high = min(values), max(values)
    if axis.top is not None:
        low, high = min(low, axis.top), min(high, axis.top)
    if axis.log and low > 0 and high / low >= LOG_FROM:
        factor = (high / low) ** room
        low, high = low / factor, high * factor
        ticks = log_ticks(low, high)
        return Scale(
            low, high, True, ticks, [short(tick, 2).rstrip("0").rstrip(".") for tick in ticks]
        )
    if axis.zero:
        low = min(0.0, low)
    if high - low <= 1e-9 * max(abs(low), abs(high)):  # one value: it gets room around it
        around = abs(high) / 2 or 1.0
        low, high = low - around, high + around
    margin = room * (high - low)
    low, high = low if low == 0 else low - margin, high + margin
    choose = time_ticks if axis.kind == "time" else round_ticks
    ticks = choose(low, high, about)
    labels = [clock(t) for t in ticks] if axis.kind == "time" else tick_labels(ticks)
    return Scale(low, high, False, ticks, labels)


def plot(title: str, curves: Sequence[Curve], x: Axis, y: Axis, tall: bool = False) -> str:
    """A figure, a tall one with its legend; empty where no curve has a point."""
    curves = [curve for curve in curves if curve.points]
    if not curves:
        return ""
    about = 5 if tall else 3
    across = scale([p[0] for curve in curves for p in curve.points], x, 0.0, about)
    up = scale([p[1] for curve in curves for p in curve.points], y, about=about)
    unit = f' <span class="unit">{text(y.title)}</span>' if y.title else ""
    note = ' <span class="unit">log scale</span>' if up.log else ""
    return (
        f'<figure class="plot{" tall" if tall else ""}">\n<figcaption>{text(title)}{unit}{note}'
        f"{legend(curves) if tall else ''}</figcaption>\n"
        f'<div class="area" data-x="{x.kind}" data-title="{text(x.title)}" '
        f'data-ends="{_ends(across)} {_ends(up)}">\n{picture(title, curves, across, up)}'
        f"{_labels('top', up, lambda place: 1 - place)}"
        f"{_labels('left', across, lambda place: place)}</div>\n"
        f'<div class="axis">{text(x.title)}</div>\n</figure>\n'
    )


def picture(title: str, curves: Sequence[Curve], across: Scale, up: Scale) -> str:
    """The SVG: a grid line for each tick of y, and the curves."""
    grid = "".join(f"M0 {_y(up, tick)}H{UNITS}" for tick in up.ticks)
    lines = [
        f'<svg viewBox="0 0 {UNITS} {UNITS}" preserveAspectRatio="none" role="img" '
        f'aria-label="{text(_said(title, curves))}">',
        f'<path class="grid" d="{grid}"/>',
    ]
    for curve in curves:
        places = [(round(UNITS * across.place(x)), _y(up, y)) for x, y in curve.points]
        kind = f"c{curve.colour % COLOURS} {curve.look}"
        named = curve.label and curve.look != "faint"
        name = f' data-label="{text(curve.label)}"' if named else ""
        joined = " ".join(f"{a},{b}" for a, b in places)
        if len(places) > 1:
            lines.append(f'<polyline class="{kind}" points="{joined}"{name}/>')
        if len(places) == 1 or (curve.look == "dotted" and len(places) <= MOST_DOTS):
            dots = "".join(f"M{a} {b}h.01" for a, b in places)
            lone = name if len(places) == 1 else ""
            lines.append(f'<path class="{kind} dots" d="{dots}" data-points="{joined}"{lone}/>')
    return "\n".join([*lines, "</svg>\n"])


def legend(curves: Sequence[Curve]) -> str:
    """The names beside their colours, where there are several."""
    named = [curve for curve in curves if curve.label]
    if len(named) < 2:
        return ""
    items = "".join(
        f'<li class="c{curve.colour % COLOURS} {curve.look}"><i></i>{text(curve.label)}</li>'
        for curve in named
    )
    return f'<ul class="legend">{items}</ul>'


def _said(title: str, curves: Sequence[Curve]) -> str:
    """The picture in words, for those who do not see it."""
    said = [
        f"{curve.label or title} from {short(curve.points[0][1])} to {short(curve.points[-1][1])}"
        for curve in curves
        if curve.look != "faint"
    ]
    return f"{title}: {'; '.join(said)}"


def _ends(of: Scale) -> str:
    return f"{of.low!r} {of.high!r} {'log' if of.log else 'linear'}"


def _labels(side: str, of: Scale, turn: Callable[[float], float]) -> str:
    spans = "".join(
        f'<span style="{side}:{100 * turn(of.place(tick)):.2f}%">{text(label)}</span>'
        for tick, label in zip(of.ticks, of.labels, strict=True)
    )
    return f'<div class="{side}">{spans}</div>\n'


def _y(up: Scale, value: float) -> int:
    return round(UNITS * (1 - up.place(value)))
