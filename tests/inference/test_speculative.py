"""Speculation changes how fast a text comes, not its distribution, and not one greedy token."""

import numpy as np
import pytest
from tiny_model import tiny

from weft.errors import ConfigError
from weft.inference import Continuation, speculative
from weft.inference.speculative import Draft, PromptLookup, Speculation, common_start
from weft.random import Generator
from weft.sampling import Sampling, probabilities
from weft.tokenizers import CharacterTokenizer

GREEDY = {"temperature": 0, "max_tokens": 40}


@pytest.mark.parametrize("arch", ["gpt2", "llama"])
@pytest.mark.parametrize("prompt", ["a", "abc abc abc ab", "aaaaaaaaaaaaaaaa"])
def test_greedy_text_is_equal_even_past_the_context(arch, prompt):
    loaded, draft = tiny(arch), tiny(arch, block_size=11, seed=2)
    text = loaded.generate(prompt, **GREEDY)
    for guesses in (1, 4, 30):
        assert loaded.generate(prompt, draft=draft, guesses=guesses, **GREEDY) == text
        assert loaded.generate(prompt, prompt_lookup=3, guesses=guesses, **GREEDY) == text


def test_a_draft_that_is_the_model_is_always_right_and_saves_readings():
    loaded, draft = tiny(block_size=64), tiny(block_size=64)
    reads = []
    loaded.decoder.read_all = spy(loaded.decoder.read_all, reads)
    stream = loaded.stream("once", draft=draft, guesses=3, max_tokens=40, temperature=0)
    text = "".join(stream)
    lengths = [len(tokens[0]) for _, tokens in reads if len(tokens[0]) != 3]  # 3: of the prompt
    assert stream.source.acceptance == 1 and lengths == [4] * 10
    assert text == tiny(block_size=64).generate("once", max_tokens=40, temperature=0)


def spy(function, calls):
    def called(*args):
        calls.append(args)
        return function(*args)

    return called


def test_the_same_seed_gives_the_same_text(loaded):
    for options in ({"draft": tiny(seed=2)}, {"prompt_lookup": 2}):
        texts = [loaded.generate("once", seed=seed, max_tokens=30, **options) for seed in (1, 1, 2)]
        assert texts[0] == texts[1] != texts[2]
        batch = loaded.generate_batch(["once", "a"], seed=1, max_tokens=30, **options)
        assert batch[0] == texts[0]


class Table:
    """A decoder whose logits depend on the last token alone: table[token]."""

    def __init__(self, table):
        self.table = np.asarray(table, np.float32)

    def start(self, length=None):
        return type("Sequence", (), {"position": 0})()

    def read_all(self, sequences, tokens):
        for sequence, new in zip(sequences, tokens, strict=True):
            sequence.position += len(new)
        return [self.table[list(new)] for new in tokens]

    def read(self, sequences, tokens):
        return np.stack([rows[-1] for rows in self.read_all(sequences, tokens)])


V, NEW, RUNS = 4, 3, 2500
SAMPLING = Sampling(1.3, top_k=3)
TARGET = Generator(1).normal((V, V)) * 1.2
DRAFT = Generator(2).normal((V, V)) * 1.2


def outcomes(guess_with, runs=RUNS):
    """How often each text of three tokens came, (V, V, V)."""
    counts = np.zeros((V,) * NEW)
    generator = Generator(11)
    for _ in range(runs):
        if guess_with == "draft":
            guesser = Draft(
                Table(DRAFT), block_size=99, sampling=SAMPLING, generator=generator, prompt_length=5
            )
        else:
            guesser = PromptLookup(2)
        text = Speculation(
            Table(TARGET), [0, 1, 2, 3, 0], guesser=guesser, guesses=2, block_size=99,
            max_tokens=NEW, sampling=SAMPLING, generator=generator,
        )  # fmt: skip
        counts[tuple(text)] += 1
    return counts


