"""`check` says right, or not yet and why."""

import numpy as np
import pytest

import weft
from weft.lessons import check


def raising():
    raise IndexError("no such cow")


@pytest.mark.parametrize(
    ("answer", "expected", "tolerance"),
    [
        (lambda: 3, 3, None),
        (lambda: "corn", "corn", None),
        (lambda: [1.0, 2.001], [1, 2], 0.01),
        (lambda: weft.tensor([1.0, 2.0], requires_grad=True), [1, 2], 0),
        (lambda: np.eye(2), [[1, 0], [0, 1]], None),
    ],
)
def test_right(answer, expected, tolerance, capsys):
    check("it", answer, expected, tolerance)
    assert capsys.readouterr().out == "Right: it.\n"


@pytest.mark.parametrize(
    ("answer", "expected", "tolerance"),
    [
        (lambda: None, 3, None),
        (lambda: None, 3, 10),
        (lambda: [1.0, 2.1], [1, 2], 0.01),
        (lambda: [1.0], [1, 1], 0.01),
        (lambda: float("nan"), 1, 1e9),
        (lambda: "hay", "corn", None),
        (raising, 3, None),
    ],
)
def test_not_yet(answer, expected, tolerance, capsys):
    check("it", answer, expected, tolerance)
    printed = capsys.readouterr().out
    assert printed.startswith("Not yet: it: ") and printed.count("\n") == 1
    assert (answer is raising) == ("IndexError: no such cow" in printed)
