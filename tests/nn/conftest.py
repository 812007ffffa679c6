"""What the layers' tests share: a comparison with PyTorch's numbers, and of whole layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from weft import nn
from weft.autograd import Tensor, tensor

torch.set_num_threads(1)


def array(value: Any) -> np.ndarray:
    if isinstance(value, Tensor):
        return value.array
    return value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


def check_agreement(ours: Any, theirs: Any, tolerance: float = 1e-5) -> None:
    """Equal shapes and dtypes; each entry within `tolerance` of the largest one."""
    a, b = array(ours), array(theirs)
    assert a.shape == b.shape and a.dtype == b.dtype
    largest = np.abs(b).max(initial=0.0)
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * largest)


@pytest.fixture
def agree() -> Callable[..., None]:
    return check_agreement


@pytest.fixture
def agree_as_layers() -> Callable[..., None]:
    """Build a layer from either `nn`, give it the same weights and input, compare everything."""

    def check(build: Callable[[Any], Any], x: np.ndarray, tolerance: float = 1e-5) -> None:
        ours, theirs = build(nn), build(torch.nn)
        theirs.load_state_dict(
            {
                name: torch.from_numpy(value.array.copy())
                for name, value in ours.state_dict().items()
            }
        )
        floating = x.dtype.kind == "f"
        mine, other = tensor(x, requires_grad=floating), torch.tensor(x, requires_grad=floating)
        y, y_other = ours(mine), theirs(other)
        check_agreement(y, y_other, tolerance)
        if not y.requires_grad:
            assert not y_other.requires_grad
            return
        dy = np.random.default_rng(1).standard_normal(y.shape).astype(np.float32)
        y.backward(tensor(dy))
        y_other.backward(torch.tensor(dy))
        if floating:
            check_agreement(mine.grad, other.grad, tolerance)
        others = dict(theirs.named_parameters())
        for name, parameter in ours.named_parameters():
            check_agreement(parameter.grad, others.pop(name).grad, tolerance)
        assert not others

    return check
