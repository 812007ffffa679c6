"""`weft lessons`: the list, a run, a notebook, an answer."""

import json
import subprocess
import sys

import pytest

from weft.lessons import script

TEXT = '''"""Short.

Lesson 1, 1 second on two cores.
"""

# %% [markdown]
# # 1 · Short
#
# Some *text*.

# %%
print("six is", 2 * 3)

# %% tags=["exercise"]
answer = None

# %% [markdown] tags=["answer"]
# <details><summary>Answer</summary>
#
# It is **forty-two**.
#
# </details>
'''


@pytest.fixture
def short(tmp_path, monkeypatch):
    (tmp_path / "l01_short.py").write_text(TEXT)
    monkeypatch.setattr(script, "FOLDER", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_list(weft, short):
    ran = weft("lessons")
    assert ran.code == 0 and ran.out.splitlines()[1] == "1  Short   1 min  1 s"
    values = weft("lessons", "--json").json["lessons"]
    path = str(short / "l01_short.py")
    assert values == [{"number": 1, "title": "Short", "minutes": 1, "seconds": 1, "path": path}]


def test_a_run_shows_text_code_and_output_but_no_answer(weft, short):
    ran = weft("lessons", 1)
    assert ran.code == 0 and ran.err == ""
    lines = [line.strip() for line in ran.out.splitlines()]
    assert lines.index("Some text.") < lines.index('print("six is", 2 * 3)')
    assert lines.index('print("six is", 2 * 3)') < lines.index("six is 6")
    assert "forty-two" not in ran.out and "\x1b" not in ran.out
    assert lines[-1].endswith("weft lessons 1 --answers")
    assert weft("lessons", 1, "--quiet").out == "six is 6\n"


def test_answers_are_shown_when_asked_for_and_nothing_runs(weft, short):
    ran = weft("lessons", 1, "--answers")
    assert "It is forty-two." in ran.out and "answer = None" in ran.out
    assert "six is" not in ran.out and "summary" not in ran.out


def test_notebooks_are_written_but_nothing_is_written_over(weft, short):
    assert weft("lessons", 1, "--notebook").out == "l01_short.ipynb\n"
    assert len(json.loads((short / "l01_short.ipynb").read_text())["cells"]) == 4
    again = weft("lessons", 1, "--notebook")
    assert again.code == 2 and again.error.startswith("there is such a file; l01_short.ipynb; ")
    assert weft("lessons", 1, "--notebook", "x.ipynb", "--outputs", "--json").json["notebook"]
    book = json.loads((short / "x.ipynb").read_text())
    assert book["cells"][1]["outputs"][0]["text"] == ["six is 6\n"]


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        ("99", "no lesson 99; weft lessons; choose one of 1"),
        ("1 x.ipynb", "unexpected argument 'x.ipynb'; weft lessons; a FILE goes with --notebook"),
        ("1 --outputs", "--outputs without --notebook; weft lessons; give both or none"),
        ("--notebook", "no lesson chosen; weft lessons; give a number, as weft lessons 4"),
    ],
)
def test_wrong_usage(weft, short, argv, error):
    ran = weft("lessons", *argv.split())
    assert ran.code == 2 and ran.error == error


def test_ctrl_c_leaves_cleanly(weft, short):
    (short / "l01_short.py").write_text(TEXT.replace('print("six', 'raise KeyboardInterrupt  # "'))
    ran = weft("lessons", 1)
    assert ran.code == 130 and ran.err == "weft: interrupted\n"


def test_a_lesson_is_a_program(short):
    ran = subprocess.run([sys.executable, "l01_short.py"], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "six is 6\n", "")
