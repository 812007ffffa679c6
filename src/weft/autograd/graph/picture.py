"""`Graph`: a computation graph that draws itself as SVG, in a notebook and to a file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weft.autograd.graph.capture import capture
from weft.autograd.graph.cards import Array, Card, card
from weft.autograd.graph.gradients import all_gradients
from weft.autograd.graph.layout import Edge, layered
from weft.autograd.graph.svg import drawing
from weft.autograd.tensor import Tensor


class Graph:
    """What one tensor was computed from.

    It is taken once, and keeps what it shows from being freed; values and `.grad` are read when
    it is drawn. So a graph taken before `backward()` shows, drawn again afterwards, the gradients.
    """

    def __init__(
        self, result: Tensor, names: Mapping[str, Any] | Any = None, gradients: bool = False
    ) -> None:
        self._vertices = capture(result, names)
        self._gradients: Mapping[int, Array] = all_gradients(result) if gradients else {}

    @property
    def vertices(self) -> int:
        """Operations and leaves: the boxes of the picture."""
        return len(self._vertices)

    @property
    def edges(self) -> int:
        """Uses of a value by an operation: the arrows."""
        return sum(len(vertex.inputs) for vertex in self._vertices)

    def svg(self) -> str:
        """The picture as an SVG document, with the values and gradients of now."""
        last = len(self._vertices) - 1
        cards = [card(v, self._gradients, i == last) for i, v in enumerate(self._vertices)]
        edges = []
        for target, vertex in enumerate(self._vertices):
            for place, (source, result) in enumerate(vertex.inputs):
                leave = cards[source].columns[result].middle - cards[source].width / 2
                enter = entry(cards[target], place, vertex.inputs)
                weight = 1.0 if self._vertices[source].node is None else 6.0
                edges.append(Edge(source, target, leave, enter, weight))
        layout = layered([(c.width, c.height) for c in cards], edges)
        return drawing(cards, layout)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to a file, which must end in .svg; returns the path."""
        target = Path(path)
        if target.suffix.lower() != ".svg":
            raise ValueError(f"graph: {target.name}: only SVG is written; end the name in .svg")
        target.write_text(self.svg(), encoding="utf-8")
        return target

    def _repr_svg_(self) -> str:
        return self.svg()

    def __repr__(self) -> str:
        return f'Graph({self.vertices:,} boxes, {self.edges:,} arrows; .save("graph.svg") draws it)'


def graph(
    result: Tensor,
    path: str | os.PathLike[str] | None = None,
    names: Mapping[str, Any] | Any = None,
    gradients: bool = False,
) -> Graph:
    """A picture of how `result` was computed: every value, its shape, gradient and operation.

    A notebook shows it; `path`, which ends in .svg, takes it too. `names`, a module or a dict from
    names to tensors, labels them. Gradients are those that `.grad` holds: of leaves after
    `backward()`, of others after `retain_grad()`. `gradients=True` shows those of all values
    instead, without `backward()` and without a change to any `.grad`. Inputs that want no gradient
    are there as far as the way back needs them. After `backward()` the tape is freed, and only
    the result is left: draw before it, or call `backward(retain_graph=True)`.

    Raises ValueError for another kind of file and for more than 5,000 boxes; RuntimeError for
    `gradients=True` where the result is not one number or the tape is freed.
    """
    picture = Graph(result, names, gradients)
    if path is not None:
        picture.save(path)
    return picture


def entry(target: Card, place: int, inputs: list[tuple[int, int]]) -> float:
    """Where input `place` enters, from the middle: inputs from left to right, evenly."""
    room = min(target.width - 24, 34.0 * (len(inputs) - 1))
    return room * (place / (len(inputs) - 1) - 0.5) if len(inputs) > 1 else 0.0
