"""What the optimisers' tests share: ten steps beside PyTorch's from the same gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from weft import nn
from weft.autograd import tensor

torch.set_num_threads(1)
SHAPES = [(1,), (7,), (3, 5), (64, 65), (2, 3, 4)]


class Pair:
    """The same parameters for both sides, and gradients drawn from one stream."""

    def __init__(self, shapes: list[tuple[int, ...]], seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        values = [self.rng.standard_normal(shape).astype(np.float32) for shape in shapes]
        self.ours = [nn.Parameter(value.copy()) for value in values]
        self.theirs = [torch.nn.Parameter(torch.tensor(value)) for value in values]

    def set_gradients(self, scale: float = 1.0) -> None:
        for ours, theirs in zip(self.ours, self.theirs, strict=True):
            gradient = scale * self.rng.standard_normal(ours.shape).astype(np.float32)
            ours.grad, theirs.grad = tensor(gradient), torch.tensor(gradient)

    def check(self, tolerance: float = 1e-5) -> None:
        for ours, theirs in zip(self.ours, self.theirs, strict=True):
            close(ours.array, theirs.detach().numpy(), tolerance)


def close(a: np.ndarray, b: np.ndarray, tolerance: float = 1e-5) -> None:
    """Each entry within `tolerance` of the largest one."""
    assert a.shape == b.shape
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * np.abs(b).max(initial=0.0))


@pytest.fixture
def pair() -> Callable[..., Pair]:
    return lambda shapes=SHAPES: Pair(shapes)


@pytest.fixture
def ten_steps() -> Callable[..., None]:
    """Ten steps of both optimisers; parameters agree after each one, states at the end."""

    def run(ours: Any, theirs: Any, shapes: list[Any] = SHAPES, **options: Any) -> None:
        pair = Pair(shapes)
        mine, other = ours(pair.ours, **options), theirs(pair.theirs, **options)
        for step in range(10):
            pair.set_gradients(10.0 ** -(step % 3))
            mine.step()
            other.step()
            pair.check()
        check_states(mine, other)

    return run


def check_states(mine: Any, other: Any) -> None:
    """Same names, same numbers, in the form that `state_dict` gives them."""
    ours, theirs = mine.state_dict()["state"], other.state_dict()["state"]
    assert list(ours) == list(theirs)
    for number, values in theirs.items():
        kept = {name: value for name, value in values.items() if value is not None}
        assert set(ours[number]) == set(kept)
        for name, value in kept.items():
            close(ours[number][name].array, value.numpy())
