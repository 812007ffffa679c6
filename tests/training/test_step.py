"""One step: accumulation is exact, whatever the micro-batches; clipping."""

import numpy as np
import pytest
import torch

from weft.config import ModelConfig
from weft.models import GPT
from weft.random import Generator
from weft.training.step import (
    IGNORED,
    clip,
    gradients,
    micro_batches,
    step_seed,
)

CONFIG = ModelConfig(vocab_size=11, block_size=8, n_layer=2, n_head=2, n_embd=16)


@pytest.fixture
def model():
    return GPT(CONFIG, Generator(0)).train()


def gradients_of(model, batches):
    model.zero_grad()
    loss = gradients(model, batches)
    return loss, {name: p.grad.array.copy() for name, p in model.named_parameters()}


def assert_close(one, two, largest=2e-6):
    """Equal but for the order of float32 sums: a few eps of the largest entry."""
    assert one[0] == pytest.approx(two[0], rel=1e-6)
    for name, gradient in one[1].items():
        error = np.abs(gradient - two[1][name]).max()
        assert error <= largest * max(1e-3, np.abs(gradient).max()), name


def rows(rng, B, T):
    x, y = rng.integers(0, 11, (2, B, T))
    return x, y


def test_one_batch_is_as_many_of_one_row(model, rng):
    x, y = rows(rng, 6, 8)
    whole = gradients_of(model, [(x, y)])
    for size in (1, 2, 4):  # of 4: the last micro-batch has 2 rows
        parts = [(x[i : i + size], y[i : i + size]) for i in range(0, 6, size)]
        assert_close(whole, gradients_of(model, parts))


def test_uneven_lengths_count_by_their_targets(model, rng):
    """Ragged micro-batches against one padded batch whose padding is ignored."""
    lengths = [8, 3, 1, 5]
    x, y = rows(rng, 4, 8)
    ragged = [(x[i : i + 1, :n], y[i : i + 1, :n]) for i, n in enumerate(lengths)]
    padded = y.copy()
    for i, n in enumerate(lengths):
        padded[i, n:] = IGNORED
    assert_close(gradients_of(model, [(x, padded)]), gradients_of(model, ragged))
    mean_of_means = np.mean([gradients_of(model, [pair])[0] for pair in ragged])
    assert abs(mean_of_means - gradients_of(model, ragged)[0]) > 1e-4  # it would be wrong


def test_a_micro_batch_without_targets_adds_nothing(model, rng):
    x, y = rows(rng, 2, 8)
    nothing = (x, np.full_like(y, IGNORED))
    assert_close(gradients_of(model, [(x, y)]), gradients_of(model, [(x, y), nothing]))


def test_micro_batches_are_the_rows_of_the_big_batch():
    tokens = np.arange(1000)
    big = micro_batches(tokens, 7, 3, 12, 1, 8)[0]
    small = micro_batches(tokens, 7, 3, 3, 4, 8)
    assert [x.shape for x, _ in small] == [(3, 8)] * 4
    for i in (0, 1):
        assert np.array_equal(np.concatenate([pair[i] for pair in small]), big[i])


def test_clipping_is_torchs(model, rng):
    gradients(model, [rows(rng, 4, 8)])
    parameters = [torch.nn.Parameter(torch.tensor(p.array)) for p in model.parameters()]
    for theirs, ours in zip(parameters, model.parameters(), strict=True):
        theirs.grad = torch.tensor(ours.grad.array)
    norm = torch.nn.utils.clip_grad_norm_(parameters, 0.25)
    assert norm > 0.25
    ours, scale = clip(model.parameters(), 0.25)
    assert ours == pytest.approx(norm.item(), rel=1e-5)
    for theirs, ours in zip(parameters, model.parameters(), strict=True):
        assert np.allclose(theirs.grad.numpy(), scale * ours.grad.array, rtol=1e-5, atol=1e-9)


def test_zero_does_not_clip(model, rng):
    before = gradients_of(model, [rows(rng, 4, 8)])[1]
    assert clip(model.parameters(), 0)[1] == 1.0
    for name, parameter in model.named_parameters():
        assert np.array_equal(parameter.grad.array, before[name])


def test_seeds_of_steps_are_different_and_fixed():
    seeds = {step_seed(seed, step) for seed in range(10) for step in range(100)}
    assert len(seeds) == 1000 and all(0 <= s < 2**32 for s in seeds)
    assert step_seed(1337, 0) == 2427099340
