"""What the parity tests share: weights that give every part something to do, and training both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from weft import nn, optim
from weft.autograd import tensor

torch.set_num_threads(1)
B, T, V = 3, 16, 37
Arrays = dict[str, np.ndarray]


def lively_weights(model: nn.Module) -> None:
    """Larger than a fresh model's, so that softmax, gates and norms are far from linear."""
    rng = np.random.default_rng(0)
    for name, p in model.named_parameters():
        centre = 1.0 if "norm" in name and name.endswith("weight") else 0.0
        p.array[...] = centre + 0.2 * rng.standard_normal(p.shape)


def batches(count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Tokens and the tokens that follow them; one target in the first batch does not count."""
    rng = np.random.default_rng(1)
    drawn = [rng.integers(0, V, (B, T + 1)) for _ in range(count)]
    drawn[0][1, -1] = -100
    return [(tokens[:, :-1], tokens[:, 1:]) for tokens in drawn]


def close(a: np.ndarray, b: np.ndarray, tolerance: float, name: str = "") -> None:
    """Each entry within `tolerance` of the largest one."""
    assert a.shape == b.shape, name
    largest = np.abs(b).max(initial=0.0)
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * largest, err_msg=name)


class Twins:
    """Our model and a PyTorch one with the same weights.

    `logits` is what the other answers to tokens; `renamed` turns arrays under its names (weights or
    gradients) into arrays under ours.
    """

    def __init__(
        self,
        ours: nn.Module,
        theirs: torch.nn.Module,
        logits: Callable[[torch.Tensor], torch.Tensor],
        renamed: Callable[[Arrays], Arrays],
    ) -> None:
        self.ours, self.theirs, self.logits, self.renamed = ours, theirs, logits, renamed

    def losses(self, tokens: np.ndarray, targets: np.ndarray) -> tuple[Any, Any]:
        ours = nn.functional.cross_entropy(
            self.ours(tensor(tokens)).view(-1, V), tensor(targets).view(-1)
        )
        theirs = torch.nn.functional.cross_entropy(
            self.logits(torch.tensor(tokens)).view(-1, V), torch.tensor(targets).view(-1)
        )
        return ours, theirs

    def check_logits(self) -> None:
        for tokens, _ in batches(2):
            theirs = self.logits(torch.tensor(tokens)).detach().numpy()
            close(self.ours(tensor(tokens)).array, theirs, 1e-5)

    def check_gradients(self) -> None:
        ours, theirs = self.losses(*batches(1)[0])
        close(ours.array, theirs.detach().numpy(), 1e-5)
        ours.backward()
        theirs.backward()
        expected = self.renamed(
            {name: p.grad.numpy() for name, p in self.theirs.named_parameters()}
        )
        names = [name for name, _ in self.ours.named_parameters()]
        assert sorted(names) == sorted(expected)
        for name, p in self.ours.named_parameters():
            close(p.grad.array, expected[name], 1e-5, name)

    def check_ten_steps(self) -> None:
        options = {"lr": 3e-3, "betas": (0.9, 0.95), "weight_decay": 0.1}
        mine = optim.AdamW(self.ours.parameters(), **options)
        other = torch.optim.AdamW(self.theirs.parameters(), **options)
        pairs = [self.step(mine, other, *batch) for batch in batches(10)]
        ours, theirs = np.array(pairs).T
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
        assert len(set(ours)) == 10

    def step(self, mine: Any, other: Any, tokens: Any, targets: Any) -> tuple[float, float]:
        ours, theirs = self.losses(tokens, targets)
        mine.zero_grad()
        other.zero_grad()
        ours.backward()
        theirs.backward()
        norm = nn.utils.clip_grad_norm_(self.ours.parameters(), 1.0)
        norm_other = torch.nn.utils.clip_grad_norm_(self.theirs.parameters(), 1.0)
        assert norm.item() > 1.0  # the gradients are clipped
        # Only before the first step do both stand at the same weights: Adam divides by the root of
        # tiny squares and so enlarges rounding errors. For "llama", PyTorch's own float32 norms
        # leave those of its float64 run by 2.8e-5 within ten steps; the losses by 4e-6.
        if not mine.state:
            assert norm.item() == pytest.approx(norm_other.item(), rel=1e-5)
        mine.step()
        other.step()
        return ours.item(), theirs.item()


@pytest.fixture
def twins() -> type[Twins]:
    return Twins


@pytest.fixture
def lively() -> Callable[[nn.Module], None]:
    return lively_weights
