"""Our decoders against transformers: prompts of different lengths together, each as if alone."""

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers")
sys.path.insert(0, str(Path(__file__).parents[1] / "formats"))
import their_models as their

import weft
from weft.inference.decoder import Decoder
from weft.kernels import active

PROMPTS = [[3, 1, 4, 1, 5, 9], [2], [6, 5, 3], [5, 8, 9, 7, 9, 3, 2, 3, 8, 4, 6, 2]]
NEW = 12
KINDS = ["gpt2", "gpt2 exact gelu", "llama", "llama tied", "qwen3"]


@pytest.fixture(params=["definition", "packed"])
def decoder_of(request):
    """From a loaded model to the decoder in question."""
    if request.param == "definition":
        return lambda loaded: Decoder(loaded.model, loaded.dtype)
    if active.native is None:
        pytest.skip("there is no native decoder")
    return lambda loaded: loaded.decoder


def decode_together(decoder, prompts, count):
    """The likeliest `count` ids after each prompt, all of them in one batch."""
    states, new = [decoder.start() for _ in prompts], prompts
    found = []
    for _ in range(count):
        found.append(decoder.read(states, new).argmax(-1).tolist())
        new = [[token] for token in found[-1]]
    return [list(ids) for ids in zip(*found, strict=True)]


@pytest.mark.parametrize("kind", KINDS)
def test_greedy_ids_of_a_batch_are_those_of_transformers_alone(kind, tmp_path, decoder_of):
    decoder = decoder_of(weft.load(their.save(kind, tmp_path), precision="float32"))
    expected = [their.greedy(their.model(kind), prompt, NEW) for prompt in PROMPTS]
    assert decode_together(decoder, PROMPTS, NEW) == expected
    for prompt, ids in zip(PROMPTS, expected, strict=True):
        assert decode_together(decoder, [prompt], NEW) == [ids]


@pytest.mark.parametrize("kind", their.KINDS)
def test_logits_of_every_token_are_those_of_transformers(kind, tmp_path, decoder_of):
    """Read in uneven pieces: the largest difference is within 2e-4 of the largest logit."""
    decoder = decoder_of(weft.load(their.save(kind, tmp_path), precision="float32"))
    tokens = their.tokens()
    expected = their.logits(their.model(kind), tokens)
    states = [decoder.start() for _ in tokens]
    pieces, first = [], 0
    for size in (5, 1, 11, 7):
        pieces.append(np.stack(decoder.read_all(states, tokens[:, first : first + size].tolist())))
        first += size
    found = np.concatenate(pieces, axis=1)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 2e-4 * np.abs(expected).max()
    assert (found.argmax(-1) == expected.argmax(-1)).all()


@pytest.mark.parametrize("cache", ["bfloat16", "int8"])
def test_logits_with_a_small_cache_stay_near(cache, tmp_path, decoder_of):
    decoder = decoder_of(weft.load(their.save("llama", tmp_path), precision="float32"))
    tokens = their.tokens()
    expected = their.logits(their.model("llama"), tokens)
    states = [decoder.start(dtype=cache) for _ in tokens]
    found = np.stack(decoder.read_all(states, tokens.tolist()))
    error = np.abs(found - expected).max() / np.abs(expected).max()
    assert 1e-6 < error < 0.05  # two layers whose keys and values are rounded to 8 bits
