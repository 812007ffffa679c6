"""Talking: what is read equals the conversation rendered from scratch, whatever came before it."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_model import LETTERS, tiny

from weft.config import ModelConfig
from weft.errors import ConfigError, DataError
from weft.inference import LoadedModel
from weft.inference.reading import Reading
from weft.inference.talk import Talk
from weft.inference.templates import template_named
from weft.models import KeyValueCache
from weft.models.window import TokenWindow
from weft.tokenizers import BPETokenizer

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TOKENIZER = BPETokenizer.train([LETTERS + "once upon a time there was a cat\n\n"], 300, SPECIAL)
CHATML = template_named("chatml", TOKENIZER)
T = 100


class Remembering:
    """A decoder whose logits are a function of every token that a sequence holds.

    Its keys are the tokens themselves: where `position` was set back wrongly, the answer differs.
    """

    def __init__(self, kind):
        self.kind, self.read_tokens = kind, 0

    def start(self, length=None, dtype=None):
        if self.kind == "cache":
            return KeyValueCache(1, 1, 1, min(length or T, T), 1, "float64")
        return TokenWindow(1, 4 * T)

    def read(self, sequences, tokens):
        return np.stack([self._one(s, new) for s, new in zip(sequences, tokens, strict=True)])

    def _one(self, sequence, new):
        self.read_tokens += len(new)
        if self.kind == "cache":
            end = sequence.position + len(new)
            sequence.keys[0, 0, 0, sequence.position : end, 0] = new
            sequence.position = end
            held = sequence.keys[0, 0, 0, :end, 0]
        else:
            held = sequence.extend(np.array([new]))[0, -sequence.position :]
        seed = hash(tuple(int(i) for i in held)) % 2**32
        logits = np.random.default_rng(seed).standard_normal(TOKENIZER.vocab_size)
        logits[TOKENIZER.special_tokens["<|im_end|>"]] += 2
        return logits.astype(np.float32)


def loaded_with(kind):
    """A model of which only the decoder is used."""
    config = ModelConfig(vocab_size=TOKENIZER.vocab_size, block_size=T, n_layer=1, n_embd=4,
                         n_head=1)  # fmt: skip
    if kind == "window":
        config = SimpleNamespace(vocab_size=TOKENIZER.vocab_size, block_size=4, context=2**31)
    loaded = LoadedModel(None, TOKENIZER, config, path=None)
    loaded.decoder = Remembering(kind)
    return loaded


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.text("once upn\n ", max_size=40)),
        st.tuples(st.just("stop"), st.integers(0, 9)),
        st.sampled_from([("retry", None), ("undo", None), ("undo", None)]),
        st.tuples(st.just("system"), st.sampled_from(["", "a cat"])),
    ),
    max_size=9,
)


@settings(deadline=None, max_examples=40)
@given(STEPS, st.sampled_from(["cache", "window"]), st.sampled_from([CHATML, None]))
def test_what_is_read_is_the_conversation_from_scratch(steps, kind, template):
    options = {"max_tokens": 12, "temperature": 0}
    talk = Talk(loaded_with(kind), template, **options)
    for step, value in steps:
        if step in ("retry", "undo") and not talk.conversation.exchanges:
            continue
        if step == "undo":
            talk.conversation = talk.conversation.undone()
            continue
        if step == "system":
            talk.conversation = type(talk.conversation)(value, talk.conversation.exchanges)
            continue
        before = talk.conversation
        answer = talk.again() if step == "retry" else talk.say(value if step == "say" else "stop")
        for count, _ in enumerate(answer):
            if step == "stop" and count >= value:
                answer.stop()
        talk.keep(answer)
        fresh = Talk(loaded_with(kind), template, before, **options)
        again = fresh.again() if step == "retry" else fresh.say(answer_to(talk))
        for count, _ in enumerate(again):
            if step == "stop" and count >= value:
                again.stop()
        assert (again.text, again.generation.ids) == (answer.text, answer.generation.ids)
        assert again.prompt == answer.prompt and again.finish_reason == answer.finish_reason
        assert answer.reused <= len(answer.prompt.ids) - 1 and again.reused == 0


def answer_to(talk):
    return talk.conversation.exchanges[-1].user


@pytest.mark.parametrize("kind", ["cache", "window"])
@pytest.mark.parametrize("template", [CHATML, None])
def test_a_turn_reads_what_is_new_only(kind, template):
    """A few tokens may differ from those that were generated: text is encoded anew, as one."""
    loaded = loaded_with(kind)
    talk = Talk(loaded, template, max_tokens=8, temperature=0)
    for text in ("once", " upon a", "time"):
        answer = talk.say(text)
        list(answer)
        talk.keep(answer)
    first = len(answer.prompt.ids)
    read = loaded.decoder.read_tokens
    answer = talk.again()
    assert answer.reused == first - 1 and loaded.decoder.read_tokens == read
    list(answer)
    talk.keep(answer)
    answer = talk.say("cat")
    new = len(answer.prompt.ids) - first
    if kind == "cache":
        assert first <= answer.reused and loaded.decoder.read_tokens - read < new + 8
    else:
        assert first - 1 <= answer.reused


@pytest.mark.parametrize("arch", ["gpt2", "llama"])
def test_the_cached_path_computes_what_the_uncached_does(arch):
    """On a real model: the same greedy tokens; logits up to the order of sums in float32."""
    loaded = tiny(arch, block_size=64)
    talk = Talk(loaded, None, max_tokens=20, temperature=0, until="length")
    for text in ("once", " upon", "", "a", "time"):
        before = talk.conversation
        answer = talk.say(text)
        list(answer)
        talk.keep(answer)
        fresh = Talk(loaded, None, before, until="length", max_tokens=20, temperature=0)
        again = fresh.say(text)
        list(again)
        assert again.text == answer.text
        cached = Reading(loaded.decoder)
        for end in range(2, len(answer.prompt.ids) + 1, 5):
            cached.read(answer.prompt.ids[:end], 64)
        sequence = cached.read(answer.prompt.ids, 64)
        last = [list(answer.prompt.ids[-1:])]
        logits = loaded.decoder.read([sequence], last)[0]
        whole = loaded.decoder.read([loaded.decoder.start(64)], [list(answer.prompt.ids)])[0]
        # Two layers, sums of at most 64 terms, each rounded to 2^-24 of the largest partial sum.
        np.testing.assert_allclose(logits, whole, atol=4 * 64 * 2**-24 * np.abs(whole).max())


def test_a_longer_sequence_takes_what_was_read_with_it():
    loaded = tiny(block_size=64)
    reading = Reading(loaded.decoder)
    first = reading.read(list(range(8)), 9)
    assert (first.length, first.position, reading.reused) == (9, 7, 0)
    longer = reading.read(list(range(20)), 30)
    assert (longer.length, longer.position, reading.reused) == (30, 19, 7)
    assert (longer.keys[:, :, :, :7] == first.keys[:, :, :, :7]).all()
    assert reading.read([1, 2, 3], 9).position == 2 and reading.reused == 0


def test_reading_can_be_stopped_and_goes_on():
    loaded = loaded_with("cache")
    reading = Reading(loaded.decoder)
    assert reading.read([5] * 50, 60, stopped=lambda: True) is None and reading.ids == ()
    assert reading.read([5] * 50, 60).position == 49
    talk = Talk(loaded, None)
    answer = talk.say("once", stopped=lambda: True)
    assert list(answer) == [] and answer.finish_reason == "interrupted"
    talk.keep(answer)
    assert talk.conversation.exchanges[-1].answer == ""


def test_seeds_and_temperature():
    loaded = tiny(block_size=64)
    texts = []
    for _ in range(2):
        talk = Talk(loaded, None, seed=5, max_tokens=12, until="length")
        answers = [talk.say("once")]
        texts.append(["".join(answers[0])])
        talk.keep(answers[0])
        for temperature in (0.8, 0, 0):
            talk.change(temperature=temperature)
            answers.append(talk.again())
            texts[-1].append("".join(answers[-1]))
            talk.keep(answers[-1])
        assert [answer.seed for answer in answers] == [5, 6, 7, 8]
    assert texts[0] == texts[1]
    assert texts[0][0] != texts[0][1] and texts[0][2] == texts[0][3]
    assert texts[0][0] == loaded.generate("once", seed=5, max_tokens=12)
    with pytest.raises(ConfigError, match="temperature = -1"):
        talk.change(temperature=-1)
    assert talk.sampling.temperature == 0
    with pytest.raises(ConfigError, match="beams"):
        Talk(loaded, None, beams=3)


def test_a_base_model_stops_after_a_paragraph():
    loaded = tiny(block_size=64, seed=3)
    newline = loaded.tokenizer.encode("\n")[0]
    options = {"max_tokens": 60, "logit_bias": {newline: 3.0}, "seed": 1}
    talk = Talk(loaded, None, **options)
    answer = talk.say("once")
    list(answer)
    assert answer.finish_reason == "paragraph"
    assert answer.text.endswith("\n") and answer.text.strip() and "\n\n" in answer.text[-3:]
    whole = Talk(loaded, None, until="length", **options).say("once")
    assert "".join(whole).startswith(answer.text) and whole.finish_reason == "length"


def test_a_full_window_keeps_the_system_text_of_a_base_model():
    loaded = loaded_with("cache")
    never = {id: -100.0 for id in TOKENIZER.special_tokens.values()}
    options = {"max_tokens": 400, "temperature": 0, "logit_bias": never}
    talk = Talk(loaded, None, until="length", **options)
    talk.conversation = type(talk.conversation)("the cat")
    answer = talk.say("once")
    kept = answer.prompt.kept
    list(answer)
    reply = answer.generation.source
    assert answer.slid >= 2 and kept == len(TOKENIZER.encode("the cat\n"))
    held = reply.sequence.keys[0, 0, 0, : reply.sequence.position, 0]
    assert held[:kept].astype(int).tolist() == TOKENIZER.encode("the cat\n")


def test_what_cannot_be_read_changes_nothing():
    talk = Talk(tiny(), None)
    with pytest.raises(DataError, match="unknown character"):
        talk.say("ONCE")
    with pytest.raises(ConfigError, match="nothing was said yet"):
        talk.again()
    assert talk.conversation.exchanges == ()
