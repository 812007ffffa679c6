"""A saved cache: the text stays the same, what is reused, what is refused, files that are wrong."""

import random
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_model import save_run, tiny

from weft.checkpoint import tensors
from weft.errors import ConfigError, MalformedFileError, WeftError
from weft.formats.quantized import as_quantized, quantize_weights, read_quantized
from weft.inference import LoadedModel, load
from weft.inference.decoder import Decoder
from weft.inference.prefix import Maker, Prefix, fingerprint, save_prefix, start_after

sys.path.insert(0, str(Path(__file__).parents[1] / "formats"))
from mutate import Hints, Text, attack, mutations

PRECISIONS = ["float32", "bfloat16", "int8"]
GREEDY = {"temperature": 0, "max_tokens": 5}
MAKER = Maker("a model", "float32")


class Counting(Decoder):
    """Notes how many tokens each call reads."""

    reads: list[int]

    def read(self, sequences, tokens):
        self.reads.append(sum(len(new) for new in tokens))
        return super().read(sequences, tokens)


def counting(loaded):
    loaded.decoder = Counting(loaded.model, loaded.dtype, loaded.cache)
    loaded.decoder.reads = []
    return loaded.decoder.reads


def write(path, loaded, ids=(3, 1, 4, 1, 5), maker=MAKER, dtype=None):
    decoder = Decoder(loaded.model)
    cache = decoder.start(dtype=dtype)
    decoder.read([cache], [ids])
    save_prefix(path, ids, cache, maker)
    return cache


@pytest.mark.parametrize("cache", PRECISIONS)
@pytest.mark.parametrize("arch", ["gpt2", "llama", "qwen3"])
def test_the_text_is_the_same_with_and_without(tmp_path, arch, cache):
    loaded, file = tiny(arch), tmp_path / "cache"
    loaded.cache = cache
    prompts = ["once upon a", "once upon a", "once upon", "once upon a time", "other"]
    plain = [loaded.generate(prompt, **GREEDY) for prompt in prompts]
    reads = counting(loaded)
    assert [loaded.generate(p, prompt_cache=file, **GREEDY) for p in prompts] == plain
    assert reads[:7] == [11, 1, 1, 1, 1, 1, 1]  # all of the first prompt; of the second, its last
    again = tiny(arch)
    again.cache = cache
    assert again.generate("other", prompt_cache=file, **GREEDY) == plain[-1]


def test_what_is_reused_and_when_the_file_is_written(tmp_path, loaded):
    file, decoder = tmp_path / "cache", Decoder(loaded.model)

    def read(text):
        cache = decoder.start()
        reused = start_after(file, list(map(ord, text)), decoder, cache, MAKER, loaded.config)
        assert cache.position == len(text) - 1
        return reused, file.stat().st_ino

    steps = {
        text: read(text) for text in ("\1\2\3", "\1\2\3\4\5", "\1\2\3", "\1\2", "\1\2\6", "\7")
    }
    reused = {text: step[0] for text, step in steps.items()}
    assert reused == {"\1\2\3": 2, "\1\2\3\4\5": 3, "\1\2": 1, "\1\2\6": 2, "\7": 0}
    assert Prefix(file, MAKER, loaded.config).ids == [7]


def test_a_file_that_serves_is_left_alone(tmp_path, loaded):
    file = tmp_path / "cache"
    loaded.generate("abc", prompt_cache=file, max_tokens=1)
    before = file.read_bytes(), file.stat().st_mtime_ns, file.stat().st_ino
    for prompt in ("abc", "abcd", "abcxyz"):
        loaded.generate(prompt, prompt_cache=file, max_tokens=1)
    assert (file.read_bytes(), file.stat().st_mtime_ns, file.stat().st_ino) == before
    loaded.generate("abx", prompt_cache=file, max_tokens=1)
    assert file.read_bytes() != before[0]
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_the_arrays_come_back_as_they_were(tmp_path, loaded, dtype):
    file = tmp_path / "cache"
    cache = write(file, loaded, dtype=dtype)
    other = Decoder(loaded.model).start(9, dtype)
    Prefix(file, MAKER, loaded.config).fill(other, 4)
    assert other.position == 4
    for name, array in vars(cache).items():
        if isinstance(array, np.ndarray):
            assert np.array_equal(getattr(other, name)[:, :, :, :4], array[:, :, :, :4]), name
            assert not getattr(other, name)[:, :, :, 4:].any(), name


def test_samples_share_the_prompt(tmp_path, loaded):
    options = {"max_tokens": 4, "samples": 3, "seed": 5}
    plain = loaded.generate("hello", **options)
    for _ in range(2):
        assert loaded.generate("hello", prompt_cache=tmp_path / "cache", **options) == plain


def test_a_text_that_slides_past_the_context(tmp_path, loaded):
    options = {"max_tokens": 30, "seed": 5}
    plain = loaded.generate("hello", **options)
    for _ in range(2):
        assert loaded.generate("hello", prompt_cache=tmp_path / "cache", **options) == plain


def test_another_model_is_refused(tmp_path, loaded):
    file = tmp_path / "cache"
    loaded.generate("abc", prompt_cache=file, max_tokens=1)
    before = file.read_bytes()
    with pytest.raises(ConfigError, match=f"made by another model; {file}; name another file"):
        tiny(seed=2).generate("abc", prompt_cache=file)
    rounded = tiny()
    rounded = LoadedModel(rounded.model, rounded.tokenizer, rounded.config, None, dtype="bfloat16")
    with pytest.raises(ConfigError, match="made by another precision than bfloat16; "):
        rounded.generate("abc", prompt_cache=file)
    loaded.cache, loaded.decoder = "int8", Decoder(loaded.model, cache="int8")
    with pytest.raises(
        ConfigError, match=r"cache is in float32, not int8; .*; pass --cache float3"
    ):
        loaded.generate("abc", prompt_cache=file)
    assert file.read_bytes() == before


