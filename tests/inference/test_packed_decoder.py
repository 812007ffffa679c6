"""The native decoder against its definition: the model with a cache."""

import itertools
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest
from tiny_model import tiny

from weft.checkpoint import tensors
from weft.config import ModelConfig
from weft.errors import MalformedFileError
from weft.formats import Weights
from weft.formats.quantized import quantize_weights, read_quantized
from weft.inference.decoder import Decoder
from weft.inference.packed_decoder import PackedDecoder
from weft.kernels import active
from weft.models import GPT
from weft.random import Generator

if active.native is None:
    pytest.skip("there is no native decoder; the definition runs", allow_module_level=True)

OPTIONS = {
    "gpt2": {},
    "gpt2 exact, no bias": {"gelu": "none", "bias": False, "n_embd": 40, "n_head": 5},
    "gpt2 untied": {"tie_embeddings": False},
    "gpt2 relu": {"activation": "relu"},
    "gpt2 rotary": {"positions": "rotary"},
    "gpt2 sinusoidal": {"positions": "sinusoidal"},
    "llama": {"arch": "llama", "n_kv_head": 2},
    "llama tied": {"arch": "llama", "tie_embeddings": True, "intermediate_size": 40},
    "qwen3": {"arch": "qwen3", "n_kv_head": 1, "head_dim": 24},
}
KINDS = ("float32", "bfloat16", "int8", "int4")
V, T = 28, 100  # V as in tiny_model


@pytest.fixture(params=OPTIONS)
def model(request):
    sizes = dict(vocab_size=V, block_size=T, n_layer=2, n_head=4, n_embd=64)
    model = GPT(ModelConfig(**(sizes | OPTIONS[request.param])), Generator(1)).eval()
    for parameter in model.parameters():
        parameter.array *= 3 if parameter.ndim == 2 else 1  # so that logits differ clearly
    return model


@pytest.fixture(params=active.native.isas())
def isa(request):
    active.native.set_isa(request.param)
    yield request.param
    active.native.set_isa(active.native.isas()[-1])


def packed(model, kind="float32"):
    weights = {name: p.array for name, p in model.named_parameters()}
    return PackedDecoder(model.config, weights, kind, lambda: model)


def with_numbers(model, kind):
    """The definition of a quantised model: the same weights as numbers."""
    weights = {name: p.array for name, p in model.named_parameters()}
    copy = GPT(model.config, Generator(1)).eval()
    copy.load_state_dict(dict(read_quantized(quantize_weights(weights, kind), "test")))
    return Decoder(copy)


def prompt(n, seed=0):
    return np.random.default_rng(seed).integers(0, V, n).tolist()


def all_logits(decoder, ids, cuts, dtype=None):
    sequence = decoder.start(len(ids), dtype)
    parts, at = [], 0
    for n in cuts:
        parts += decoder.read_all([sequence], [ids[at : at + n]])
        at += n
    assert sequence.position == len(ids)
    return np.concatenate(parts)


CUTS = {"step by step": [1] * 70, "pieces": [9] * 7 + [7], "prompt": [70], "both": [40, 1, 1, 28]}


@pytest.mark.parametrize("cuts", CUTS)
def test_float32(model, isa, cuts):
    """float32 sums of up to 192 terms in another order: 192 roundings of the largest logit."""
    ids = prompt(70)
    want = all_logits(Decoder(model), ids, [70])
    got = all_logits(packed(model), ids, CUTS[cuts])
    assert np.abs(got - want).max() <= 192 * np.finfo(np.float32).eps * np.abs(want).max()


