"""All of the lecture's constructions give the same gradients, as do Weft's engine and PyTorch."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import METHODS, by_differences, by_engine, network

from weft.lessons import scalar, tape
from weft.lessons.backpropagation import version_a, version_b
from weft.lessons.scalar import Scalar

# Each gradient is some tens of float64 operations on numbers near 1: 1e-16 for each of them.
CLOSE = dict(rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(5))
def test_equal_to_pytorch(method, seed):
    torch = pytest.importorskip("torch", reason="PyTorch, the oracle, is not installed")
    example = network(seed)
    for ours, theirs in zip(METHODS[method](example), by_engine(torch, example), strict=True):
        np.testing.assert_allclose(ours, theirs, **CLOSE)


@pytest.mark.parametrize("method", METHODS)
def test_equal_to_finite_differences(method):
    example = network(7, inputs=2, hidden=3, classes=4)
    for ours, theirs in zip(METHODS[method](example), by_differences(example), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)  # h² + 1e-16 / h, and slack


def test_a_wrong_slope_is_found(monkeypatch):
    monkeypatch.setattr(tape.Sigmoid, "backward", lambda self, a, b, g: (g * b,))
    example = network(7)
    ours, theirs = METHODS["modules on a tape"](example)[0], by_differences(example)[0]
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)


NUMBER = st.floats(-2, 2).map(Scalar)
OPERATIONS = [
    lambda a, b: a + b,
    lambda a, b: a * b,
    lambda a, b: a - b,
    lambda a, b: 1 - a,
    lambda a, b: a / (b * b + 1),
    lambda a, b: (a * a + 1) ** -1,
    lambda a, b: a**3,
    lambda a, b: a.tanh(),
    lambda a, b: a.sigmoid(),
    lambda a, b: (a * a + 1).log(),
    lambda a, b: a.tanh().exp(),
]


@given(
    st.lists(NUMBER, min_size=2, max_size=3),
    st.lists(
        st.tuples(st.sampled_from(OPERATIONS), st.integers(0, 99), st.integers(0, 99)), max_size=12
    ),
)
def test_versions_a_and_b_agree_on_any_graph(leaves, steps):
    nodes = list(leaves)
    for operation, i, j in steps:
        nodes.append(operation(nodes[i % len(nodes)], nodes[j % len(nodes)]).tanh())
    a, b = version_a(nodes[-1]), version_b(nodes[-1])
    assert a.keys() == b.keys()
    nodes[-1].backward()
    for node, gradient in a.items():
        assert math.isclose(gradient, b[node], rel_tol=1e-12, abs_tol=1e-12)
        assert node.grad == b[node]


@pytest.mark.parametrize("name", ["exp", "log", "tanh", "sigmoid", "relu"])
def test_every_slope_is_the_difference_quotient(name):
    for x in (0.3, 1.7):
        above, below = (getattr(Scalar(x + h), name)().value for h in (1e-6, -1e-6))
        (slope,) = getattr(Scalar(x), name)().slopes
        assert abs(slope - (above - below) / 2e-6) < 1e-8


def test_gradients_add_up_until_they_are_reset_and_deep_chains_work():
    x = Scalar(2.0)
    (x * x).backward()
    (x * x).backward()
    assert x.grad == 8.0
    y = x
    for _ in range(50_000):
        y = y + 0.0
    x.grad = 0.0
    y.backward()
    assert x.grad == 1.0


def test_modules_that_are_read_twice_get_both_gradients():
    steps: tape.Tape = []
    x, w = tape.Value([0.5]), tape.Value([[2.0]])
    once = tape.Linear(steps).apply_fwd(x, w)
    tape.Linear(steps).apply_fwd(once, w)  # w² x
    tape.tape_bwd(steps)
    assert w.out_gradient.tolist() == [[2 * 2.0 * 0.5]] and x.out_gradient.tolist() == [4.0]


def test_a_hundred_lines():
    assert Path(scalar.__file__).read_text(encoding="utf-8").count("\n") <= 100
