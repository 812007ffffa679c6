"""Likelihoods are those of the model on the whole text, however much of it is read together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_model import LETTERS, tiny

from weft.autograd import no_grad
from weft.errors import ConfigError
from weft.inference import likelihood as module
from weft.inference.likelihood import encode_pair, likelihoods, rolling_windows
from weft.sampling import log_probabilities
from weft.tokenizers import BPETokenizer

T = 16
LOADED = tiny("llama", T)
V = LOADED.config.vocab_size


def expected(context, ids):
    """From one pass over all of it."""
    whole = [*context, *ids][-(T + 1) :]
    with no_grad():
        logits = LOADED.model(np.array([whole[:-1]])).array[0][-len(ids) :]
    logs = log_probabilities(logits)
    return logs[np.arange(len(ids)), ids].sum(), (logits.argmax(-1) == ids).all()


ids = st.lists(st.integers(0, V - 1), min_size=1, max_size=T)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(ids, max_size=2), st.lists(st.tuples(st.integers(0, 1), ids, ids), max_size=5),
    st.sampled_from([20, 60, 10_000]),
)  # fmt: skip
def test_each_is_that_of_its_own_text(beginnings, drawn, at_a_time):
    beginnings = [*beginnings, [], []]
    pairs = [(beginnings[b] + context, after) for b, context, after in drawn]
    pairs += [(context, after[:1]) for context, after in pairs[:2]]  # contexts asked for twice
    before, module.TOKENS_PER_BATCH = module.TOKENS_PER_BATCH, at_a_time
    try:
        found = likelihoods(LOADED, pairs)
    finally:
        module.TOKENS_PER_BATCH = before
    for (context, after), one in zip(pairs, found, strict=True):
        logprob, greedy = expected(context, after)
        assert one.logprob == pytest.approx(logprob, abs=1e-3, rel=1e-4)
        assert (one.tokens, one.greedy) == (len(after), bool(greedy))


class Counting:
    """A decoder that counts the tokens it reads."""

    def __init__(self, decoder):
        self._decoder, self.tokens, self.start = decoder, 0, decoder.start

    def read(self, sequences, tokens):
        self.tokens += sum(map(len, tokens))
        return self._decoder.read(sequences, tokens)

    def read_all(self, sequences, tokens):
        self.tokens += sum(map(len, tokens))
        return self._decoder.read_all(sequences, tokens)


def test_what_contexts_share_is_read_once():
    loaded = tiny("gpt2", 64)
    loaded.decoder = counting = Counting(loaded.decoder)
    shared = list(range(20))
    pairs = [([*shared, q], [a, a, a]) for q in (1, 2, 3) for a in (4, 5)]
    likelihoods(loaded, pairs)
    assert counting.tokens == 20 + 3 * 1 + 6 * 2


def test_greedy_text_is_known_as_such():
    text = LOADED.generate("abc", max_tokens=5, temperature=0)
    context, after = encode_pair(LOADED.tokenizer, "abc", text)
    assert likelihoods(LOADED, [(context, after)])[0].greedy
    after[2] = (after[2] + 1) % V
    assert not likelihoods(LOADED, [(context, after)])[0].greedy


def test_what_cannot_be_asked():
    assert likelihoods(LOADED, []) == []
    assert likelihoods(LOADED, [([1], [])]) == [(0.0, 0, True)]
    with pytest.raises(ConfigError, match=r"a text of 17 tokens; likelihood; .* at most 16 tokens"):
        likelihoods(LOADED, [([1], [1] * 17)])
    with pytest.raises(ConfigError, match="no context"):
        likelihoods(LOADED, [([], [1])])


def test_pairs_are_cut_before_the_space():
    tokenizer = BPETokenizer.train(["a cat and a dog. " * 9], 275)
    for context, after in [("a cat", " and a"), ("a cat ", "and a"), ("a cat  \n", "dog")]:
        before, rest = encode_pair(tokenizer, context, after)
        assert tokenizer.decode(before) == context.rstrip()
        assert tokenizer.decode(before + rest) == context + after and rest
    assert encode_pair(tokenizer, "a c", "at")[1] == tokenizer.encode("at")
    assert encode_pair(tokenizer, "", "cat")[0] == [tokenizer.end_of_text]
    before, rest = encode_pair(LOADED.tokenizer, " ", "cat")
    assert (LOADED.tokenizer.decode(before), LOADED.tokenizer.decode(rest)) == ("\n", " cat")
    assert set(LETTERS) >= set(" cat")


@given(st.integers(0, 30), st.integers(1, 7))
def test_rolling_windows_predict_each_token_once(count, length):
    windows = rolling_windows(range(1, count + 1), 0, length)
    assert [i for _, after in windows for i in after] == list(range(1, count + 1))
    for before, after in windows:
        assert before == list(range(after[0] - len(before), after[0]))  # what comes before it
        assert before and len(before) + len(after) <= length + 1
        assert len(before) + len(after) == length + 1 or before[0] <= 1