@pytest.mark.parametrize("kind", KINDS[1:])
def test_rounded_weights(model, isa, kind):
    """What the eight products and the output layer read is rounded: by 2^-8 in bfloat16, weights
    too; by half of 1/127 of a block's largest in bytes, the weights being what they are. Each
    passes on at most all of its error, and the first one's is the largest by far in practice."""
    ids = prompt(70)
    if kind == "bfloat16":
        definition, step = Decoder(model), 2 * 2**-8
    else:
        definition, step = with_numbers(model, kind), 0.5 / 127
    want = all_logits(definition, ids, [70])
    limit = 9 * step * np.abs(want).max()
    decoder = packed(model, kind)
    for cuts in ("step by step", "prompt"):
        got = all_logits(decoder, ids, CUTS[cuts], "float32")
        assert np.abs(got - want).max() <= limit
    other = prompt(70, seed=3)
    assert np.abs(all_logits(decoder, other, [70]) - want).max() > limit


@pytest.mark.parametrize("dtype, step", [("bfloat16", 2**-8), ("int8", 0.5 / 127)])
def test_cache(model, isa, dtype, step):
    """Keys and values are rounded by `step` in each of two layers; scores grow by both factors."""
    ids = prompt(70)
    want = all_logits(packed(model), ids, [70], "float32")
    for cuts in ("step by step", "prompt"):
        got = all_logits(packed(model), ids, CUTS[cuts], dtype)
        assert 0 < np.abs(got - want).max() <= 2 * 2 * 2 * step * np.abs(want).max()


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_does_not_depend_on_the_others(isa, kind):
    loaded = tiny("llama", block_size=T)
    decoder = packed(loaded.model, kind)
    prompts = [prompt(n, seed=n) for n in (3, 1, 40, 17, 2, 33, 5, *range(4, 24))]
    together, alone = [decoder.start() for _ in prompts], [decoder.start() for _ in prompts]
    new = prompts
    for _ in range(3):
        logits = decoder.read(together, new)
        for i, sequence in enumerate(alone):
            assert np.array_equal(decoder.read([sequence], [new[i]])[0], logits[i])
        new = [[int(row.argmax())] for row in logits]


@contextmanager
def on_threads(threads):
    native = active.native
    before = native.num_threads(), native.processors()
    native.set_processors(8)
    native.set_num_threads(threads)
    yield
    native.set_num_threads(before[0])
    native.set_processors(before[1])


@pytest.mark.parametrize("kind", KINDS)
def test_threads_change_no_bit(kind):
    decoder = packed(tiny("qwen3", block_size=T).model, kind)
    results = []
    for threads in (1, 2, 3, 8):
        with on_threads(threads):
            results.append(all_logits(decoder, prompt(70), CUTS["both"]))
    assert all(np.array_equal(result, results[0]) for result in results)


def test_many_sequences_at_once_and_none_of_one_kind():
    decoder = packed(tiny(block_size=T).model)
    sequences = [decoder.start() for _ in range(150)]
    rows = decoder.read_all(sequences, [prompt(1 + i % 40, seed=i) for i in range(150)])
    assert [len(r) for r in rows] == [1 + i % 40 for i in range(150)]
    assert [s.position for s in sequences] == [1 + i % 40 for i in range(150)]


def test_bad_arguments():
    decoder = packed(tiny(block_size=16).model)
    sequence = decoder.start(4)
    with pytest.raises(ValueError, match="5 tokens do not fit into 4"):
        decoder.read([sequence], [[1] * 5])
    with pytest.raises(ValueError, match="fit"):
        decoder.read([sequence], [[]])
    with pytest.raises(IndexError, match="token 99 is out of range"):
        decoder.read([sequence], [[99]])
    with pytest.raises(IndexError, match="token -1"):
        decoder.read([sequence], [[-1]])
    with pytest.raises(ValueError, match="twice"):
        decoder.read([sequence, sequence], [[1], [1]])
    with pytest.raises(ValueError, match="1 lists"):
        decoder.read([sequence, decoder.start()], [[1]])
    sequence.keys = sequence.keys[:, :, :, :-1]
    with pytest.raises(ValueError, match="bytes"):
        decoder.read([sequence], [[1]])
    assert sequence.position == 0


