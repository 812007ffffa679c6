"""Curves in text: points in, lines out; of braille dots, or of ASCII where there is nothing else.

A character of braille is 2 x 4 dots, so that a plot of 60 x 10 characters has 120 x 40 of them.
Nothing here knows what is drawn: a loss over steps, or any other numbers over any others.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

FRAME = -1  # owner of what belongs to no curve
NARROWEST, LOWEST = 20, 4  # characters and lines of a picture
LARGEST = 1e100  # beyond it a number counts as no number
HEAD = 0.1  # first part of the points, which may run off the top
BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # of a dot, by column and row

Point = tuple[float, float]


@dataclass(frozen=True)
class Curve:
    """Points in the order of x. `mark` stands at each of them; without one a line joins them."""

    points: Sequence[Point]
    mark: str = ""


@dataclass(frozen=True)
class Picture:
    """`lines` of equal length, and for each character the index of its curve, or `FRAME`."""

    lines: list[str]
    owners: list[list[int]]


def draw(
    curves: Sequence[Curve],
    width: int,
    height: int,
    *,
    ascii_only: bool = False,
    x_range: Point | None = None,
    y_range: Point | None = None,
) -> Picture:
    """A picture of exactly `height` lines of `width` characters, axes and their numbers included.

    The ranges are those of the points; of y it is that of the last nine tenths of them, so that
    the fall at the start does not press the rest flat. What is outside is left out. Raises
    `ValueError` for less than 20 x 4 characters.
    """
    if width < NARROWEST or height < LOWEST:
        raise ValueError(f"{width} x {height} characters are too few; take {NARROWEST} x {LOWEST}")
    sound = [Curve([p for p in c.points if _is_number(*p)], c.mark) for c in curves]
    x_range = _wide(x_range or _span([x for c in sound for x, _ in c.points]))
    y_range = _wide(y_range or _y_span(sound, x_range))
    rows, is_empty = height - 2, not any(c.points for c in sound)
    y_labels = {} if is_empty else _row_labels(y_range, rows)
    margin = max((len(text) for text in y_labels.values()), default=0)
    canvas = Canvas(width - margin - 1, rows, ascii_only, x_range, y_range)
    for index, curve in enumerate(sound):  # marks stay visible on lines
        if not curve.mark:
            canvas.line(index, curve.points)
    for index, curve in enumerate(sound):
        if curve.mark:
            canvas.marks(index, curve.points, curve.mark)
    cells = canvas.rows()
    axis, below, tick = ("|", "-", "+") if ascii_only else ("│", "─", "┤")
    lines = [
        y_labels.get(row, "").rjust(margin) + (tick if row in y_labels else axis) + cells[row]
        for row in range(rows)
    ]
    x_labels = [] if is_empty else _column_labels(x_range, canvas.width)
    lines += _x_axis(x_labels, canvas.width, margin, below, ascii_only)
    frame = [FRAME] * (margin + 1)
    owners = [frame + owned for owned in canvas.owners] + [[FRAME] * width, [FRAME] * width]
    return Picture(lines, owners)


class Canvas:
    """Dots in a grid of characters, and the curve that each character shows."""

    def __init__(
        self, width: int, height: int, ascii_only: bool, x_range: Point, y_range: Point
    ) -> None:
        self.width, self.height, self.ascii_only = width, height, ascii_only
        self.across, self.down = (1, 1) if ascii_only else (2, 4)  # dots of a character
        self.owners = [[FRAME] * width for _ in range(height)]
        self._dots = [[0] * width for _ in range(height)]
        self._marks: dict[tuple[int, int], str] = {}
        self._x, self._y = x_range, y_range

    def line(self, index: int, points: Sequence[Point]) -> None:
        """Join the points: in each column of dots, all that the line passes there."""
        places = [self._place(x, y) for x, y in points]
        if len(places) == 1:
            places *= 2
        for (x0, y0), (x1, y1) in itertools.pairwise(places):
            slope = (y1 - y0) / (x1 - x0) if x1 > x0 else 0.0
            for column in range(max(0, int(x0)), min(int(x1), self.width * self.across - 1) + 1):
                enter = y0 + slope * (column - x0) if column > x0 else y0
                leave = y0 + slope * (column + 1 - x0) if column + 1 < x1 else y1
                self._stroke(index, column, min(enter, leave), max(enter, leave))

    def marks(self, index: int, points: Sequence[Point], mark: str) -> None:
        """Put the mark where each point is."""
        for x, y in points:
            column, row = self._place(x, y)
            if 0 <= column < self.width * self.across and 0 <= row < self.height * self.down:
                cell = int(row) // self.down, int(column) // self.across
                self._marks[cell], self.owners[cell[0]][cell[1]] = mark, index

    def rows(self) -> list[str]:
        """The characters, from the top."""
        return [
            "".join(
                self._marks.get((row, column)) or self._character(dots)
                for column, dots in enumerate(line)
            )
            for row, line in enumerate(self._dots)
        ]

    def _place(self, x: float, y: float) -> Point:
        """In dots from the top left corner; the ends of both ranges are inside."""
        (left, right), (bottom, top) = self._x, self._y
        across, down = self.width * self.across - 1, self.height * self.down - 1
        x, y = (x - left) / (right - left), (top - y) / (top - bottom)
        return 0.5 + across * _between(x), 0.5 + down * _between(y)

    def _stroke(self, index: int, column: int, top: float, bottom: float) -> None:
        first, last = max(0, math.floor(top)), min(math.floor(bottom), self.height * self.down - 1)
        for dot in range(first, last + 1):
            row, cell = dot // self.down, column // self.across
            bit = 1 if self.ascii_only else BITS[column % 2][dot % 4]
            self._dots[row][cell] |= bit
            self.owners[row][cell] = index

    def _character(self, dots: int) -> str:
        if not dots:
            return " "
        return "." if self.ascii_only else chr(0x2800 + dots)


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers in [low, high], evenly spaced by 1, 2 or 5 times a power of ten."""
    if most < 1 or not high > low:
        return []
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    for factor in (1, 2, 5, 10, 20, 50):
        first, last = math.ceil(low / (step * factor)), math.floor(high / (step * factor))
        if last - first + 1 <= most:
            return [i * step * factor for i in range(first, last + 1)]
    return []


