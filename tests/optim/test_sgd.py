"""SGD: ten steps beside PyTorch's, and its refusals."""

import itertools

import numpy as np
import pytest
import torch

import weft
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


def test_a_parameter_that_joins_later_fills_its_buffer_undampened():
    """Its first momentum is its gradient, beside parameters whose buffers are filled."""
    ours = [weft.tensor([1.0, 2.0], requires_grad=True) for _ in range(2)]
    theirs = [torch.tensor([1.0, 2.0], requires_grad=True) for _ in range(2)]
    mine = optim.SGD(ours, lr=0.1, momentum=0.9, dampening=0.5)
    other = torch.optim.SGD(theirs, lr=0.1, momentum=0.9, dampening=0.5)
    for step in range(3):
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            if i == 0 or step > 0:
                a.grad, b.grad = weft.tensor([0.5, step + 1.0]), torch.tensor([0.5, step + 1.0])
        mine.step()
        other.step()
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.tolist(), b.tolist(), rtol=1e-6)
