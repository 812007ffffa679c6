"""The program of lesson 5 is PyTorch's: with its imports it prints what the lesson says it does."""

import contextlib
import io

import pytest

from weft.lessons.script import find


def test_pytorch_prints_the_numbers_of_lesson_5():
    pytest.importorskip("torch", reason="PyTorch, the oracle, is not installed")
    lesson = find(5)
    (program,) = (c.source for c in lesson.cells if "class NeuralNetwork" in c.source)
    printed = {}
    for library in ("weft", "torch"):
        imports = f"import {library} as torch\nfrom {library} import nn\n"
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(imports + program, {"__name__": "program"})
        printed[library] = out.getvalue()
    assert printed["weft"] == printed["torch"]
    assert [line[-6:] for line in printed["torch"].splitlines()[:3]] == [
        "6.1687",
        "6.1536",
        "6.1386",
    ]
    (text,) = (c.source for c in lesson.cells if c.is_text and "PyTorch 2.13 prints" in c.source)
    assert "6.1687, 6.1536, 6.1386" in text
