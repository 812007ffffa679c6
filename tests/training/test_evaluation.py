"""The validation loss: every target once, equal to the mean computed by hand."""

import math

import numpy as np
import pytest
import torch

from weft.config import ModelConfig
from weft.models import GPT
from weft.random import Generator
from weft.training.evaluation import evaluate
from weft.training.precision import BFLOAT16


@pytest.fixture
def model():
    config = ModelConfig(vocab_size=7, block_size=8, n_layer=1, n_head=2, n_embd=16, dropout=0.5)
    return GPT(config, Generator(0))


@pytest.fixture
def tokens(rng):
    return rng.integers(0, 7, 8 * 5 + 4)  # five whole windows and three targets more


def by_hand(model, tokens):
    model.eval()
    losses = []
    for start in range(0, len(tokens) - 1, 8):
        window = tokens[start : start + 9]
        logits = torch.tensor(model(window[None, :-1]).array[0])
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor(window[1:]), reduction="none")
        losses += loss.tolist()
    assert len(losses) == len(tokens) - 1
    return math.fsum(losses) / len(losses)


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_every_target_counts_once(model, tokens, batch_size):
    result = evaluate(model, tokens, block_size=8, batch_size=batch_size)
    assert result.tokens == len(tokens) - 1
    assert result.loss == pytest.approx(by_hand(model, tokens), rel=1e-6)
    assert result.perplexity == pytest.approx(math.exp(result.loss))


def test_fewer_batches_are_the_same_ones_every_time(model, tokens):
    figures = [evaluate(model, tokens, block_size=8, batch_size=2, max_batches=2) for _ in range(2)]
    assert figures[0].loss == figures[1].loss and figures[0].tokens == 24


@pytest.mark.parametrize("training", [True, False])
def test_dropout_is_off_and_the_mode_comes_back(model, tokens, training):
    model.train(training)
    losses = {evaluate(model, tokens, block_size=8, batch_size=2).loss for _ in range(3)}
    assert len(losses) == 1 and model.training is training
    assert all(p.grad is None for p in model.parameters())


def test_bfloat16_is_near_and_not_the_same(model, tokens):
    exact = evaluate(model, tokens, block_size=8, batch_size=2).loss
    rough = evaluate(model, tokens, block_size=8, batch_size=2, dtype=BFLOAT16).loss
    assert rough != exact and rough == pytest.approx(exact, rel=2e-2)


def test_the_check_can_stop_it(model, tokens):
    def check():
        raise KeyboardInterrupt

    model.train()
    with pytest.raises(KeyboardInterrupt):
        evaluate(model, tokens, block_size=8, batch_size=2, check=check)
    assert model.training


def test_an_overflowing_perplexity_is_infinite(model, tokens):
    from weft.training.evaluation import Evaluation

    assert Evaluation(1000.0, 1, 0.1).perplexity == math.inf
    assert np.isfinite(Evaluation(699.0, 1, 0.1).perplexity)
