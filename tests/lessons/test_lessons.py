"""Every lesson runs and prints what expected/NN.txt says; its exercise can be solved, and failed.

Learn what a lesson prints now with: python tests/lessons/test_lessons.py 4 > expected/04.txt
(then mark what may differ, see printed.py).
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path

import pytest
from printed import difference

from weft import kernels
from weft.lessons.pictures import taking
from weft.lessons.script import Lesson, all_lessons, find, namespace, run_cell

HERE = Path(__file__).parent
DATA = Path(os.environ.get("WEFT_DATA") or HERE.parents[1] / "../shared/data").resolve()
LESSONS = all_lessons()
LATER = 10  # those from here on take as long as those before: test_later_lessons.py, side by side


def run(lesson: Lesson) -> tuple[str, str, dict, int]:
    """What the lesson prints before its check and in it, its names after that, its pictures."""
    names, before, checks = namespace(), io.StringIO(), io.StringIO()
    with taking() as pictures:
        for cell in lesson.cells:
            if not cell.is_text:
                with contextlib.redirect_stdout(checks if "check" in cell.tags else before):
                    run_cell(lesson, cell, names)
        count = len(pictures)
    return before.getvalue(), checks.getvalue(), names, count


def checked(lesson: Lesson, answer: str, names: dict) -> list[str]:
    """What the lesson's check says of this answer."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), taking():
        exec(answer, names)
        for cell in lesson.cells:
            if "check" in cell.tags:
                run_cell(lesson, cell, names)
    return printed.getvalue().splitlines()


def text(lesson: Lesson) -> str:
    return lesson.path.read_text(encoding="utf-8")


def ready_for(lesson: Lesson, monkeypatch) -> None:
    monkeypatch.setenv("WEFT_DATA", str(DATA))
    if "text_of(" in text(lesson) and not (DATA / "tinyshakespeare.txt").is_file():
        pytest.skip(f"tinyshakespeare.txt is not in {DATA}; set WEFT_DATA")
    if kernels.backend() == "reference" and any("trains" in cell.tags for cell in lesson.cells):
        pytest.skip("this lesson trains for too long on the NumPy definitions")


def printed_by(lesson: Lesson) -> str:
    """What it prints; its exercise is not solved as it stands, nor by a wrong answer."""
    printed, stub, names, pictures = run(lesson)
    assert pictures >= 1
    assert "Not yet: " in stub
    right = checked(lesson, lesson.answer(), names)
    assert right and all(line.startswith("Right: ") for line in right), right
    wrong = (HERE / "wrong_answers" / f"{lesson.number:02}.py").read_text(encoding="utf-8")
    assert any(line.startswith("Not yet: ") for line in checked(lesson, wrong, names))
    return printed


def expected_of(lesson: Lesson) -> str:
    return (HERE / "expected" / f"{lesson.number:02}.txt").read_text(encoding="utf-8")


def runs_as_expected(lesson: Lesson, monkeypatch) -> None:
    ready_for(lesson, monkeypatch)
    assert difference(expected_of(lesson), printed_by(lesson)) is None


@pytest.mark.timeout(900)  # 90 seconds of two cores, where others use them too
@pytest.mark.parametrize("lesson", LESSONS[:LATER], ids=lambda lesson: lesson.path.stem)
def test_lesson(lesson, monkeypatch):
    runs_as_expected(lesson, monkeypatch)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path.stem)
def test_shape(lesson):
    """Short enough to read and run; questions; one exercise, one check, one answer at the end."""
    assert lesson.path.name.startswith(f"l{lesson.number:02}_")
    assert lesson.minutes <= 10 and lesson.seconds <= 90
    assert lesson.cells[0].source.startswith(f"# {lesson.number} · {lesson.title}")
    tags = [tag for cell in lesson.cells for tag in cell.tags if tag != "trains"]
    assert tags == ["exercise", "check", "answer"]
    assert lesson.cells[-1].is_answer
    source = lesson.cells[-1].source
    assert source.startswith("<details><summary>Answer</summary>\n\n")
    assert source.endswith("\n\n</details>")
    assert any("## Questions\n" in cell.source for cell in lesson.cells if cell.is_text)
    assert "draw(" in text(lesson)


if __name__ == "__main__":
    os.environ["WEFT_DATA"] = str(DATA)
    sys.stdout.write(run(find(int(sys.argv[1])))[0])
