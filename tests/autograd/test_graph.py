"""Pictures of computation graphs: complete, well-formed, readable before and after backward."""

import inspect
import re
from xml.etree import ElementTree

import numpy as np
import pytest

import weft
from weft import apply, nn
from weft.autograd import checkpoint, network_ops, ops
from weft.autograd.graph import Graph
from weft.autograd.graph.capture import MOST_VERTICES

SVG = "{http://www.w3.org/2000/svg}"


def drawn(picture: Graph) -> ElementTree.Element:
    return ElementTree.fromstring(picture.svg())


def boxes(root: ElementTree.Element) -> list[ElementTree.Element]:
    return [g for g in root.iter(f"{SVG}g") if "weft-vertex" in g.get("class", "")]


def texts(element: ElementTree.Element) -> list[str]:
    return [t.text or "" for t in element.iter(f"{SVG}text")]


def titles(picture: Graph) -> list[str]:
    return [texts(box)[0] for box in boxes(drawn(picture))]


def arrows(root: ElementTree.Element) -> int:
    return sum(path.get("class") == "weft-edge" for path in root.iter(f"{SVG}path"))


def leaf(values, dtype=None) -> weft.Tensor:
    return weft.tensor(values, dtype=dtype, requires_grad=True)


def test_boxes_arrows_values_and_names():
    a, b = leaf(2.0), leaf(-3.0)
    product = a * b
    result = (product + a) * 0.5
    picture = result.graph(names={"a": a, "b": b, "a b": product, "half": result})
    root = drawn(picture)
    assert (picture.vertices, picture.edges) == (6, 6)  # a, b, mul, add, 0.5, mul
    assert (len(boxes(root)), arrows(root)) == (6, 6)
    assert titles(picture) == ["a", "b", "a b = mul", "add", "constant", "half = mul"]
    assert [texts(box)[-1] for box in boxes(root)] == ["2", "-3", "-6", "-4", "0.5000", "-2"]


def test_a_module_names_its_parameters_and_constants_are_named_by_their_array():
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    x = weft.ones(4, 2)
    assert titles(model(x).graph(names=model)) == [
        "constant", "0.weight", "0.bias", "linear", "tanh", "2.weight", "2.bias", "linear",
    ]  # fmt: skip
    loss = nn.functional.cross_entropy(model(x).expand(4, 3), weft.tensor([0, 1, 2, 0]))
    assert "targets" in titles(loss.graph(names=model))
    named = titles(model(x).graph(names={"features": x}))
    assert named[0] == "features" and named[1] == "Parameter"
    with pytest.raises(TypeError, match="a module or a dict"):
        model(x).graph(names=3)


def test_text_is_escaped():
    x = leaf([1.0])
    picture = (x * 2.0).graph(names={'<script>"&\x00\x1b]]>': x})
    svg = picture.svg()
    assert "<script" not in svg and "\x00" not in svg and "\x1b" not in svg
    assert titles(picture)[0] == '<script>"&\ufffd\ufffd]]>'


def test_a_leaf_alone():
    assert titles(leaf([1.0, 2.0]).graph()) == ["Tensor"]
    assert titles(weft.ones(2, 2).graph()) == ["Tensor"]


def test_large_tensors_are_summed_up_small_ones_shown():
    small, large = leaf(np.arange(6.0).reshape(2, 3)), leaf(np.arange(100.0), weft.float64)
    assert texts(boxes(drawn(small.graph()))[0])[1:] == ["float64 (2, 3)", "0  1  2", "3  4  5"]
    assert texts(boxes(drawn(large.graph()))[0])[1:] == [
        "float64 (100)", "49.5 ± 28.9", "0 … 99",
    ]  # fmt: skip


def test_what_is_not_finite_stands_out():
    x = leaf([1.0, 0.0])
    with np.errstate(divide="ignore"):
        picture = x.log().graph()
    bad = [t.text for t in drawn(picture).iter(f"{SVG}text") if t.get("class") == "weft-bad"]
    assert len(bad) == 1 and "-inf" in bad[0]
    many = leaf(np.where(np.arange(100) % 10 == 0, np.nan, 1.0))
    assert "10 not finite" in texts(drawn(many.graph()))


# ----- before and after backward ----------------------------------------------------------------


def test_a_graph_taken_before_backward_shows_the_gradients_afterwards():
    x = leaf([1.0, 2.0])
    loss = (x * x).sum()
    picture = loss.graph()
    assert "grad" not in texts(drawn(picture))
    loss.backward()
    assert texts(boxes(drawn(picture))[0])[2:] == ["1  2", "grad", "2  4"]


