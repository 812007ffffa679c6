"""Every layer against PyTorch's: result, gradient of the input, gradients of the parameters."""

import numpy as np
import pytest
import torch

import weft
from weft import nn
from weft.autograd import tensor

SHAPES = [(1, 3), (4, 3), (5, 7), (3, 4, 8), (2, 3, 5, 16), (33, 65)]
LAYERS = {
    "linear": lambda n, C: n.Linear(C, 5),
    "linear without bias": lambda n, C: n.Linear(C, 9, bias=False),
    "layer norm": lambda n, C: n.LayerNorm(C),
    "layer norm without bias": lambda n, C: n.LayerNorm(C, eps=1e-3, bias=False),
    "layer norm without weights": lambda n, C: n.LayerNorm((C,), elementwise_affine=False),
    "rms norm": lambda n, C: n.RMSNorm(C),
    "rms norm with eps": lambda n, C: n.RMSNorm([C], eps=1e-5),
    "rms norm without weights": lambda n, C: n.RMSNorm(C, elementwise_affine=False),
    "sigmoid": lambda n, C: n.Sigmoid(),
    "tanh": lambda n, C: n.Tanh(),
    "relu": lambda n, C: n.ReLU(),
    "gelu": lambda n, C: n.GELU(),
    "gelu tanh": lambda n, C: n.GELU(approximate="tanh"),
    "silu": lambda n, C: n.SiLU(),
    "softmax": lambda n, C: n.Softmax(dim=-1),
    "softmax along the first axis": lambda n, C: n.Softmax(dim=0),
    "flatten": lambda n, C: n.Flatten(),
    "identity": lambda n, C: n.Identity(1, any="thing"),
    "dropout of nothing": lambda n, C: n.Dropout(0.0),
    "dropout of everything": lambda n, C: n.Dropout(1.0),
    "dropout in evaluation": lambda n, C: n.Dropout(0.5).eval(),
    "network": lambda n, C: n.Sequential(
        n.LayerNorm(C), n.Linear(C, 4 * C), n.GELU(), n.Linear(4 * C, C), n.Tanh()
    ),
}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", LAYERS)
def test_layer_agrees_with_pytorch(name, shape, agree_as_layers):
    weft.random.manual_seed(3)
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)

    def build(library):
        layer = LAYERS[name](library, shape[-1])
        for p in layer.parameters() if library is nn else ():  # norms start at 1 and 0: too tame
            p.array += 0.1 * np.random.default_rng(2).standard_normal(p.shape).astype(np.float32)
        return layer

    agree_as_layers(build, x)


@pytest.mark.parametrize("shape", [(4,), (2, 3), (2, 3, 4)], ids=str)
def test_embedding_agrees_with_pytorch(shape, agree_as_layers):
    ids = np.random.default_rng(0).integers(0, 6, shape)  # repeats: gradients must add up
    agree_as_layers(lambda library: library.Embedding(6, 5), ids)


@pytest.mark.parametrize("normalized", [(5,), (4, 5), (3, 4, 5)])
@pytest.mark.parametrize("kind", ["LayerNorm", "RMSNorm"])
def test_norms_over_several_axes(kind, normalized, agree_as_layers):
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)
    agree_as_layers(lambda library: getattr(library, kind)(normalized), x)


@pytest.mark.parametrize("kind", ["LayerNorm", "RMSNorm"])
@pytest.mark.parametrize("shape", [(1, 1), (5, 1), (3, 2)], ids=str)
def test_narrow_norms_have_next_to_no_gradient(kind, shape):
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    layers = [getattr(n, kind)(shape[-1], eps=1e-5) for n in (nn, torch.nn)]
    inputs = [tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)]
    for layer, input in zip(layers, inputs, strict=True):
        (layer(input) * layer(input)).sum().backward()
    # Terms of about 1/|x| cancel: what is left may differ by their rounding errors, not by more.
    size = 1 / np.abs(x).min()
    np.testing.assert_allclose(inputs[0].grad.array, inputs[1].grad.numpy(), atol=1e-5 * size)


def test_linear_takes_a_vector(agree_as_layers):
    agree_as_layers(lambda n: n.Linear(3, 2), np.arange(3, dtype=np.float32))


def test_layers_refuse_inputs_that_do_not_fit():
    with pytest.raises(RuntimeError, match=r"\(2, 4\) does not fit a weight of \(2, 3\)"):
        nn.Linear(3, 2)(weft.autograd.zeros(2, 4))
    with pytest.raises(RuntimeError, match=r"expected input with shape \[\*, 3\]"):
        nn.LayerNorm(3)(weft.autograd.zeros(2, 4))
    with pytest.raises(IndexError):
        nn.Embedding(3, 2)(tensor([0, 3]))
    with pytest.raises(ValueError, match="no dim"):
        nn.Softmax()(weft.autograd.zeros(2))
    with pytest.raises(RuntimeError, match="none or tanh"):
        nn.GELU("exact")(weft.autograd.zeros(2))


def test_dropout_keeps_its_share_and_its_mean():
    x = weft.autograd.ones(200, 500, requires_grad=True)
    layer = nn.Dropout(0.25, generator=weft.random.Generator(5))
    y = layer(x)
    kept = y.array != 0
    # 10⁵ draws: the share of a fair coin of 0.75 is within 5 deviations of 0.0014.
    assert abs(kept.mean() - 0.75) < 0.007
    np.testing.assert_array_equal(y.array[kept], np.float32(1 / 0.75))
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.array, y.array)


def test_dropout_draws_anew_each_call_and_again_after_seeding():
    layer = nn.Dropout(0.5, generator=weft.random.Generator(5))
    x = weft.autograd.ones(64)
    first, second = layer(x).array, layer(x).array
    assert (first != second).any()
    layer.generator.manual_seed(5)
    np.testing.assert_array_equal(layer(x).array, first)


@pytest.mark.parametrize("p", [-0.1, 1.5, float("nan")])
def test_dropout_refuses_what_is_no_probability(p):
    with pytest.raises(ValueError, match="between 0 and 1"):
        nn.Dropout(p)
