"""The engine, opened up: lessons that run, and the constructions that they are about.

A lesson is a script `lNN_name.py` in the percent format (`# %%` begins a cell): it runs as it is,
and opens as a notebook in VS Code and Jupyter. `script` reads it, `terminal` runs it on a screen,
`notebook` makes an .ipynb of it. Lessons import what stands here: `draw` a picture, `check` an
answer, `text_of` a corpus. The constructions: `scalar`, `backpropagation`, `procedural`, `tape`.
"""

from weft.lessons.exercise import check as check
from weft.lessons.pictures import draw as draw
from weft.lessons.texts import text_of as text_of

__all__ = ["check", "draw", "text_of"]