def test_one_weight_makes_another_model(loaded):
    before = fingerprint(loaded.config, loaded.weights)
    assert before == fingerprint(loaded.config, dict(loaded.weights))
    for _, parameter in loaded.model.named_parameters():
        parameter.array += np.float32(2.0**-20)
        after = fingerprint(loaded.config, loaded.weights)
        assert before != after
        before = after
    assert fingerprint(tiny(block_size=17).config, loaded.weights) != before


def test_what_is_stored_is_what_tells_models_apart(loaded):
    """Nothing is quantised for it, and integers are not turned into numbers."""
    plain = dict(loaded.weights)
    assert fingerprint(loaded.config, as_quantized(plain, "int8")) == fingerprint(
        loaded.config, loaded.weights
    )
    stored = {
        kind: fingerprint(loaded.config, read_quantized(quantize_weights(plain, kind), "test"))
        for kind in ("int8", "int4")
    }
    assert len({*stored.values(), fingerprint(loaded.config, plain)}) == 3


@pytest.mark.parametrize("precision", ["bfloat16", "int8", "int4"])
def test_every_precision_keeps_its_own(tmp_path, precision):
    wide = {"n_embd": 64, "block_size": 16}
    model = save_run(tmp_path / "run", tiny(**wide)).path
    loaded, file = load(model, precision=precision), tmp_path / "cache"
    plain = loaded.generate("once upon", **GREEDY)
    for _ in range(2):
        assert loaded.generate("once upon", prompt_cache=file, **GREEDY) == plain
    with pytest.raises(ConfigError, match="made by another precision than float32"):
        load(model, precision="float32").generate("once", prompt_cache=file)


def test_beside_a_search_it_is_refused(loaded):
    with pytest.raises(ConfigError, match="prompt_cache with beams; generate; leave one"):
        loaded.generate("abc", prompt_cache="x", beams=2)


def test_where_it_cannot_be_written(tmp_path, loaded):
    file = tmp_path / "none" / "cache"
    with pytest.raises(WeftError, match=f"cannot write the prompt cache: No such .*; {file}; name"):
        loaded.generate("abc", prompt_cache=file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ids": None}, "ids or keys are missing"),
        ({"ids": np.zeros(0, np.int64)}, "0 tokens for a context of 16"),
        ({"ids": np.zeros(17, np.int64)}, "17 tokens for a context of 16"),
        ({"ids": np.array([1, 2, 3, 4, 28])}, "an id is not below 28"),
        ({"ids": np.array([1, 2, 3, 4, -1])}, "an id is not below 28"),
        ({"ids": np.zeros(4, np.int64)}, "keys is not float32"),
        ({"keys": np.zeros((2, 2, 5, 9), np.float32)}, "keys is not float32"),
        ({"keys": np.zeros((2, 2, 5, 8), np.int8)}, "values is not int8"),
        ({"keys": np.full((2, 2, 5, 8), np.nan, np.float32)}, "keys has a NaN"),
        ({"values": np.full((2, 2, 5, 8), np.inf, np.float32)}, "values has a NaN"),
        ({"values": None}, "values is not float32"),
        ({"more": np.zeros(1)}, "it has other arrays"),
    ],
)
def test_wrong_arrays(tmp_path, loaded, change, message):
    file = tmp_path / "cache"
    write(file, loaded)
    metadata, arrays = tensors.read_metadata(file), dict(tensors.read(file))
    arrays = {name: array for name, array in (arrays | change).items() if array is not None}
    file.with_name("b").write_bytes(b"".join(bytes(x) for x in tensors.encode(arrays, metadata)))
    with pytest.raises(MalformedFileError, match=f"prompt cache: {message}.*; .*; remove it"):
        Prefix(file.with_name("b"), MAKER, loaded.config)


def test_a_file_that_is_something_else(tmp_path, loaded):
    file = tmp_path / "cache"
    file.write_bytes(b"".join(bytes(x) for x in tensors.encode({"w": np.zeros(3)})))
    with pytest.raises(MalformedFileError, match="it is not a prompt cache of weft"):
        Prefix(file, MAKER, loaded.config)
    file.write_text("once upon a time")
    with pytest.raises(MalformedFileError, match="prompt cache: "):
        Prefix(file, MAKER, loaded.config)
    with pytest.raises(MalformedFileError, match="prompt cache: cannot read: "):
        Prefix(tmp_path, MAKER, loaded.config)


def hints(data):
    length = struct.unpack("<Q", data[:8])[0]
    return Hints([(0, 8)], [Text(8, 8 + length, (0, 8))], [8, 8 + length])


@pytest.mark.parametrize("count", [300, pytest.param(20_000, marks=pytest.mark.slow)])
def test_malformed_files(tmp_path, loaded, count):
    file = tmp_path / "cache"
    write(file, loaded, dtype="int8")
    data = file.read_bytes()

    def read():
        Prefix(file, MAKER, loaded.config).fill(Decoder(loaded.model).start(dtype="int8"), 4)

    cuts = [data[:i] for i in {*range(0, len(data), 13), *hints(data).boundaries, len(data) - 1}]
    assert attack(read, file, iter(cuts), len(cuts)) == 0
    sound = attack(read, file, mutations(data, random.Random(0), hints(data)), count)
    assert sound < count / 2
