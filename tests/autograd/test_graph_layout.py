"""The layout's laws: nothing overlaps, every edge goes down, everything is inside."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.autograd.graph import layout
from weft.autograd.graph.layout import Edge, layered
from weft.autograd.graph.order import Segment, crossings, fewest_crossings


def random_graph(seed):
    """Boxes of any size; each but the last is used by at least one later box."""
    rng = random.Random(seed)
    count = rng.randint(1, 14)
    sizes = [(float(rng.randint(10, 300)), float(rng.randint(10, 300))) for _ in range(count)]
    edges = []
    for source in range(count - 1):
        for _ in range(rng.randint(1, 4)):
            target = rng.randint(source + 1, count - 1)
            leave = rng.uniform(-0.5, 0.5) * sizes[source][0]
            enter = rng.uniform(-0.5, 0.5) * sizes[target][0]
            edges.append(Edge(source, target, leave, enter, rng.choice([1.0, 6.0])))
    return sizes, edges


def check(sizes, edges):
    found = layered(sizes, edges)
    boxes = [(x, y, w, h) for x, y, (w, h) in zip(found.x, found.y, sizes, strict=True)]
    for x, y, w, h in boxes:
        assert x - w / 2 >= -1e-6 and x + w / 2 <= found.width + 1e-6
        assert y - h / 2 >= -1e-6 and y + h / 2 <= found.height + 1e-6
    for (x, y, w, h), (u, v, p, q) in itertools.combinations(boxes, 2):
        assert abs(x - u) >= (w + p) / 2 - 1e-6 or abs(y - v) >= (h + q) / 2 - 1e-6
    for edge, route in zip(edges, found.routes, strict=True):
        x, y, _, h = boxes[edge.source]
        assert route[0] == pytest.approx((x + edge.leave, y + h / 2))
        x, y, _, h = boxes[edge.target]
        assert route[-1] == pytest.approx((x + edge.enter, y - h / 2))
        assert all(a[1] <= b[1] + 1e-6 for a, b in itertools.pairwise(route))
    return found, boxes


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_nothing_overlaps_and_edges_go_down_past_the_boxes(seed):
    sizes, edges = random_graph(seed)
    found, boxes = check(sizes, edges)
    for route in found.routes:
        for (x0, y0), (x1, y1) in itertools.pairwise(route):
            if x0 == x1:  # in its lane, an edge meets no box's inside
                assert not any(
                    abs(x - x0) < w / 2 - 1e-6 and y0 < y + h / 2 - 1e-6 and y1 > y - h / 2 + 1e-6
                    for x, y, w, h in boxes
                )


@given(st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_without_lanes_long_edges_go_straight(seed):
    before, layout.MOST_LANES = layout.MOST_LANES, 0
    try:
        found, _ = check(*random_graph(seed))
    finally:
        layout.MOST_LANES = before
    assert all(len(route) == 4 for route in found.routes)


def test_crossings_are_counted_and_undone():
    rank, widths = [0, 0, 1, 1], [10.0] * 4
    segments = [Segment(0, 3, 0.0, 0.0, 1.0), Segment(1, 2, 0.0, 0.0, 1.0)]
    assert crossings(rank, [[0, 1], [2, 3]], segments, widths) == 1
    assert crossings(rank, [[0, 1], [3, 2]], segments, widths) == 0
    assert crossings(rank, fewest_crossings(rank, segments, widths), segments, widths) == 0


def test_a_chain_is_a_straight_line():
    sizes = [(40.0 + 30 * (i % 3), 20.0) for i in range(6)]
    found = layered(sizes, [Edge(i, i + 1, 0.0, 0.0, 6.0) for i in range(5)])
    assert max(found.x) - min(found.x) < 1e-6
