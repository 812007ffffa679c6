"""Is what a lesson printed what it should print? The expected text has two marks:

- a line that begins with "±0.05 ": its numbers may be 0.05 off, and its spaces do not count;
- a line "...": any number of lines, up to the next expected one.
"""

from __future__ import annotations

import re

NUMBER = re.compile(r"(?<![\w.])[-+−]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")


def difference(expected: str, printed: str) -> str | None:
    """The first difference in words, or None."""
    lines, position, skipping = printed.splitlines(), 0, False
    for number, wanted in enumerate(expected.splitlines(), 1):
        if wanted == "...":
            skipping = True
            continue
        while skipping and position < len(lines) and not same_line(wanted, lines[position]):
            position += 1
        if position == len(lines):
            return f"line {number}: {wanted!r} does not come"
        if not same_line(wanted, lines[position]):
            return f"line {number}: expected {wanted!r}, printed {lines[position]!r}"
        position, skipping = position + 1, False
    if position < len(lines) and not skipping:
        return f"more was printed: {lines[position]!r}"
    return None


def same_line(wanted: str, line: str) -> bool:
    marked = re.match(r"±([\d.]+) ", wanted)
    if marked is None:
        return wanted == line.rstrip()
    wanted = wanted[marked.end() :]
    ours, theirs = (NUMBER.sub("#", text).split() for text in (line, wanted))
    return ours == theirs and all(
        abs(a - b) <= float(marked[1]) * (1 + 1e-9)
        for a, b in zip(numbers(line), numbers(wanted), strict=True)
    )


def numbers(text: str) -> list[float]:
    return [float(n.replace(",", "").replace("−", "-")) for n in NUMBER.findall(text)]
