"""The order of boxes and lanes within each rank: as few crossing edges as a few sweeps find.

Barycentres, sweeping down and up, and the best order seen is kept.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass

SWEEPS = 12


@dataclass(frozen=True)
class Segment:
    """The part of an edge between two neighbouring ranks, with where it leaves and enters."""

    upper: int
    lower: int
    leave: float
    enter: float
    weight: float


def fewest_crossings(
    rank: Sequence[int], segments: Sequence[Segment], widths: Sequence[float]
) -> list[list[int]]:
    """The items of each rank from left to right."""
    above: list[list[tuple[int, float]]] = [[] for _ in rank]
    below: list[list[tuple[int, float]]] = [[] for _ in rank]
    for s in segments:
        above[s.lower].append((s.upper, part(s.leave, widths[s.upper])))
        below[s.upper].append((s.lower, part(s.enter, widths[s.lower])))
    rows = first_order(rank, segments)
    best, fewest = [list(row) for row in rows], crossings(rank, rows, segments, widths)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 1
        place = {item: i for row in rows for i, item in enumerate(row)}
        for row in rows if down else reversed(rows):
            reorder(row, place, above if down else below)
        found = crossings(rank, rows, segments, widths)
        if found < fewest:
            best, fewest = [list(row) for row in rows], found
    return best


def part(offset: float, width: float) -> float:
    """Where on a box an edge ends, as a part of a place: between −0.4 and 0.4."""
    return 0.8 * offset / width if width else 0.0


def first_order(rank: Sequence[int], segments: Sequence[Segment]) -> list[list[int]]:
    """In the order in which a walk upwards from the result meets them, first inputs first."""
    above: list[list[tuple[float, int]]] = [[] for _ in rank]
    for s in segments:
        above[s.lower].append((s.enter, s.upper))
    for inputs in above:
        inputs.sort()
    rows: list[list[int]] = [[] for _ in range(max(rank) + 1)]
    seen: set[int] = set()
    for root in sorted(range(len(rank)), key=lambda i: -rank[i]):
        stack = [root]
        while stack:
            item = stack.pop()
            if item not in seen:
                seen.add(item)
                rows[rank[item]].append(item)
                stack += [upper for _, upper in reversed(above[item])]
    return rows


def reorder(
    row: list[int], place: dict[int, int], neighbours: list[list[tuple[int, float]]]
) -> None:
    """Sort a rank by the mean place of its neighbours; what has none stays where it is."""
    moved = [item for item in row if neighbours[item]]
    mean = {
        item: sum(place[n] + at for n, at in neighbours[item]) / len(neighbours[item])
        for item in moved
    }
    moved.sort(key=mean.__getitem__)
    following = iter(moved)
    row[:] = [next(following) if neighbours[item] else item for item in row]
    for i, item in enumerate(row):
        place[item] = i


def crossings(
    rank: Sequence[int],
    rows: list[list[int]],
    segments: Sequence[Segment],
    widths: Sequence[float],
) -> int:
    """How many pairs of edges cross between neighbouring ranks."""
    place = {item: i for row in rows for i, item in enumerate(row)}
    ends: list[list[tuple[float, float]]] = [[] for _ in rows]
    for s in segments:
        upper = place[s.upper] + part(s.leave, widths[s.upper])
        lower = place[s.lower] + part(s.enter, widths[s.lower])
        ends[rank[s.lower]].append((upper, lower))
    total = 0
    for pairs in ends:
        passed: list[float] = []
        for _, lower in sorted(pairs):
            total += len(passed) - bisect_right(passed, lower)
            insort(passed, lower)
    return total
