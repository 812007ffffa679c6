"""A lesson as a Jupyter notebook: the JSON of nbformat 4.5, for which nothing need be installed.

https://nbformat.readthedocs.io/en/latest/format_description.html
"""

from __future__ import annotations

import base64
from typing import Any

from weft.lessons.pictures import DPI, taking
from weft.lessons.script import Cell, Lesson, namespace, run

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def notebook(lesson: Lesson, outputs: bool = False) -> dict[str, Any]:
    """The notebook, ready for `json.dump`; with `outputs` the lesson runs, and they are in it.

    The answer to the exercise is a cell that stays folded until it is clicked.
    """
    ran = _outputs(lesson) if outputs else [[] for _ in lesson.cells]
    cells = [_cell(i, c, out) for i, (c, out) in enumerate(zip(lesson.cells, ran, strict=True))]
    if outputs:
        for number, cell in enumerate((c for c in cells if c["cell_type"] == "code"), 1):
            cell["execution_count"] = number
    language = {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"}
    metadata = {"kernelspec": KERNEL, "language_info": language, "title": lesson.title}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _cell(index: int, cell: Cell, outputs: list[dict[str, Any]]) -> dict[str, Any]:
    common = {
        "id": f"cell-{index:02}",
        "metadata": {"tags": list(cell.tags)} if cell.tags else {},
        "source": _lines(cell.source),
    }
    if cell.is_text:
        return {"cell_type": "markdown", **common}
    return {"cell_type": "code", **common, "execution_count": None, "outputs": outputs}


def _outputs(lesson: Lesson) -> list[list[dict[str, Any]]]:
    """What each cell prints and draws, as the notebook's outputs."""
    found = []
    with taking() as pictures:
        for _, printed in run(lesson, namespace()):
            stream = {"output_type": "stream", "name": "stdout", "text": _lines(printed)}
            found.append([stream] if printed else [])
            found[-1] += [_image(data) for data in pictures]
            pictures.clear()
    return found


def _image(data: bytes) -> dict[str, Any]:
    png = base64.b64encode(data).decode()
    width = int.from_bytes(data[16:20], "big") * 96 // DPI  # the header's first number, in px
    metadata = {"image/png": {"width": width}}
    return {"output_type": "display_data", "metadata": metadata, "data": {"image/png": png}}


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)
