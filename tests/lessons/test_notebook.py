"""The notebooks that `weft lessons --notebook` writes are valid, and run as the scripts do."""

import json

import pytest
from test_script import TEXT

from weft.lessons.notebook import notebook
from weft.lessons.script import all_lessons, read

nbformat = pytest.importorskip("nbformat", reason="nbformat, the oracle, is not installed")
DRAWING = """
# %%
from weft.lessons import draw

def line(axes):
    axes.plot([1, 2])

draw(line)
"""


@pytest.mark.parametrize("lesson", all_lessons(), ids=lambda lesson: lesson.path.stem)
def test_notebooks_are_valid(lesson):
    book = nbformat.reads(json.dumps(notebook(lesson)), as_version=4)
    nbformat.validate(book)
    assert [cell.source for cell in book.cells] == [cell.source for cell in lesson.cells]
    assert not any(cell.outputs for cell in book.cells if cell.cell_type == "code")


def test_a_broken_notebook_would_be_found(tmp_path):
    (tmp_path / "l07_two.py").write_text(TEXT)
    broken = notebook(read(tmp_path / "l07_two.py"))
    broken["cells"][1]["outputs"] = None
    with pytest.raises(nbformat.ValidationError):
        nbformat.validate(nbformat.from_dict(broken))


def test_outputs_and_pictures(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib, which draws, is not installed")
    (tmp_path / "l07_two.py").write_text(TEXT + DRAWING)
    book = nbformat.from_dict(notebook(read(tmp_path / "l07_two.py"), outputs=True))
    nbformat.validate(book)
    outputs = [cell.get("outputs", []) for cell in book.cells]
    assert outputs[1] == [{"output_type": "stream", "name": "stdout", "text": ["2\n"]}]
    assert list(outputs[-1][0]["data"]) == ["image/png"] and outputs[2] == []
    assert outputs[-1][0]["metadata"] == {"image/png": {"width": 614}}  # 6.4 inches of 96 px
    counts = [cell.execution_count for cell in book.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
