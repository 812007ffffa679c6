"""Tensor as PyTorch users know it: creation, printing, in-place changes, conversions."""

import numpy as np
import pytest
import torch

import weft

PRINTED = [
    [0.6653],
    [[0.5406, 0.5869], [-0.1657, 0.6496]],
    [1.0, 2.0],
    [1e-6, 1.0],
    [123456.0, 0.5],
    [1, 2, 3],
    [True, False],
    3.5,
    [],
    [float("nan"), 1.5, float("-inf")],
]


@pytest.mark.parametrize("data", PRINTED, ids=str)
def test_prints_as_pytorch_does(data):
    assert repr(weft.tensor(data)) == repr(torch.tensor(data))


def test_prints_where_it_came_from():
    x = weft.tensor([0.5], requires_grad=True)
    assert repr(x) == "tensor([0.5000], requires_grad=True)"
    assert repr(x.sigmoid()) == "tensor([0.6225], grad_fn=<SigmoidBackward0>)"
    assert "dtype=float64" in repr(weft.tensor([0.5], dtype=weft.float64))


def test_dtypes_of_python_numbers():
    assert weft.tensor([1, 2]).dtype == weft.int64
    assert weft.tensor([1.0]).dtype == weft.float32
    assert weft.tensor(np.zeros(2)).dtype == weft.float64
    assert weft.tensor([1, 0], dtype=weft.float32).dtype == weft.float32
    with pytest.raises((TypeError, ValueError)):
        weft.tensor([[1.0], [1.0, 2.0]])


def test_the_workshop_updates_weights_by_hand():
    p = weft.tensor([1.0, 2.0], requires_grad=True)
    (p * p).sum().backward()
    array = p.array
    p.data -= 0.5 * p.grad
    assert p.tolist() == [0.0, 0.0] and p.requires_grad and p.array is array
    p.grad = None
    assert p.grad is None


def test_in_place_without_grad():
    x = weft.zeros(3)
    x += 1
    x *= 4.0
    x[0] = 7
    x[1:] -= 1
    assert x.tolist() == [7.0, 3.0, 3.0]
    p = weft.ones(2, requires_grad=True)
    with weft.no_grad():
        p -= 0.5
    assert p.tolist() == [0.5, 0.5]


def test_comparisons_and_booleans():
    x = weft.tensor([1.0, 2.0])
    assert (x == weft.tensor([1.0, 3.0])).tolist() == [True, False]
    assert (x > 1.5).any() and not (x > 1.5).all()
    assert x.argmax().item() == 1 and len(x) == 2 and [float(v) for v in x] == [1.0, 2.0]
    assert hash(x) != hash(weft.tensor([1.0, 2.0]))
    with pytest.raises(TypeError):
        len(weft.tensor(1.0))
    with pytest.raises(TypeError):
        range(weft.tensor(1.0))


def test_arrays_meet_tensors():
    x = weft.tensor([1.0, 2.0], requires_grad=True)
    y = np.array([3.0, 4.0], np.float32) * x
    assert isinstance(y, weft.Tensor) and y.tolist() == [3.0, 8.0]
    assert np.asarray(x.detach()).tolist() == [1.0, 2.0]


def test_creation():
    assert weft.arange(3).tolist() == [0, 1, 2] and weft.arange(0.0, 1.0, 0.5).tolist() == [0, 0.5]
    assert weft.full((2,), 7).dtype == weft.int64 and weft.full((2,), 7.0).dtype == weft.float32
    assert weft.eye(2).tolist() == [[1, 0], [0, 1]]
    assert weft.zeros(2, 3).shape == weft.zeros((2, 3)).shape == (2, 3)


def test_split_sizes_must_add_up():
    with pytest.raises(RuntimeError, match="do not add up"):
        weft.ones(4).split([1, 2])
