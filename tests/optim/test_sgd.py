"""SGD: ten steps beside PyTorch's, and its refusals."""

import itertools

import pytest
import torch

from weft import optim

OPTIONS = [
    {"momentum": momentum, "dampening": dampening, "weight_decay": decay, "nesterov": nesterov}
    for momentum, dampening, decay, nesterov in itertools.product(
        [0.0, 0.9], [0.0, 0.3], [0.0, 0.1], [False, True]
    )
    if not (nesterov and (momentum == 0.0 or dampening > 0.0))
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_ten_steps(options, ten_steps):
    ten_steps(optim.SGD, torch.optim.SGD, lr=0.1, **options)


def test_defaults(ten_steps):
    ten_steps(optim.SGD, torch.optim.SGD)


def test_without_momentum_there_is_no_state(pair):
    both = pair()
    both.set_gradients()
    optimizer = optim.SGD(both.ours, lr=0.1)
    optimizer.step()
    assert optimizer.state_dict()["state"] == {}


@pytest.mark.parametrize(
    "options",
    [
        {"lr": -1.0},
        {"lr": float("nan")},
        {"momentum": -0.1},
        {"weight_decay": -1.0},
        {"nesterov": True},
        {"nesterov": True, "momentum": 0.9, "dampening": 0.1},
    ],
    ids=str,
)
def test_bad_options(options, pair):
    with pytest.raises(ValueError):
        optim.SGD(pair().ours, **options)
