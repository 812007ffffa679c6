"""Gradient clipping against PyTorch's."""

import numpy as np
import pytest
import torch

import weft
from weft import nn
from weft.autograd import tensor


def parameters(scale=1.0):
    """The same parameters for both sides; one has no gradient."""
    rng = np.random.default_rng(0)
    ours, theirs = [], []
    for shape in [(3,), (40, 50), (2, 3, 4), (5,)]:
        p = nn.Parameter(np.zeros(shape, np.float32))
        other = torch.nn.Parameter(torch.zeros(shape))
        if shape != (5,):
            gradient = scale * rng.standard_normal(shape).astype(np.float32)
            p.grad, other.grad = tensor(gradient), torch.tensor(gradient)
        ours.append(p)
        theirs.append(other)
    return ours, theirs


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.0, float("inf")])
@pytest.mark.parametrize("max_norm", [0.1, 1.0, 1e6])
def test_norm(norm_type, max_norm, agree):
    ours, theirs = parameters()
    norm = nn.utils.clip_grad_norm_(ours, max_norm, norm_type)
    agree(norm, torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type))
    for p, other in zip(ours[:-1], theirs[:-1], strict=True):
        agree(p.grad, other.grad)
    assert ours[-1].grad is None


def test_a_small_gradient_keeps_its_bits():
    ours, _ = parameters(1e-3)
    before = [p.grad.array.copy() for p in ours[:-1]]
    nn.utils.clip_grad_norm_(iter(ours), 1.0)
    for p, gradient in zip(ours, before, strict=False):
        np.testing.assert_array_equal(p.grad.array, gradient)


def test_one_tensor_and_none():
    ours, _ = parameters()
    assert nn.utils.clip_grad_norm_(ours[1], 1.0).item() > 1.0
    assert np.linalg.norm(ours[1].grad.array) == pytest.approx(1.0, rel=1e-4)
    assert nn.utils.clip_grad_norm_([], 1.0).item() == 0.0
    assert nn.utils.clip_grad_norm_(ours[-1], 1.0).item() == 0.0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_non_finite_gradients(bad):
    ours, _ = parameters()
    ours[0].grad.array[1] = bad
    with pytest.raises(RuntimeError, match="non-finite"):
        nn.utils.clip_grad_norm_(ours, 1.0, error_if_nonfinite=True)
    assert np.isfinite(ours[1].grad.array).all()  # an error changes nothing
    assert not np.isfinite(nn.utils.clip_grad_norm_(ours, 1.0).item())


def test_value(agree):
    ours, theirs = parameters()
    nn.utils.clip_grad_value_(ours, 0.5)
    torch.nn.utils.clip_grad_value_(theirs, 0.5)
    for p, other in zip(ours[:-1], theirs[:-1], strict=True):
        agree(p.grad, other.grad)


def test_the_functions_are_where_pytorch_has_them():
    assert nn.utils.clip_grad_norm_ is weft.nn.clip_grad.clip_grad_norm_
