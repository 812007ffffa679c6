"""Where the boxes of a picture go: layers from top to bottom, few crossings, short edges.

The method of Sugiyama, Tagawa & Toda (1981) as in Gansner et al., A Technique for Drawing Directed
Graphs (1993): ranks by longest path, order by barycentres (order.py), then positions; an edge
that passes other ranks gets a lane in each of them. It knows boxes and edges, no tensors.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from weft.autograd.graph.order import Segment, fewest_crossings

BETWEEN, LANE = 26.0, 14.0  # pixels between two boxes of a rank, and beside a lane
SHORTEST_GAP, LONGEST_GAP = 34.0, 90.0  # between two ranks
MOST_LANES = 3000  # then the longest edges go straight, behind the boxes
SWEEPS, FEWEST_SWEEPS = 100_000, 6  # placings of an item in all, and sweeps at least


@dataclass(frozen=True)
class Edge:
    """From box `source` to box `target`; `leave` and `enter` are measured from their middles.

    The larger `weight`, the straighter: the main line of a computation has more than what joins it.
    """

    source: int
    target: int
    leave: float
    enter: float
    weight: float = 1.0


@dataclass
class Layout:
    """`x[i], y[i]` is the middle of box i; `routes[e]` the points that edge e goes through.

    A route goes down: from its first point to the last, straight between points of one x, and
    curved between the others.
    """

    x: list[float]
    y: list[float]
    routes: list[list[tuple[float, float]]]
    width: float
    height: float


@dataclass
class Ranked:
    """Boxes and lanes, numbered together: what is in each rank, and what joins neighbours."""

    rank: list[int]
    widths: list[float]
    boxes: int
    chains: list[list[int]]  # of each edge: its source, the lanes it passes, its target
    segments: list[Segment] = field(default_factory=list)

    def is_lane(self, item: int) -> bool:
        return item >= self.boxes


class Pull(NamedTuple):
    """A neighbour, where it wants the item from its own middle, and how strongly."""

    other: int
    shift: float
    weight: float


def layered(sizes: Sequence[tuple[float, float]], edges: Sequence[Edge]) -> Layout:
    """A place for every box; `sizes` are (width, height), sources come before their targets."""
    ranked = with_lanes(sizes, edges, ranks(len(sizes), edges))
    rows = fewest_crossings(ranked.rank, ranked.segments, ranked.widths)
    x = positions(rows, ranked)
    left = min(x[i] - w / 2 for i, (w, _) in enumerate(sizes))
    x = [at - left for at in x]
    tops, bottoms = bands(rows, ranked, sizes, x)
    y = [(tops[ranked.rank[i]] + bottoms[ranked.rank[i]]) / 2 for i in range(len(sizes))]
    routes = [
        route(edge, chain, ranked, x, y, sizes, (tops, bottoms))
        for edge, chain in zip(edges, ranked.chains, strict=True)
    ]
    lanes = max((x[i] for i in range(len(sizes), len(x))), default=0.0)
    width = max(lanes, *(x[i] + w / 2 for i, (w, _) in enumerate(sizes)))
    return Layout(x[: len(sizes)], y, routes, width, bottoms[-1])


def ranks(count: int, edges: Sequence[Edge]) -> list[int]:
    """How far down each box is: directly above the first that needs it, the result lowest."""
    height = [0] * count
    for edge in sorted(edges, key=lambda e: -e.target):
        height[edge.source] = max(height[edge.source], height[edge.target] + 1)
    return [max(height) - h for h in height]


def with_lanes(
    sizes: Sequence[tuple[float, float]], edges: Sequence[Edge], rank: list[int]
) -> Ranked:
    """A lane in every rank that an edge passes; edges from one result share theirs."""
    ranked = Ranked(list(rank), [w for w, _ in sizes], len(sizes), [[] for _ in edges])
    lanes: dict[tuple[int, float, int], int] = {}
    joined: set[tuple[int, int]] = set()
    span = [rank[e.target] - rank[e.source] for e in edges]
    for number in sorted(range(len(edges)), key=span.__getitem__):
        edge = edges[number]
        if len(lanes) + span[number] > MOST_LANES:
            ranked.chains[number] = [edge.source, edge.target]
            continue
        keys = [
            (edge.source, edge.leave, r) for r in range(rank[edge.source] + 1, rank[edge.target])
        ]
        for key in (key for key in keys if key not in lanes):
            lanes[key] = len(ranked.rank)
            ranked.rank.append(key[2])
            ranked.widths.append(0.0)
        chain = [edge.source, *(lanes[key] for key in keys), edge.target]
        ranked.chains[number] = chain
        join(ranked, edge, chain, joined)
    return ranked


def join(ranked: Ranked, edge: Edge, chain: list[int], joined: set[tuple[int, int]]) -> None:
    """Add the segments of an edge; those between lanes that it shares are there once."""
    for upper, lower in itertools.pairwise(chain):
        if ranked.is_lane(lower):
            if (upper, lower) in joined:
                continue
            joined.add((upper, lower))
        ranked.segments.append(
            Segment(
                upper,
                lower,
                edge.leave if upper == edge.source else 0.0,
                edge.enter if lower == edge.target else 0.0,
                8.0 if ranked.is_lane(upper) and ranked.is_lane(lower) else edge.weight,
            )
        )


# ----- positions --------------------------------------------------------------------------------


def positions(rows: list[list[int]], ranked: Ranked) -> list[float]:
    """The middles: near those of the neighbours, in the given order, nothing overlapping.

    Least squares first, which balances everything but leans; then from top to bottom each item
    comes to stand below what it continues, and the leaves above what needs them.
    """
    x = [0.0] * len(ranked.rank)
    above: list[list[Pull]] = [[] for _ in x]
    below: list[list[Pull]] = [[] for _ in x]
    for s in ranked.segments:
        above[s.lower].append(Pull(s.upper, s.leave - s.enter, s.weight))
        below[s.upper].append(Pull(s.lower, s.enter - s.leave, s.weight))
    both = [a + b for a, b in zip(above, below, strict=True)]
    main = [[p for p in pulls if p.weight > 1.0] for pulls in above]
    pairs = [(row, separations(row, ranked)) for row in rows]
    for row, offsets in pairs:
        place(row, offsets, x, [(0.0, 1.0)] * len(row))
    sweeps = min(40, max(FEWEST_SWEEPS, SWEEPS // (2 * len(x))))
    for sweep in range(sweeps):
        first = sweep < sweeps // 3
        for row, offsets in reversed(pairs):
            place(row, offsets, x, [wanted(i, x, below[i] if first else both[i]) for i in row])
        for row, offsets in pairs:
            place(row, offsets, x, [wanted(i, x, above[i] if first else both[i]) for i in row])
    for row, offsets in pairs:
        follow = [wanted(i, x, main[i], 100.0) if main[i] else wanted(i, x, both[i]) for i in row]
        place(row, offsets, x, follow)
    for row, offsets in reversed(pairs):
        place(row, offsets, x, [wanted(i, x, [] if main[i] else both[i], 100.0) for i in row])
    return x


def wanted(
    item: int, x: list[float], pulls: list[Pull], strength: float = 1.0
) -> tuple[float, float]:
    """Where an item is pulled to and how strongly; what nothing pulls stays (firmly: 1000)."""
    if not pulls:
        return x[item], 0.1 if strength == 1.0 else 1000.0
    where = weight = 0.0
    for other, shift, w in pulls:
        where += (x[other] + shift) * w
        weight += w
    return where / weight, weight * strength


def separations(row: list[int], ranked: Ranked) -> list[float]:
    """The middle of each item of a rank when they stand side by side."""
    offsets, at = [], 0.0
    for i, item in enumerate(row):
        if i:
            gap = LANE if ranked.is_lane(item) or ranked.is_lane(row[i - 1]) else BETWEEN
            at += gap + (ranked.widths[row[i - 1]] + ranked.widths[item]) / 2
        offsets.append(at)
    return offsets


def place(
    row: list[int], offsets: list[float], x: list[float], wishes: list[tuple[float, float]]
) -> None:
    """Move the items of a rank as near to their wishes (where, weight) as their order allows.

    The least squares of (x − wish) with x[i + 1] − x[i] ≥ their separation: after subtracting
    the offsets it is an isotonic regression, solved by pooling adjacent violators.
    """
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many items
    for (where, weight), offset in zip(wishes, offsets, strict=True):
        mean, count = where - offset, 1
        while pools and pools[-1][0] >= mean:
            other, w, n = pools.pop()
            mean = (mean * weight + other * w) / (weight + w)
            weight, count = weight + w, count + n
        pools.append((mean, weight, count))
    middles = [mean for mean, _, count in pools for _ in range(count)]
    for item, offset, middle in zip(row, offsets, middles, strict=True):
        x[item] = middle + offset


def bands(
    rows: list[list[int]],
    ranked: Ranked,
    sizes: Sequence[tuple[float, float]],
    x: list[float],
) -> tuple[list[float], list[float]]:
    """The top and bottom of each rank; edges that go far sideways get more room to turn."""
    sideways = [0.0] * len(rows)
    for s in ranked.segments:
        far = abs(x[s.upper] + s.leave - x[s.lower] - s.enter)
        sideways[ranked.rank[s.lower]] = max(sideways[ranked.rank[s.lower]], far)
    tops: list[float] = []
    bottoms: list[float] = []
    y = 0.0
    for row, far in zip(rows, sideways, strict=True):
        if tops:
            y += min(max(SHORTEST_GAP, 0.16 * far), LONGEST_GAP)
        tops.append(y)
        y += max((sizes[i][1] for i in row if not ranked.is_lane(i)), default=0.0)
        bottoms.append(y)
    return tops, bottoms


def route(
    edge: Edge,
    chain: list[int],
    ranked: Ranked,
    x: list[float],
    y: list[float],
    sizes: Sequence[tuple[float, float]],
    edges_of_bands: tuple[list[float], list[float]],
) -> list[tuple[float, float]]:
    """From the bottom of the source, past the ranks between, to the top of the target."""
    tops, bottoms = edges_of_bands
    start, end = x[edge.source] + edge.leave, x[edge.target] + edge.enter
    points = [(start, y[edge.source] + sizes[edge.source][1] / 2)]
    points.append((start, bottoms[ranked.rank[edge.source]]))
    for lane in chain[1:-1]:
        r = ranked.rank[lane]
        points += [(x[lane], tops[r]), (x[lane], bottoms[r])]
    points.append((end, tops[ranked.rank[edge.target]]))
    points.append((end, y[edge.target] - sizes[edge.target][1] / 2))
    return points