def number(value: float, apart: float) -> str:
    """`value` with the decimals that tell it from others that are `apart`."""
    if value and not 1e-3 <= abs(value) < 1e7:
        return f"{value:.3g}"
    decimals = max(0, -math.floor(math.log10(apart) + 1e-9)) if apart > 0 else 0
    return f"{value:,.{min(decimals, 6)}f}"


def _is_number(x: float, y: float) -> bool:
    return -LARGEST < x < LARGEST and -LARGEST < y < LARGEST


def _between(share: float) -> float:
    """Far outside is as good as outside, and makes no number that cannot be an index."""
    return min(max(share, -2.0), 3.0)


def _span(values: Sequence[float]) -> Point:
    return (min(values), max(values)) if values else (0.0, 1.0)


def _y_span(curves: Sequence[Curve], x_range: Point) -> Point:
    cut = x_range[0] + HEAD * (x_range[1] - x_range[0])
    late = [y for c in curves for x, y in c.points if x >= cut]
    return _span(late or [y for c in curves for _, y in c.points])


def _wide(span: Point) -> Point:
    """A range that is not empty."""
    low, high = span
    if high - low > 1e-9 * max(abs(low), abs(high), 1e-9):
        return low, high
    room = max(abs(low), abs(high)) * 0.1 or 0.5
    return low - room, high + room


def _row_labels(y_range: Point, rows: int) -> dict[int, str]:
    """What stands beside which row."""
    low, high = y_range
    values = ticks(low, high, max(2, rows // 2))
    if len(values) < 2:
        values = [low, high]
    apart = values[1] - values[0]
    return {round((high - v) / (high - low) * (rows - 1)): number(v, apart) for v in values}


def _x_axis(
    values: Sequence[tuple[int, str]], width: int, margin: int, rule: str, ascii_only: bool
) -> list[str]:
    """The rule with its ticks, and the numbers below, as far as they have room."""
    corner, tick = ("+", "+") if ascii_only else ("└", "┬")
    line, labels = [rule] * width, [" "] * (margin + 1 + width)
    for column, text in values:
        begin = min(max(0, margin + 1 + column - len(text) // 2), len(labels) - len(text))
        around = labels[max(0, begin - 1) : begin + len(text) + 1]
        if begin < 0 or any(c != " " for c in around):
            continue
        line[column] = tick
        labels[begin : begin + len(text)] = text
    return [" " * margin + corner + "".join(line), "".join(labels)]


def _column_labels(x_range: Point, width: int) -> list[tuple[int, str]]:
    low, high = x_range
    values = ticks(low, high, max(2, width // 10))
    apart = values[1] - values[0] if len(values) > 1 else high - low
    return [
        (round((value - low) / (high - low) * (width - 1)), number(value, apart))
        for value in values
    ]
