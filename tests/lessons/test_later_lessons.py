"""The later lessons, in a file of their own so that they can run beside the others."""

import pytest
from test_lessons import LATER, LESSONS, runs_as_expected


@pytest.mark.timeout(900)  # 90 seconds of two cores, where others use them too
@pytest.mark.parametrize("lesson", LESSONS[LATER:], ids=lambda lesson: lesson.path.stem)
def test_lesson(lesson, monkeypatch):
    runs_as_expected(lesson, monkeypatch)
