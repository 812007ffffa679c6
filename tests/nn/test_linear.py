"""`nn.Linear` starts from PyTorch's very weights."""

import numpy as np
import pytest
import torch

import weft
from weft import nn

SIZES = [(2, 2), (2, 1), (1, 1), (3, 5), (4, 4), (7, 16), (64, 65), (784, 512), (1000, 3)]
FUSED = torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")


def test_seed_42_gives_the_workshop_its_weights():
    weft.random.manual_seed(42)
    layer = nn.Linear(2, 2)
    np.testing.assert_array_equal(
        layer.weight.array.round(4), np.float32([[0.5406, 0.5869], [-0.1657, 0.6496]])
    )
    np.testing.assert_array_equal(layer.bias.array.round(4), np.float32([-0.1549, 0.1427]))


@pytest.mark.skipif(not FUSED, reason="PyTorch's uniform_ fuses multiply and add on this ISA only")
@pytest.mark.parametrize("seed", [0, 42, 2**32 - 1, 2**40 + 7])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_first_weights_are_pytorchs_bit_by_bit(sizes, seed):
    weft.random.manual_seed(seed)
    torch.manual_seed(seed)
    for bias in (True, False, True):  # the stream goes on from layer to layer
        ours, theirs = nn.Linear(*sizes, bias=bias), torch.nn.Linear(*sizes, bias=bias)
        np.testing.assert_array_equal(ours.weight.array, theirs.weight.detach().numpy())
        if bias:
            np.testing.assert_array_equal(ours.bias.array, theirs.bias.detach().numpy())


def test_generator_keyword_leaves_the_default_generator_alone():
    weft.random.manual_seed(1)
    expected = nn.Linear(3, 3).weight.array
    weft.random.manual_seed(2)
    again = nn.Linear(3, 3, generator=weft.random.Generator(1)).weight.array
    np.testing.assert_array_equal(again, expected)
    after = nn.Linear(3, 3).weight.array
    weft.random.manual_seed(2)
    np.testing.assert_array_equal(nn.Linear(3, 3).weight.array, after)


def test_no_inputs_draw_nothing():
    weft.random.manual_seed(1)
    expected = nn.Linear(3, 3).weight.array
    weft.random.manual_seed(1)
    assert nn.Linear(0, 2).weight.shape == (2, 0)
    np.testing.assert_array_equal(nn.Linear(3, 3).weight.array, expected)