def chi_square(counts):
    step = probabilities(SAMPLING.filter(TARGET))
    expected = step[0][:, None, None] * step[:, :, None] * step[None]
    expected *= counts.sum()
    possible = expected > 0
    assert possible.sum() == 27 and expected[possible].min() > 5  # enough for the approximation
    assert not counts[~possible].any()
    return ((counts - expected)[possible] ** 2 / expected[possible]).sum()


QUANTILE = 54.05  # 0.999 of chi-square with 27 - 1 degrees of freedom


@pytest.mark.parametrize("guess_with", ["draft", "lookup"])
def test_the_distribution_is_that_of_the_model(guess_with):
    assert chi_square(outcomes(guess_with)) < QUANTILE


@pytest.mark.parametrize("guess_with", ["draft", "lookup"])
def test_the_distribution_test_rejects_a_wrong_residual(guess_with, monkeypatch):
    monkeypatch.setattr(speculative, "residual", lambda p, q: p)
    assert chi_square(outcomes(guess_with)) > QUANTILE


def test_guesses_are_counted():
    loaded = tiny(block_size=64)
    stream = loaded.stream("abcabcabcabc", prompt_lookup=3, max_tokens=30, temperature=0)
    for _ in stream:
        pass
    assert 0 < stream.source.kept < stream.source.guessed
    assert stream.source.acceptance == stream.source.kept / stream.source.guessed


def test_prompt_lookup_takes_what_followed_the_longest_last_match():
    lookup = PromptLookup(3)
    assert lookup.guess([1, 2, 3, 4, 9, 2, 3, 5, 1, 2, 3], 2) == ([4, 9], None)  # "1 2 3" before
    assert lookup.guess([2, 3, 4, 2, 3, 5, 0, 2, 3], 2) == ([5, 0], None)  # the last "2 3"
    assert lookup.guess([1, 2, 3], 4) == ([], None)
    assert lookup.guess([7, 7], 4) == ([7], None)
    assert lookup.guess([7], 4) == ([], None)


def test_common_start():
    assert common_start([1, 2, 3], [1, 2, 4, 5]) == 2
    assert common_start([1, 2], [1, 2, 3]) == 2
    assert common_start([], [1]) == common_start([1], [2]) == 0


def test_penalties_and_scores_are_those_without_speculation():
    loaded = tiny(block_size=64)
    options = {
        "repetition_penalty": 1.5, "presence_penalty": 0.5, "banned_words": ["q"], "logprobs": 2,
        **GREEDY,
    }  # fmt: skip
    plain = loaded.stream("once once", **options)
    fast = loaded.stream("once once", prompt_lookup=3, **options)
    assert "".join(plain) == "".join(fast)
    assert [s.token for s in plain.scores] == [s.token for s in fast.scores] == fast.ids
    np.testing.assert_allclose(
        [s.logprob for s in fast.scores], [s.logprob for s in plain.scores], atol=1e-4
    )


def test_the_end_token_ends_a_text_inside_the_guesses():
    loaded = tiny(block_size=64)
    whole = loaded.generate("once", max_tokens=30, temperature=0)
    end = loaded.tokenizer.encode(whole[7])[0]
    options = {"block_size": 64, "max_tokens": 30, "sampling": Sampling(0), "end": end}
    prompt = loaded.encode_prompt("once")
    plain = Continuation(loaded.decoder, prompt, generator=Generator(0), **options)
    draft = Draft(
        tiny(block_size=64).decoder, block_size=64, sampling=Sampling(0), generator=Generator(1),
        prompt_length=4,
    )  # fmt: skip
    fast = Speculation(
        loaded.decoder, prompt, guesser=draft, guesses=9, generator=Generator(0), **options
    )
    assert list(plain) == list(fast) and len(fast.prompt) == 4
    assert plain.finish_reason == fast.finish_reason == "end"


def test_a_draft_with_another_vocabulary(loaded):
    other = tiny()
    other.tokenizer = CharacterTokenizer.train(["\n ABCDEFGHIJKLMNOPQRSTUVWXYZ"])
    assert other.tokenizer.vocab_size == loaded.tokenizer.vocab_size
    with pytest.raises(ConfigError, match="the draft has another vocabulary"):
        loaded.generate("a", draft=other)
