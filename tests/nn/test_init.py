"""Initial values against PyTorch's, from the same seed."""

import pytest
import torch

import weft
from weft import nn
from weft.nn import init

FUNCTIONS = {
    "uniform_": {"a": -0.3, "b": 0.7},
    "normal_": {"mean": 0.5, "std": 0.02},
    "xavier_uniform_": {"gain": 5 / 3},
    "xavier_normal_": {},
    "kaiming_uniform_": {"a": 0.1, "mode": "fan_out"},
    "kaiming_normal_": {"nonlinearity": "relu"},
    "zeros_": {},
    "ones_": {},
    "constant_": {"val": 0.25},
}


@pytest.mark.parametrize("shape", [(2, 3), (4, 4), (5, 7), (64, 33), (3, 4, 5)], ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_same_seed_same_numbers(name, shape, agree):
    ours, theirs = weft.autograd.empty(*shape), torch.empty(*shape)
    weft.random.manual_seed(11)
    torch.manual_seed(11)
    result = getattr(init, name)(ours, **FUNCTIONS[name])
    getattr(torch.nn.init, name)(theirs, **FUNCTIONS[name])
    assert result is ours
    agree(ours, theirs, tolerance=5e-7)  # normal numbers: cos and log differ in the last digits


def test_embedding_starts_from_pytorchs_numbers(agree):
    weft.random.manual_seed(7)
    torch.manual_seed(7)
    agree(nn.Embedding(50, 7).weight, torch.nn.Embedding(50, 7).weight, tolerance=5e-7)


@pytest.mark.parametrize("nonlinearity", ["linear", "sigmoid", "tanh", "relu", "leaky_relu"])
def test_gains(nonlinearity):
    for param in (None, 0.2):
        theirs = torch.nn.init.calculate_gain(nonlinearity, param)
        assert init.calculate_gain(nonlinearity, param) == pytest.approx(theirs, rel=1e-15)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="fewer than 2 dimensions"):
        init.xavier_uniform_(weft.autograd.empty(3))
    with pytest.raises(ValueError, match="Mode fan not supported"):
        init.kaiming_uniform_(weft.autograd.empty(3, 3), mode="fan")
    with pytest.raises(ValueError, match="Unsupported nonlinearity swish"):
        init.calculate_gain("swish")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_skipped_fills_nothing_and_draws_nothing(name):
    values = weft.full((3, 4), 7.0)
    weft.manual_seed(3)
    expected = weft.rand(2).tolist()
    weft.manual_seed(3)
    with init.skipped():
        getattr(init, name)(values, **FUNCTIONS[name])
    assert (values.array == 7).all() and weft.rand(2).tolist() == expected
    getattr(init, name)(values, **FUNCTIONS[name])
    assert (values.array != 7).any()  # and afterwards it fills again
