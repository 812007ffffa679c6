"""Curves in text: the size asked for, the points where they belong, the numbers beside them."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.training.progress.curve import FRAME, LOWEST, NARROWEST, Curve, draw, number, ticks

SIZES = st.tuples(st.integers(NARROWEST, 90), st.integers(LOWEST, 25))
VALUES = st.floats(allow_nan=True, allow_infinity=True)
POINTS = st.lists(st.tuples(st.integers(0, 10**6), VALUES), max_size=40).map(sorted)
AXES = {True: "|-+", False: "│─┤└┬"}
NUMBERS = "0123456789.,-+e"


@given(SIZES, POINTS, POINTS, st.booleans())
@settings(max_examples=30, deadline=None)
def test_any_points_make_a_picture_of_the_size_asked_for(size, line, marks, ascii_only):
    picture = draw([Curve(line), Curve(marks, "o")], *size, ascii_only=ascii_only)
    assert [len(text) for text in picture.lines] == [size[0]] * size[1]
    assert [len(owned) for owned in picture.owners] == [size[0]] * size[1]
    for text, owned in zip(picture.lines, picture.owners, strict=True):
        for character, owner in zip(text, owned, strict=True):
            if owner == 1:
                assert character == "o"
            elif owner == 0:
                is_dots = "\u2800" < character <= "\u28ff"
                assert character == "." if ascii_only else is_dots
            else:
                assert owner == FRAME and character in " " + NUMBERS + AXES[ascii_only]


@given(SIZES, st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.booleans())
@settings(max_examples=30, deadline=None)
def test_every_point_is_in_its_column_and_row(size, values, ascii_only):
    points = list(enumerate(values))
    low, high = min(values) - 1, max(values) + 1
    picture = draw([Curve(points, "x")], *size, ascii_only=ascii_only, y_range=(low, high))
    frame = next(i for i, c in enumerate(picture.lines[0]) if c in "│┤|+")
    width, rows = size[0] - frame - 1, size[1] - 2
    seen = {
        (column - frame - 1, row)
        for row, line in enumerate(picture.lines[:rows])
        for column, character in enumerate(line)
        if character == "x"
    }
    ends = (0, len(values) - 1) if len(values) > 1 else (-0.5, 0.5)
    for x, y in points:
        column = (x - ends[0]) / (ends[1] - ends[0]) * (width - 0.5)
        row = (high - y) / (high - low) * (rows - 0.25)  # a row is four dots, a column two
        assert any(abs(c + 0.5 - column) <= 1.5 and abs(r + 0.5 - row) <= 1.5 for c, r in seen)


@given(SIZES, st.lists(st.floats(0, 10), min_size=2, max_size=50))
@settings(max_examples=30, deadline=None)
def test_a_loss_that_falls_never_climbs_on_the_screen(size, values):
    falling = sorted(values, reverse=True)
    picture = draw([Curve(list(enumerate(falling)))], *size, y_range=(-1, 11))
    tops = []
    for column in range(size[0]):
        rows = [row for row in range(size[1]) if picture.owners[row][column] == 0]
        tops += [min(rows)] if rows else []
    assert tops == sorted(tops) and tops


def test_a_known_picture():
    points = [(0, 4.0), (50, 2.0), (100, 1.0)]
    picture = draw([Curve(points), Curve([(100, 1.5)], "o")], 24, 6, ascii_only=True)
    assert picture.lines == [
        "2+          ...         ",
        " |            .....     ",
        " |                .... o",
        "1+                   ...",
        " ++--------------------+",
        "  0                  100",
    ]


def test_the_start_may_run_off_the_top_but_a_spike_may_not():
    falling = [(x, 100.0 / (x + 1)) for x in range(100)]
    assert not any("100" in line[:4] for line in draw([Curve(falling)], 40, 10).lines[:8])
    spiked = [(x, 50.0 if x == 60 else 1.0) for x in range(100)]
    assert 0 in draw([Curve(spiked)], 40, 10).owners[0]


def test_no_points_are_a_frame_without_numbers():
    picture = draw([Curve([]), Curve([(1, math.nan)], "o")], 20, 5)
    assert not set("".join(picture.lines)) & set(NUMBERS)


def test_too_small_is_an_error():
    with pytest.raises(ValueError, match="too few"):
        draw([], NARROWEST - 1, LOWEST)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 12))
@settings(max_examples=30, deadline=None)
def test_ticks_are_round_apart_evenly_and_inside(low, room, most):
    found = ticks(low, low + room, most)
    slack = 1e-9 * max(abs(low), room)  # a tick is a product of two floats
    assert 1 <= len(found) <= most
    assert all(low - slack <= tick <= low + room + slack for tick in found)
    gaps = {round((b - a) / room, 6) for a, b in itertools.pairwise(found)}
    assert len(gaps) <= 1


@pytest.mark.parametrize(
    ("value", "apart", "text"),
    [(1500, 500, "1,500"), (1.5, 0.5, "1.5"), (2, 0.05, "2.00"), (0, 1, "0"), (3e9, 1e9, "3e+09")],
)
def test_numbers(value, apart, text):
    assert number(value, apart) == text
