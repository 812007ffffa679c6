"""Windows cover every token once, and the sums are those of a model that is known."""

import dataclasses
import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_model import tiny

from weft.autograd import Tensor, no_grad
from weft.errors import ConfigError, DataError
from weft.inference.evaluation import IGNORED, _windows, evaluate_arrays, evaluate_text
from weft.sampling import log_probabilities

V, T = 7, 5


class Bigram:
    """Logits of the next token that depend on the last token alone: context does not matter."""

    def __init__(self):
        self.table = np.random.default_rng(0).standard_normal((V, V)).astype(np.float32)
        self.calls = []

    def __call__(self, tokens, state=None):
        self.calls.append(tokens.shape)
        return Tensor(self.table[tokens])

    def eval(self):
        return self


class Digits:
    """The text "0123456" has the ids 0 to 6; id 6 stands for two bytes."""

    vocab_size = V

    def token_bytes(self, i):
        return b"66" if i == 6 else str(i).encode()

    def encode_stream(self, chunks):
        return (np.array([int(c) for c in chunk], np.uint32) for chunk in chunks)


def loaded():
    config = SimpleNamespace(block_size=T, context=T, vocab_size=V)
    return SimpleNamespace(model=Bigram(), tokenizer=Digits(), config=config, dtype=None)


def expected_nats(ids):
    logits = Bigram().table.astype(np.float64)
    logp = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return -logp[ids[:-1], ids[1:]].sum()


@given(st.lists(st.integers(0, V - 1), min_size=2, max_size=60), st.integers(1, T), st.data())
def test_every_token_but_the_first_counts_once(ids, stride, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(ids)), max_size=4)))
    arrays = np.split(np.array(ids), cuts)
    score = evaluate_arrays(loaded(), arrays, stride)
    assert score.tokens == len(ids) - 1
    assert score.nats == pytest.approx(expected_nats(np.array(ids)), rel=1e-5, abs=1e-5)
    assert score.bytes == len(ids) - 1 + ids[1:].count(6)


@given(st.integers(2, 40), st.integers(1, T))
def test_windows_give_each_target_at_least_the_context_that_stride_leaves(length, stride):
    ids, seen = np.arange(length), []
    for x, y in _windows([ids], T, stride):
        assert len(x) <= T
        np.testing.assert_array_equal(x + 1, np.where(y == IGNORED, x + 1, y))
        for i in np.flatnonzero(y != IGNORED):
            seen.append(y[i])
            assert i + 1 >= min(y[i], T - stride + 1)  # tokens before the target, in the window
    assert seen == list(range(1, length))


def sliding_loss(model, ids, length, stride):
    """The sliding window of transformers' page on perplexity, for windows of `length` ids."""
    nats, count, previous_end = 0.0, 0, 0
    for begin in range(0, len(ids), stride):
        end = min(begin + length, len(ids))
        labels = np.array(ids[begin:end])
        labels[: len(labels) - (end - previous_end)] = -100  # scored in an earlier window
        with no_grad():
            logits = model(np.array([ids[begin:end]])).array[0]
        logs = log_probabilities(logits)
        for before, label in zip(logs, labels[1:], strict=False):
            nats, count = (nats - before[label], count + 1) if label != -100 else (nats, count)
        previous_end = end
        if end == len(ids):
            break
    return nats / count, count


@pytest.mark.parametrize("length", [9, 10, 17, 40])
@pytest.mark.parametrize("stride", [1, 3, 8])
def test_a_stride_slides_as_in_transformers(length, stride):
    """Their window of n ids predicts n - 1 of them: it is ours of n - 1."""
    model = tiny("gpt2", 9)
    model.config = dataclasses.replace(model.config, block_size=8)
    ids = np.random.default_rng(length).integers(0, model.config.vocab_size, length)
    score = evaluate_arrays(model, [ids], stride)
    assert (score.loss, score.tokens) == pytest.approx(sliding_loss(model.model, ids, 9, stride))


def test_windows_are_batched_and_the_last_one_is_shorter():
    model = loaded()
    evaluate_text(model, ["01234501234", "5012"])
    assert model.model.calls == [(2, T), (1, 4)]


def test_the_numbers_follow_from_each_other():
    score = evaluate_text(loaded(), ["0102030405060"])
    assert score.loss == pytest.approx(score.nats / score.tokens)
    assert score.perplexity == pytest.approx(math.exp(score.loss))
    assert score.bits_per_byte == pytest.approx(score.nats / math.log(2) / 13)  # 11 x 1 + 1 x 2


def test_too_short_a_text_and_a_stride_out_of_range():
    with pytest.raises(DataError, match="fewer than two tokens"):
        evaluate_text(loaded(), ["3"])
    for stride in (0, T + 1):
        with pytest.raises(ConfigError, match="give 1 to the context's length, 5"):
            evaluate_text(loaded(), ["345"], stride)