def test_weights_that_do_not_fit():
    model = tiny(block_size=16).model
    weights = {name: p.array for name, p in model.named_parameters()}
    names = ["blocks.0.attention.qkv.weight", "norm.weight", "position.weight"]
    for name, part in itertools.product(names, (slice(0, -1), slice(0, 0))):
        with pytest.raises(ValueError):
            PackedDecoder(model.config, weights | {name: weights[name][part]}, "float32", None)


STORED = {"gpt2": "float32", "gpt2 exact, no bias": "bfloat16", "gpt2 untied": "bfloat16"}
STORED |= {"llama tied": "float32"}


def in_a_file(folder, model, kind, change=lambda arrays: None):
    """The weights as views of a mapped file; linear layers of a gpt2 lie there as (in, out)."""
    arrays = {name: p.array.copy() for name, p in model.named_parameters()}
    matrices = [n for n in arrays if arrays[n].ndim == 2 and not n.startswith("position")]
    turned = [n for n in matrices if "blocks" in n and model.config.arch == "gpt2"]
    change(arrays)
    arrays |= {n: arrays[n].astype(np.dtype(kind)) for n in matrices}
    arrays |= {n: np.ascontiguousarray(arrays[n].T) for n in turned}
    (folder / "model.safetensors").write_bytes(b"".join(map(bytes, tensors.encode(arrays))))
    views = tensors.read(folder / "model.safetensors")
    views |= {n: views[n].T for n in turned}
    return Weights({n: partial(views.__getitem__, n) for n in views}, "model.safetensors")


def stored_model(name):
    sizes = dict(vocab_size=V, block_size=T, n_layer=2, n_head=4, n_embd=64)
    return GPT(ModelConfig(**(sizes | OPTIONS[name])), Generator(1)).eval()


@pytest.mark.parametrize("name", STORED)
def test_the_first_call_reads_the_file_and_gives_the_same_bits(tmp_path, isa, name):
    model, kind = stored_model(name), STORED[name]
    weights = in_a_file(tmp_path, model, kind)
    whole = PackedDecoder(model.config, {n: np.array(weights[n]) for n in weights}, kind, None)
    assert whole._native.packed
    for length, threads in ((1, 1), (7, 2), (40, 1), (40, 8)):
        with on_threads(threads):
            decoder = PackedDecoder(model.config, weights, kind, None)
            sequences = [decoder.start(), decoder.start()]
            prompts = [prompt(length), prompt(2, seed=3)]
            assert not decoder._native.packed
            first = decoder.read_all(sequences, prompts)
            assert not decoder._native.packed
            after = decoder.read(sequences, [[1], [2]])
            assert decoder._native.packed
        again = [whole.start(), whole.start()]
        for one, other in zip(first, whole.read_all(again, prompts), strict=True):
            assert np.array_equal(one, other)
        assert np.array_equal(after, whole.read(again, [[1], [2]]))


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", STORED)
def test_what_is_not_finite_in_the_file_is_refused_by_the_first_call(tmp_path, isa, name, number):
    model, kind = stored_model(name), STORED[name]
    for parameter in (n for n, p in model.named_parameters() if p.ndim == 2):

        def change(arrays, parameter=parameter):
            arrays[parameter][-1, -1] = number  # of the embedding: a token that is not read

        weights = in_a_file(tmp_path, model, kind, change)
        with pytest.raises(MalformedFileError, match=rf"infinite: {parameter}; model.safetensors"):
            decoder = PackedDecoder(model.config, weights, kind, None)
            decoder.read([decoder.start()], [[1, 2, 3]])


def test_the_sizes_of_unpacked_numbers_are_checked(tmp_path):
    model = stored_model("gpt2")
    weights = in_a_file(tmp_path, model, "float32")
    for name in ("blocks.1.feed_forward.up.weight", "embedding.weight"):
        for wrong in (weights[name][:-1], weights[name][:, :-1]):
            parts = {n: partial(weights.__getitem__, n) for n in weights}
            with pytest.raises(ValueError, match=r"(are|is) not \("):
                broken = Weights(parts | {name: lambda wrong=wrong: wrong})
                PackedDecoder(model.config, broken, "float32", None)
