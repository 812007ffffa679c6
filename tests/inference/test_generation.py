"""Generated text: the same with a cache as without, whole characters, stops, the context's end."""

import numpy as np
import pytest
from tiny_model import LETTERS, tiny

from weft.autograd import no_grad
from weft.errors import ConfigError
from weft.inference import Continuation
from weft.inference.generation import start_token
from weft.random import Generator
from weft.sampling import Sampling, sample
from weft.tokenizers import BPETokenizer


def uncached(loaded, prompt, count, seed, block_size):
    """What the continuation must be: every token from the model's logits of all that it sees."""
    ids, window, generator = list(prompt), list(prompt), Generator(seed)
    for _ in range(count):
        if len(window) > block_size:
            window = ids[-(block_size // 2) :]
        with no_grad():
            logits = loaded.model(np.array([window])).array[:, -1]
        ids.append(int(sample(logits, generator, Sampling(), ids)[0]))
        window.append(ids[-1])
    return ids[len(prompt) :]


@pytest.mark.parametrize("arch", ["gpt2", "llama", "qwen3"])
@pytest.mark.parametrize("block_size", [1, 2, 5, 16])
def test_tokens_with_a_cache_are_those_without_one(arch, block_size):
    loaded = tiny(arch, block_size)
    tokens = Continuation(
        loaded.decoder,
        [3],
        block_size=block_size,
        max_tokens=40,
        sampling=Sampling(),
        generator=Generator(7),
    )
    if block_size == 1:
        assert len(list(tokens)) == 40  # no half window: one token of context
        return
    assert list(tokens) == uncached(loaded, [3], 40, 7, block_size)
    assert tokens.finish_reason == "length" and tokens.slid >= 2


def test_the_same_seed_gives_the_same_text(loaded):
    texts = [loaded.generate("once", seed=seed, max_tokens=30) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert len(texts[0]) == 30 and set(texts[0]) <= set(LETTERS)


def test_sample_i_is_what_its_own_seed_gives(loaded):
    texts = loaded.generate("once", seed=5, samples=3, max_tokens=20)
    assert texts == [loaded.generate("once", seed=5 + i, max_tokens=20) for i in range(3)]


def test_greedy_does_not_depend_on_the_seed(loaded):
    options = {"temperature": 0, "max_tokens": 12}
    assert loaded.generate("a", seed=1, **options) == loaded.generate("a", seed=2, **options)


def test_what_is_streamed_is_what_is_generated(loaded):
    stream = loaded.stream("once", seed=3, max_tokens=10)
    assert "".join(stream) == loaded.generate("once", seed=3, max_tokens=10)
    assert (stream.tokens, stream.prompt_tokens, stream.finish_reason) == (10, 4, "length")


def test_a_stop_text_is_never_shown(loaded):
    whole = loaded.generate("once", seed=3, max_tokens=40)
    stop = whole[20:23]
    stream = loaded.stream("once", seed=3, max_tokens=40, stop=[stop, "never there"])
    assert "".join(stream) == whole[: whole.index(stop)]
    assert stream.finish_reason == "stop" and stream.tokens <= 23


def test_a_prompt_longer_than_the_context_names_both_numbers(loaded):
    with pytest.raises(ConfigError, match=r"17 tokens.*context is 16.*--truncate left"):
        loaded.generate("a" * 17)
    assert len(loaded.generate("a" * 16, max_tokens=5)) == 5  # exactly the context is fine


def test_truncation_keeps_the_end_of_the_prompt_and_makes_room(loaded):
    prompt = "abcdefghijklmnopqrstuvwxyz"
    stream = loaded.stream(prompt, truncate="left", max_tokens=5, seed=1)
    text = "".join(stream)
    assert stream.prompt_tokens == 11 and stream.truncated == 15 and stream.slid == 0
    assert text == loaded.generate(prompt[-11:], max_tokens=5, seed=1)


def test_the_end_of_the_context_stops_the_text_when_asked_to(loaded):
    stream = loaded.stream("abc", max_tokens=100, overflow="stop")
    assert len("".join(stream)) == 14  # the last one is predicted from a full context
    assert stream.finish_reason == "context"


def test_text_past_the_context_slides_by_half_a_window(loaded):
    stream = loaded.stream("abc", max_tokens=100)
    assert len("".join(stream)) == 100
    assert stream.slid == 10 and stream.finish_reason == "length"


def test_special_tokens_in_a_prompt_are_ordinary_text():
    tokenizer = BPETokenizer.train(["some text <|endoftext|> more text"], 257)
    loaded = tiny()
    loaded.tokenizer = tokenizer
    assert tokenizer.end_of_text not in loaded.encode_prompt("a<|endoftext|>b")
    assert loaded.encode_prompt("") == [tokenizer.end_of_text]


def test_an_empty_prompt_starts_from_a_new_line_if_there_is_no_end_of_text(loaded):
    assert start_token(loaded.tokenizer) == loaded.tokenizer.encode("\n")[0]
    assert len(loaded.generate("", max_tokens=3)) == 3


class OneByOne:
    """A tokenizer whose ids are bytes, and a model that spells a text with them."""

    vocab_size, end_of_text = 257, 256

    def encode(self, text):
        return list(text.encode())

    def token_bytes(self, i):
        return bytes([i]) if i < 256 else b""

    def stream_decoder(self):
        from weft.tokenizers import StreamDecoder

        return StreamDecoder(self.token_bytes)


class Speller:
    """A decoder that has one text to tell, whatever it reads."""

    def __init__(self, ids):
        self.ids = iter(ids)

    def start(self, length):
        return object()

    def read(self, sequences, tokens):
        logits = np.zeros((1, 257), np.float32)
        logits[0, next(self.ids)] = 100
        return logits


def spelling(ids):
    loaded = tiny(block_size=64)
    loaded.decoder, loaded.tokenizer = Speller(ids), OneByOne()
    return loaded


def test_pieces_are_whole_characters():
    text = "né😀e\u0301漢"
    pieces = list(spelling([*text.encode(), 256]).stream("x", max_tokens=60))
    assert "".join(pieces) == text and all(pieces)


def test_the_end_token_ends_the_text_and_is_not_part_of_it():
    stream = spelling([*b"ab", 256, *b"cd"]).stream("x", max_tokens=60)
    assert list(stream) == ["a", "b"] and stream.finish_reason == "end"


def test_a_text_that_ends_inside_a_character_shows_that():
    assert "".join(spelling("a😀".encode()).stream("x", max_tokens=3)) == "a\ufffd"


def test_a_stop_text_inside_a_multi_byte_stream():
    stream = spelling([*"naïve 😀 x".encode(), 256]).stream("x", stop="😀")
    assert "".join(stream) == "naïve " and stream.finish_reason == "stop"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_tokens": 0}, "max_tokens = 0"),
        ({"seed": -1}, "seed = -1"),
        ({"seed": 2**32}, "give 0 to 4294967295"),
        ({"samples": 0}, "samples = 0"),
        ({"temperature": -1.0}, "temperature = -1"),
        ({"top_p": 0.0}, "top_p = 0"),
        ({"stop": ""}, "none of them empty"),
    ],
)
def test_options_out_of_range(loaded, options, message):
    with pytest.raises(ConfigError, match=message):
        loaded.generate("a", **options)


def test_a_prompt_with_a_lone_surrogate_is_refused(loaded):
    with pytest.raises(ConfigError, match="not valid Unicode"):
        loaded.generate("a\ud83d")
