"""Losses against PyTorch's: value and gradient, reductions, ignored targets."""

import math

import numpy as np
import pytest
import torch

from weft import nn
from weft.autograd import tensor

REDUCTIONS = ["mean", "sum", "none"]


def compare(ours, theirs, x, target, agree):
    mine, other = tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    loss, loss_other = ours(mine, tensor(target)), theirs(other, torch.tensor(target))
    agree(loss, loss_other)
    dy = np.random.default_rng(1).standard_normal(loss.shape).astype(np.float32)
    loss.backward(tensor(dy))
    loss_other.backward(torch.tensor(dy))
    agree(mine.grad, other.grad)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(1,), (4, 1), (3, 5, 2)], ids=str)
def test_mse(shape, reduction, agree):
    x, target = np.random.default_rng(0).standard_normal((2, *shape)).astype(np.float32)
    ours, theirs = (n.MSELoss(reduction=reduction) for n in (nn, torch.nn))
    compare(ours, theirs, x, target, agree)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    "shape", [(5,), (1, 1), (6, 5), (64, 65), (2, 5, 3), (2, 5, 3, 4)], ids=str
)
def test_cross_entropy(shape, reduction, agree):
    rng = np.random.default_rng(0)
    x = 3 * rng.standard_normal(shape).astype(np.float32)
    classes = shape[0] if len(shape) == 1 else shape[1]
    target = rng.integers(0, classes, shape[:1] + shape[2:] if len(shape) > 1 else ())
    ours, theirs = (n.CrossEntropyLoss(reduction=reduction) for n in (nn, torch.nn))
    compare(ours, theirs, x, target, agree)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("ignore_index", [-100, -1, 2])
def test_cross_entropy_ignores(reduction, ignore_index, agree):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((8, 5)).astype(np.float32)
    target = rng.integers(0, 5, 8)
    target[[1, 4]] = ignore_index
    options = {"reduction": reduction, "ignore_index": ignore_index}
    ours, theirs = (n.CrossEntropyLoss(**options) for n in (nn, torch.nn))
    compare(ours, theirs, x, target, agree)


def test_the_mean_of_no_target_is_nan_as_in_pytorch():
    logits, target = np.zeros((2, 3), np.float32), np.full(2, -100)
    assert math.isnan(torch.nn.functional.cross_entropy(torch.tensor(logits), torch.tensor(target)))
    assert math.isnan(nn.functional.cross_entropy(tensor(logits), tensor(target)).item())


def test_large_logits_stay_finite(agree):
    x = np.float32([[1e4, -1e4, 0.0], [88.0, 89.0, 90.0]])
    compare(nn.CrossEntropyLoss(), torch.nn.CrossEntropyLoss(), x, np.array([1, 0]), agree)


def test_bad_input_is_refused():
    logits = tensor(np.zeros((2, 3), np.float32))
    cross_entropy = nn.functional.cross_entropy
    with pytest.raises(IndexError):
        cross_entropy(logits, tensor([0, 3]))
    with pytest.raises(ValueError, match=r"logits \(2, 3\) and targets \(3,\)"):
        cross_entropy(logits, tensor([0, 1, 2]))
    with pytest.raises(NotImplementedError, match="class numbers"):
        cross_entropy(logits, logits)
    with pytest.raises(NotImplementedError, match="label_smoothing"):
        nn.CrossEntropyLoss(label_smoothing=0.1)
    with pytest.raises(NotImplementedError, match="weight"):
        nn.CrossEntropyLoss(tensor([1.0, 2.0, 3.0]))
    with pytest.raises(ValueError, match="not a valid value for reduction"):
        cross_entropy(logits, tensor([0, 1]), reduction="average")
    with pytest.raises(ValueError, match=r"input \(2, 1\) and target \(2,\) differ"):
        nn.MSELoss()(tensor([[1.0], [2.0]]), tensor([1.0, 2.0]))