def test_after_backward_only_what_is_left():
    x = leaf([1.0, 2.0])
    middle = x.exp()
    middle.retain_grad()
    loss = (middle * 2.0).sum()
    loss.backward(retain_graph=True)
    whole = loss.graph()
    assert titles(whole) == ["Tensor", "exp", "constant", "mul", "sum"]
    assert [("grad" in texts(box)) for box in boxes(drawn(whole))] == [True, True] + [False] * 3
    loss.backward()
    left = loss.graph()
    assert titles(left) == ["sum"]
    assert any("retain_graph=True" in text for text in texts(drawn(left)))


def test_all_gradients_are_those_of_backward_and_change_nothing():
    model = nn.Sequential(nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 2))
    first, second = (model(weft.ones(5, 3)) ** 2).split(1, dim=1)
    loss = (first * second).sum()
    picture = loss.graph(names=model, gradients=True)
    assert all(p.grad is None for p in model.parameters())
    assert (
        sum("grad" in texts(box) for box in boxes(drawn(picture))) == picture.vertices - 1
    )  # x wants none
    found = picture._gradients
    loss.backward()
    for parameter in model.parameters():
        np.testing.assert_array_equal(found[id(parameter)], parameter.grad.array)


def test_all_gradients_of_what_several_operations_use():
    x = leaf([3.0], weft.float64)
    y = x * x
    loss = (y * y + y).sum()  # d/dy = 2 y + 1 = 19, d/dx = 19 · 2 x = 114
    found = loss.graph(gradients=True)._gradients
    assert found[id(y)].tolist() == [19.0] and found[id(x)].tolist() == [114.0]


def test_all_gradients_are_refused_where_there_are_none():
    x = leaf([1.0, 2.0])
    with pytest.raises(RuntimeError, match="one number"):
        (x * 2.0).graph(gradients=True)
    loss = x.exp().sum()
    loss.backward()
    with pytest.raises(RuntimeError, match="freed"):
        loss.graph(gradients=True)
    with pytest.raises(RuntimeError, match="checkpoint"):
        checkpoint(lambda x: x.exp(), x).sum().graph(gradients=True)
    assert titles(checkpoint(lambda x: x.exp(), x).graph()) == ["Tensor", "checkpoint"]


# ----- every operation --------------------------------------------------------------------------

X, Y, ROW = np.ones((2, 3)), np.full((2, 3), 2.0), np.ones(3)
ANGLES, HEADS = np.ones((3, 2)), np.ones((1, 3, 2, 4))
OPERATIONS = {
    **{op: (X, Y) for op in (ops.add, ops.sub, ops.mul, ops.div, ops.maximum, ops.swiglu)},
    **{op: (X,) for op in (ops.neg, ops.exp, ops.log, ops.sqrt, ops.absolute, ops.sin, ops.cos)},
    **{op: (X,) for op in (ops.sigmoid, ops.tanh, ops.relu, ops.relu2, ops.silu, ops.clone)},
    **{op: (X,) for op in (ops.softmax, ops.log_softmax)},
    ops.power: (X, {"exponent": 2}),
    ops.gelu: (X, {"tanh": True}),
    ops.clamp: (X, {"low": 0.0, "high": 2.0}),
    ops.dropout: (X, {"p": 0.5, "key": 3}),
    ops.cast: (X, {"dtype": np.dtype(np.float32)}),
    ops.where: (X > 0, X, Y),
    ops.sum: (X, {"axis": 0, "keepdims": False}),
    ops.mean: (X, {"axis": None, "keepdims": False}),
    ops.extreme: (X, {"axis": 1, "keepdims": False, "largest": True}),
    ops.cumsum: (X, {"axis": 0}),
    ops.reshape: (X, {"shape": (3, 2)}),
    ops.permute: (X, {"axes": (1, 0)}),
    ops.broadcast_to: (ROW, {"shape": (2, 3)}),
    ops.getitem: (X, {"index": (slice(1, None), ..., 0)}),
    ops.index_select: (X, np.array([1, 0, 1]), {"axis": 0}),
    ops.index_add: (X, np.array([1, 0]), Y, {"axis": 0}),
    ops.concatenate: (X, Y, {"axis": 0}),
    ops.matmul: (X, Y.T.copy()),
    ops.vector_matmul: (X, ROW),
    network_ops.linear: (X, np.ones((4, 3)), np.ones(4), None, {"p": 0.0, "key": 0}),
    network_ops.feed_forward: (
        X, np.ones((4, 3)), np.ones(4), np.ones((3, 4)), ROW, X,
        {"activation": "gelu_tanh", "p": 0.0, "key": 0},
    ),
    network_ops.gated_feed_forward: (
        X, np.ones((4, 3)), None, np.ones((4, 3)), None, np.ones((3, 4)), None, X,
        {"p": 0.0, "key": 0},
    ),
    network_ops.layer_norm: (X, ROW, ROW, {"eps": 1e-5}),
    network_ops.rms_norm: (X, ROW, {"eps": 1e-5}),
    network_ops.rotary: (np.ones((1, 3, 2, 4)), ANGLES, ANGLES),
    network_ops.rotary_qkv: (
        np.ones((1, 3, 6, 4)), np.ones(4), np.ones(4), ANGLES, ANGLES, {"heads": 2, "eps": 1e-5},
    ),
    network_ops.attention: (
        HEADS, HEADS + 1, HEADS + 2, {"scale": None, "causal": True, "p": 0.0, "key": 0},
    ),
    network_ops.attention_qkv: (
        np.ones((1, 3, 6, 4)), {"heads": 2, "scale": None, "causal": True, "p": 0.0, "key": 0},
    ),
    network_ops.embedding: (X, np.array([[0, 1, 1]])),
    network_ops.cross_entropy: (X, np.array([0, 2]), {"ignore_index": -100}),
    network_ops.linear_cross_entropy: (
        X, np.ones((5, 3)), np.array([0, 4]), {"ignore_index": -100, "count": 2},
    ),
}  # fmt: skip
FORGOTTEN = {network_ops.feed_forward: 1, network_ops.gated_feed_forward: 1}  # the residual


