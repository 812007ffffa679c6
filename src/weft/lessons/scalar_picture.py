"""A graph of scalars as a picture: inputs on the left, the output on the right."""

from __future__ import annotations

from typing import Any

from weft.lessons.scalar import Scalar, topological_order


def draw_graph(axes: Any, output: Scalar, gradients: bool = True) -> None:
    """Draw every number that `output` came from as a box with its name, value and gradient; on
    each arrow stands the slope, by which the gradient is multiplied on its way back."""
    places = layout(output)
    heights = [y for _, y in places.values()]
    axes.set_xlim(-0.4, max(x for x, _ in places.values()) + 0.4)
    axes.set_ylim(min(heights) - 0.6, max(heights) + 0.6)
    axes.axis("off")
    for node in places:
        for source, slope in zip(node.inputs, node.slopes, strict=True):
            _arrow(axes, places[source], places[node], f"{slope:.3g}" if gradients else "")
    for node, (x, y) in places.items():
        text = f"{node.name}\n{node.value:.4g}"
        if gradients:
            text += f"\ngrad {node.grad:.4g}"
        box = {"boxstyle": "round", "facecolor": "#e8f0fe" if node.inputs else "#fff4d6"}
        axes.text(x, y, text, ha="center", va="center", fontsize=9, bbox=box)


def _arrow(axes: Any, start: tuple[float, float], end: tuple[float, float], label: str) -> None:
    """Straight to the next column; in a bow above what lies between to one further away."""
    bow = -0.35 if end[0] - start[0] > 1 else 0.0
    style = {"arrowstyle": "-|>", "color": "0.6", "shrinkA": 24, "shrinkB": 24}
    style["connectionstyle"] = f"arc3,rad={bow}"
    axes.annotate("", end, start, arrowprops=style)
    (x0, y0), (x1, y1) = axes.transData.transform([start, end])  # bows are drawn in pixels
    middle = ((x0 + x1 + bow * (y1 - y0)) / 2, (y0 + y1 - bow * (x1 - x0)) / 2)
    white = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    x, y = axes.transData.inverted().transform(middle)
    axes.text(x, y, label, color="tab:red", fontsize=9, ha="center", va="center", bbox=white)


def layout(output: Scalar) -> dict[Scalar, tuple[float, float]]:
    """A place for each node: a column right of its inputs, as far right as its users allow."""
    order = topological_order(output)
    column: dict[Scalar, int] = {output: 0}
    for node in reversed(order):
        for source in node.inputs:
            column[source] = min(column.get(source, 0), column[node] - 1)
    height: dict[Scalar, float] = {output: 0.0}
    for c in range(-1, min(column.values()) - 1, -1):
        nodes = [node for node in order if column[node] == c]

        def place(node: Scalar, c: int = c) -> tuple[bool, float, bool]:
            """Long arrows start at the top; otherwise as high as what the node feeds."""
            users = [user for user in order if node in user.inputs]
            is_far = any(column[user] > c + 1 for user in users)
            return is_far, sum(height[u] for u in users) / len(users), not node.inputs

        for i, node in enumerate(sorted(nodes, key=place)):
            height[node] = i - (len(nodes) - 1) / 2
    left = min(column.values())
    return {node: (column[node] - left, height[node]) for node in order}
