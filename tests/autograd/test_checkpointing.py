"""Gradient checkpointing gives the same bits as keeping everything."""

import numpy as np
import pytest

import weft
from weft import nn
from weft.autograd import checkpoint


def run(checkpointed: bool, precision) -> list[np.ndarray]:
    weft.manual_seed(1)
    layers = nn.Sequential(
        nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 8), nn.Dropout(0.3)
    )
    x = weft.randn(5, 8, requires_grad=True)
    with weft.autocast(precision):
        y = checkpoint(layers, x) if checkpointed else layers(x)
        (y.float() * y.float()).sum().backward()
    after = weft.rand(3)  # the random stream goes on as if nothing had been computed twice
    return [x.grad.array, after.array, *(p.grad.array for p in layers.parameters())]


@pytest.mark.parametrize("precision", [None, weft.bfloat16])
def test_same_gradients_and_same_random_stream(precision):
    for kept, again in zip(run(False, precision), run(True, precision), strict=True):
        assert np.array_equal(kept, again)


def test_parameters_inside_get_gradients_when_the_input_wants_none():
    weft.manual_seed(0)
    layer = nn.Linear(3, 2)
    checkpoint(layer, weft.ones(1, 3)).sum().backward()
    assert layer.weight.grad.tolist() == [[1.0] * 3] * 2


def test_without_grad_it_only_calls():
    with weft.no_grad():
        y = checkpoint(lambda x: x * 2.0, weft.ones(2))
    assert not y.requires_grad


@pytest.mark.parametrize("used", ["both", "first", "second"])
def test_several_results_go_back_in_one_pass(used):
    """Two results of one inside: the gradients are those without checkpointing, used or not."""
    found = []
    for call in (checkpoint, lambda function, *inputs: function(*inputs)):
        w = weft.tensor([3.0, -1.0], dtype=weft.float64, requires_grad=True)
        x = weft.tensor([0.5, 2.0], dtype=weft.float64, requires_grad=True)
        calls = []

        def inside(x, w=w, calls=calls):
            calls.append(1)
            h = (x * w).exp()
            return h * x, h.sum()

        y, z = call(inside, x)
        total = {"both": y.sum() + z * z, "first": y.sum(), "second": z * z}[used]
        total.backward()
        found.append((w.grad.array, x.grad.array))
        assert len(calls) == (2 if call is checkpoint else 1)
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)
