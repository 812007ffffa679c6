"""The picture of a graph: inputs left of what is computed from them, and no two in one place."""

import pytest
from networks import network, scalar_loss

from weft.lessons import pictures
from weft.lessons.scalar import Scalar, topological_order
from weft.lessons.scalar_picture import draw_graph, layout


def test_layout():
    loss = scalar_loss(*network(0, inputs=2, hidden=2, classes=2))[0]
    places = layout(loss)
    assert set(places) == set(topological_order(loss))
    assert len(set(places.values())) == len(places)
    for node, (x, _) in places.items():
        assert all(places[source][0] < x for source in node.inputs)


def test_drawing_shows_names_values_slopes_and_gradients():
    matplotlib = pytest.importorskip("matplotlib.figure", reason="matplotlib is not installed")
    axes = matplotlib.Figure().subplots()
    result = Scalar(2.0, "a") * Scalar(3.5, "b")
    result.backward()
    draw_graph(axes, result)
    texts = [text.get_text() for text in axes.texts]
    assert "a\n2\ngrad 3.5" in texts and "×\n7\ngrad 1" in texts and "3.5" in texts
    with pictures.taking() as taken:
        pictures.draw(lambda axes: draw_graph(axes, result))
    assert len(taken) == 1