def operations_of(module):
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if inspect.signature(function).return_annotation == "Result":
            yield name, function


def test_the_table_has_every_operation():
    there = {f for module in (ops, network_ops) for _, f in operations_of(module)}
    assert there == set(OPERATIONS), "a new operation needs a row in OPERATIONS above"


@pytest.mark.parametrize("op", OPERATIONS, ids=lambda op: op.__name__)
def test_every_operation_is_drawn(op):
    given = OPERATIONS[op]
    options = given[-1] if isinstance(given[-1], dict) else {}
    inputs = given[:-1] if options else given
    floating = [isinstance(x, np.ndarray) and x.dtype == np.float64 for x in inputs]
    tensors = [leaf(x) if f else x for x, f in zip(inputs, floating, strict=True)]
    picture = apply(op, *tensors, **options).graph()
    drawn_boxes = boxes(drawn(picture))
    assert titles(picture)[-1] == op.__name__
    wanted = [x for x in inputs if isinstance(x, np.ndarray)]
    assert arrows(drawn(picture)) >= len(wanted)
    # Whoever wants a gradient is a parameter; what is only given, a constant.
    kinds = [box.get("class").split()[1] for box in drawn_boxes]
    assert kinds.count("weft-parameter") == len(
        {id(t) for t, f in zip(tensors, floating, strict=True) if f}
    )
    # The same operation on constants and one tensor shows the constants that its backward keeps.
    if len(wanted) > 1 and sum(floating) > 1 and op is not ops.concatenate:
        first = floating.index(True)
        mixed = [leaf(x) if i == first else x for i, x in enumerate(inputs)]
        assert arrows(drawn(apply(op, *mixed, **options).graph())) == len(wanted) - FORGOTTEN.get(
            op, 0
        )


def test_an_operation_of_ones_own():
    x = leaf([1.0])

    def double(x):
        return x * 2.0, lambda dy: dy * 2.0

    assert titles(apply(double, x).graph()) == ["Tensor", "double"]


def test_options_are_said_where_they_are_not_the_usual():
    x = leaf(X)
    assert "exponent=3" in texts(drawn((x**3).graph()))
    assert "axis=1" in texts(drawn(x.sum(1).graph()))
    assert "index=(:, 1:, …, None)" in texts(drawn(x[:, 1:, ..., None].graph()))
    assert not any("=" in text for text in texts(drawn(x.sum().graph())))


# ----- files and limits -------------------------------------------------------------------------


def test_notebook_and_file(tmp_path):
    y = leaf([1.0, 2.0]).exp()
    picture = y.graph(tmp_path / "graph.svg")
    assert (tmp_path / "graph.svg").read_text(encoding="utf-8") == picture._repr_svg_()
    assert re.fullmatch(r"Graph\(2 boxes, 1 arrows.*\)", repr(picture))
    with pytest.raises(ValueError, match=r"only SVG is written"):
        y.graph(tmp_path / "graph.png")
    assert [p.name for p in tmp_path.iterdir()] == ["graph.svg"]


def test_too_large_a_graph_is_refused_with_advice():
    y = leaf([1.0])
    for _ in range(MOST_VERTICES + 1):
        y = y.exp() if y.item() < 1 else y.sin()
    with pytest.raises(ValueError, match="fewer layers or time steps"):
        y.graph()


def test_some_thousand_boxes_are_drawn():
    """A recurrent network whose every step is used at the end has the longest edges there are."""
    weight, h, steps = leaf(0.5), leaf([1.0]), []
    for _ in range(300):
        h = (h * weight).tanh()
        steps.append(h)
    picture = weft.cat(steps).sum().graph()
    assert picture.vertices == 604
    assert arrows(drawn(picture)) == picture.edges == 1201
