"""GPT-2's pattern: where a text is cut into pieces before byte pairs are merged.

A merge never crosses a piece, so "dog." and "dog!" share the token of "dog". The pattern is
OpenAI's, unchanged (`src/encoder.py`, 2019). `regex` and not `re`: `re` has no \\p{L}, and counts
U+001C to U+001F as white space, which OpenAI's and Hugging Face's engines do not.
"""

from __future__ import annotations

from functools import cache
from typing import Any

GPT2_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"

# Two neighbours that always lie in different pieces, whatever stands before or after them. The
# alternatives of GPT2_PATTERN are runs of one class (letters, numbers, others, white space) with at
# most one space in front; so a piece that covers a non-space ends where the class changes, except
# after an apostrophe, which may take letters with it. (?r): search from the end.
BOUNDARY = r"(?r)\S\s|\p{L}[^\s\p{L}]|\p{N}[^\s\p{N}]|[^\s\p{L}\p{N}']\p{L}|[^\s\p{L}\p{N}]\p{N}"


def split(text: str) -> list[str]:
    """Cut a text into GPT-2's pieces; joined together they are the text again."""
    pieces: list[str] = _compiled(GPT2_PATTERN).findall(text)
    return pieces


def last_boundary(text: str) -> int:
    """The last place where `split` cuts whatever text comes next; 0 if there is none.

    split(a + b) == split(a[:cut]) + split(a[cut:] + b) for every b, with cut = last_boundary(a).
    """
    match = _compiled(BOUNDARY).search(text)
    return 0 if match is None else match.start() + 1


@cache
def _compiled(pattern: str) -> Any:
    """On first use: where the native twins run, nobody may ever need it."""
    import regex  # type: ignore[import-untyped]

    return regex.compile(pattern)
