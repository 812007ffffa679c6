"""The later lessons, in a file of their own so that they can run beside the others."""

import warnings

import pytest
from printed import difference
from test_lessons import LATER, LESSONS, expected_of, printed_by, ready_for, runs_as_expected

from weft.lessons.script import find, read

LONGEST = 13  # more than a minute on two cores


@pytest.mark.timeout(900)  # 90 seconds of two cores, where others use them too
@pytest.mark.parametrize(
    "lesson",
    [
        pytest.param(lesson, marks=[pytest.mark.slow] * (lesson.number == LONGEST))
        for lesson in LESSONS[LATER:]
    ],
    ids=lambda lesson: lesson.path.stem,
)
def test_lesson(lesson, monkeypatch):
    runs_as_expected(lesson, monkeypatch)


def test_the_longest_lesson_with_a_short_training(monkeypatch, tmp_path):
    """It prints what it says up to its training, all the rest runs, and its exercise is sound."""
    lesson = find(LONGEST)
    ready_for(lesson, monkeypatch)
    text, steps = lesson.path.read_text(encoding="utf-8"), "\nSTEPS = 1600\n"
    assert text.count(steps) == 1
    copy = tmp_path / lesson.path.name
    copy.write_text(text.replace(steps, "\nSTEPS = 150\n"), encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the means of no losses
        printed = printed_by(read(copy))
    before, training = expected_of(lesson).split("±0.2 steps    0")
    assert training
    assert difference(before, printed.split("steps    0")[0]) is None
    assert "greedy and four beams agree on " in printed
