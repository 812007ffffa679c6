"""Reading the percent format, and what is refused."""

import pytest

from weft.errors import ConfigError
from weft.lessons.script import all_lessons, find, read, run

TEXT = '''"""Two lines.

Lesson 7, 3 seconds on two cores.
"""

# %% [markdown]
# # 7 · Two lines
#
# ```python
# x = 1
# ```

# %%
x = 2
print(x)

# %% tags=["exercise"]
y = x

# %% [markdown] tags=["answer"]
# ```python
# y = 3
# ```
'''


@pytest.fixture
def lesson(tmp_path):
    path = tmp_path / "l07_two.py"
    path.write_text(TEXT)
    return path


def test_cells(lesson):
    read_lesson = read(lesson)
    assert (read_lesson.number, read_lesson.title, read_lesson.seconds) == (7, "Two lines", 3)
    first, second, third, last = read_lesson.cells
    assert first.is_text and first.source == "# 7 · Two lines\n\n```python\nx = 1\n```"
    assert not second.is_text and second.source == "x = 2\nprint(x)" and second.tags == ()
    assert third.tags == ("exercise",) and not third.is_answer
    assert last.is_text and last.is_answer and read_lesson.answer() == "y = 3\n"


def test_what_is_said_to_the_formatter_is_not_shown(lesson):
    lesson.write_text(TEXT.replace("print(x)", "print(x)  # fmt: skip"))
    assert read(lesson).cells[1].source == "x = 2\nprint(x)"


def test_it_runs_cell_by_cell_as_a_program_does(lesson, capsys):
    names = {}
    assert [printed for _, printed in run(read(lesson), names)] == ["", "2\n", "", ""]
    assert names["y"] == 2
    compile(TEXT, "l07_two.py", "exec")
    assert capsys.readouterr().out == ""


def test_an_error_names_the_line_of_the_file(lesson):
    lesson.write_text(TEXT.replace("print(x)", "x / 0"))
    with pytest.raises(ZeroDivisionError) as error:
        list(run(read(lesson), {}))
    assert (error.traceback[-1].path, error.traceback[-1].lineno + 1) == (lesson, 15)


@pytest.mark.parametrize(
    ("old", "new"),
    [("# %% [markdown]", "# %% [text]"), ("# # 7", "7"), ("Lesson 7,", "Lesson seven,")],
)
def test_what_is_not_in_the_format_is_refused(lesson, old, new):
    lesson.write_text(TEXT.replace(old, new, 1))
    with pytest.raises(ValueError, match="l07_two"):
        read(lesson)


def test_the_lessons_are_numbered_and_found():
    lessons = all_lessons()
    assert [lesson.number for lesson in lessons] == sorted({lesson.number for lesson in lessons})
    assert find(lessons[-1].number) == lessons[-1]
    with pytest.raises(ConfigError, match="no lesson 99; weft lessons; choose one of "):
        find(99)


@pytest.mark.parametrize("lesson", all_lessons(), ids=lambda lesson: lesson.path.stem)
def test_jupytext_finds_the_same_cells(lesson):
    jupytext = pytest.importorskip("jupytext", reason="Jupytext, the oracle, is not installed")
    docstring, *cells = jupytext.read(lesson.path).cells
    assert docstring.source.startswith(f'"""{lesson.title}')
    found = [
        (cell.cell_type == "markdown", cell.source, tuple(cell.metadata.get("tags", ())))
        for cell in cells
    ]
    found = [(text, source.replace("  # fmt: skip", ""), tags) for text, source, tags in found]
    assert found == [(cell.is_text, cell.source, cell.tags) for cell in lesson.cells]
