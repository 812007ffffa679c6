"""Many texts at once are, token for token, what each is alone."""

import numpy as np
import pytest
from tiny_model import LETTERS, tiny

from weft.errors import ConfigError
from weft.inference.decoder import Decoder

PROMPTS = ["once", "a", "the quick brown", "zz top", "a", "", "once", "a"]


class Counting(Decoder):
    """Counts the calls, and the sequences and tokens of each."""

    def __init__(self, model):
        super().__init__(model)
        self.calls = []

    def read(self, sequences, tokens):
        self.calls.append([len(new) for new in tokens])
        return super().read(sequences, tokens)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 16])
@pytest.mark.parametrize("arch", ["gpt2", "qwen3"])
def test_a_batch_gives_each_prompt_what_it_gets_alone(arch, batch_size):
    loaded = tiny(arch)
    options = {"max_tokens": 25, "temperature": 1.0, "top_p": 0.95, "presence_penalty": 0.3}
    alone = [loaded.generate(p, seed=7 + i, **options) for i, p in enumerate(PROMPTS)]
    together = loaded.generate_batch(PROMPTS, batch_size=batch_size, seed=7, **options)
    assert together == alone and len(set(alone)) > 5


def test_samples_of_one_prompt_read_it_once(loaded):
    loaded.decoder = Counting(loaded.model)
    texts = loaded.generate("the quick", samples=5, max_tokens=6, temperature=1.5)
    assert len(set(texts)) > 1
    assert loaded.decoder.calls == [[9], *[[1] * 5] * 5]
    loaded.decoder.calls.clear()
    assert loaded.generate_batch(["the quick"] * 5, batch_size=2, max_tokens=6, temperature=1.5)
    assert sum(9 in call for call in loaded.decoder.calls) == 1


def test_texts_that_end_leave_and_waiting_ones_enter(loaded):
    loaded.decoder = Counting(loaded.model)
    whole = [loaded.generate(p, seed=i, max_tokens=12) for i, p in enumerate(PROMPTS)]
    stop = [text[3:5] for text in whole]
    loaded.decoder.calls.clear()
    texts = loaded.generate_batch(PROMPTS, max_tokens=12, batch_size=3, stop=stop)
    lengths = {len(text) for text in texts}
    assert len(lengths) > 1  # they did end at different places
    for text, full in zip(texts, whole, strict=True):
        assert text == full[: min(full.find(s) for s in stop if s in full)]
    assert max(map(len, loaded.decoder.calls)) == 3


def test_pieces_come_as_they_are_computed_and_carry_the_texts_number(loaded):
    batch = loaded.stream_batch(["ab", "cd"], max_tokens=4, seed=1)
    assert [i for i, _ in batch] == [0, 1] * 4
    assert [text.finish_reason for text in batch.texts] == ["length"] * 2
    assert [text.tokens for text in batch.texts] == [4, 4]


def test_an_end_token_ends_one_text_and_not_the_others(loaded):
    end = loaded.tokenizer.encode("e")[0]
    free = loaded.generate_batch(PROMPTS, max_tokens=14, seed=3, temperature=1.2)
    assert any("e" in text for text in free) and any("e" not in text for text in free)

    class Ending(type(loaded.tokenizer)):
        end_of_text = end

    loaded.tokenizer.__class__ = Ending
    texts = loaded.generate_batch([p or "\n" for p in PROMPTS], max_tokens=14, seed=3,
                                  temperature=1.2)  # fmt: skip
    assert texts == [text.partition("e")[0] for text in free]


class Only:
    """A constraint: texts of some letters, `length` of them."""

    def __init__(self, ids, V, length):
        self.ids, self.V, self.left = ids, V, length

    def start(self):
        return Only(self.ids, self.V, self.left)

    copy = start

    def allowed(self):
        return np.isin(np.arange(self.V), self.ids)

    def advance(self, token):
        assert token in self.ids
        self.left -= 1

    @property
    def finished(self):
        return self.left == 0


def test_a_constraint_follows_each_text_of_a_batch(loaded):
    ids = loaded.tokenizer.encode("xyz")
    constraint = Only(ids, loaded.config.vocab_size, 5)
    batch = loaded.stream_batch(PROMPTS, max_tokens=9, constraint=constraint, batch_size=3)
    for _ in batch:
        pass
    for text in batch.texts:
        assert text.finish_reason == "end" and text.tokens == 5 and set(text.ids) <= set(ids)


def test_a_constraint_that_is_met_at_once(loaded):
    constraint = Only([1], loaded.config.vocab_size, 0)
    assert loaded.generate_batch(PROMPTS, constraint=constraint) == [""] * len(PROMPTS)


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_of_nothing(loaded, size):
    with pytest.raises(ConfigError, match=f"batch_size = {size}; generate; give 1 or more"):
        loaded.generate_batch(["a"], batch_size=size)
    assert loaded.generate_batch([]) == []


def test_a_prompt_that_is_refused_is_refused_before_anything_is_computed(loaded):
    loaded.decoder = Counting(loaded.model)
    with pytest.raises(ConfigError, match="the prompt has 27 tokens"):
        loaded.generate_batch(["a", LETTERS[:27]])
    assert loaded.decoder.calls == []
