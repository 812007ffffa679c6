"""GGUF files written and read again: equal configuration, tensors and tokenizer."""

from __future__ import annotations

import os

import numpy as np
import pytest
from gguf_models import TEXT, model_of, tokenizer_of

from weft.config import ModelConfig
from weft.errors import ConfigError, MalformedFileError, WeftError
from weft.formats import read_model
from weft.formats.gguf import looks_like_gguf, read_gguf
from weft.formats.gguf_names import pair_rows, unpair_rows
from weft.formats.gguf_tokenizer import escape, unescape
from weft.formats.gguf_write import write_gguf
from weft.formats.quantized import QuantizedWeights, quantize_weights, read_quantized
from weft.kernels.reference import dequantize, quantize_int4, quantize_int8
from weft.tokenizers import CharacterTokenizer

ARCHS = ("gpt2", "llama", "qwen3")
VARIANTS = [
    *((arch, {"tie_embeddings": tied}) for arch in ARCHS for tied in (True, False)),
    ("gpt2", {"gelu": "none", "intermediate_size": 96, "norm_eps": 1e-6}),
    ("llama", {"bias": True, "rope_theta": 500000.0, "n_kv_head": 4}),
    ("llama", {"n_head": 1, "n_kv_head": 1, "n_layer": 1, "block_size": 1}),
    ("qwen3", {"head_dim": 16, "n_kv_head": 1}),
]


@pytest.mark.parametrize("arch, changes", VARIANTS)
def test_float32_comes_back_bit_for_bit(tmp_path, arch, changes):
    config, weights, tokenizer = model_of(arch, **changes)
    path = tmp_path / "model.gguf"
    notes = write_gguf(path, config, weights, tokenizer, name="a model")
    assert [n.split(",")[0] for n in notes] == (
        ["the model computes GELU exactly"] if config.gelu == "none" else []
    )
    read = read_model(path)
    assert (read.config, read.format, read.notes) == (config, "gguf", ())
    assert set(read.weights) == set(weights)
    for name, weight in weights.items():
        np.testing.assert_array_equal(read.weights[name], weight)
    assert read.tokenizer.to_json() == tokenizer.to_json()
    assert os.listdir(tmp_path) == ["model.gguf"]


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("kind", ["bf16", "f16", "q8_0", "q4_0"])
def test_matrices_in_every_type(tmp_path, arch, kind):
    config, weights, tokenizer = model_of(arch, tie_embeddings=False)
    path = tmp_path / "model.gguf"
    write_gguf(path, config, weights, tokenizer, type=kind)
    read = read_gguf(path).weights
    assert isinstance(read, QuantizedWeights) == kind.startswith("q")
    for name, weight in weights.items():
        if weight.ndim == 1 or name == "position.weight":
            np.testing.assert_array_equal(read[name], weight)
        elif kind in ("bf16", "f16"):
            dtype = "bfloat16" if kind == "bf16" else np.float16
            np.testing.assert_array_equal(read[name], weight.astype(np.dtype(dtype)))
        else:
            four = kind == "q4_0" and name not in ("embedding.weight", "head.weight")
            q, scale = quantize_int4(weight, search=True) if four else quantize_int8(weight)
            matrix = read.quantized(name)
            np.testing.assert_array_equal(matrix.integers(), q)
            np.testing.assert_array_equal(matrix.scale, scale)
            np.testing.assert_array_equal(read[name], dequantize(q, scale))


@pytest.mark.parametrize("kind, type", [("int8", "q8_0"), ("int4", "q4_0")])
def test_integers_stay_the_integers_they_are(tmp_path, kind, type):
    config, weights, tokenizer = model_of("llama")
    quantized = read_quantized(quantize_weights(weights, kind), "here")
    path = tmp_path / "model.gguf"
    write_gguf(path, config, quantized, tokenizer, type=type)
    read = read_gguf(path).weights
    for name in weights:
        before, after = quantized.quantized(name), read.quantized(name)
        assert (before is None) == (after is None)
        if before is not None:
            np.testing.assert_array_equal(after.q, before.q)
            np.testing.assert_array_equal(after.scale, before.scale)


def test_rows_that_are_no_multiple_of_32_are_float16(tmp_path):
    config, weights, tokenizer = model_of("gpt2", n_embd=48)
    path = tmp_path / "model.gguf"
    write_gguf(path, config, weights, tokenizer, type="q4_0")
    read = read_gguf(path).weights
    assert read["blocks.0.attention.qkv.weight"].dtype == np.float16
    assert read.quantized("blocks.0.feed_forward.down.weight").bits == 4  # its rows are 192 long


@pytest.mark.parametrize("arch", ARCHS)
def test_the_gguf_package_reads_the_same(tmp_path, arch):
    gguf = pytest.importorskip("gguf", reason="pip install gguf: llama.cpp's own reader")
    config, weights, tokenizer = model_of(arch)
    path = tmp_path / "model.gguf"
    write_gguf(path, config, weights, tokenizer, type="q8_0", chat_template="{{ messages }}")
    theirs, ours = gguf.GGUFReader(path), read_gguf(path)
    tensors = {tensor.name: tensor for tensor in theirs.tensors}
    embedding = tensors["token_embd.weight"]
    table = gguf.quants.dequantize(embedding.data, embedding.tensor_type)
    np.testing.assert_array_equal(table, ours.weights["embedding.weight"])
    key = "attn_qkv" if arch == "gpt2" else "attn_v"
    values = tensors[f"blk.1.{key}.weight"]
    rows = ours.weights["blocks.1.attention.qkv.weight"][-len(values.data) :]
    table = gguf.quants.dequantize(values.data, values.tensor_type)
    np.testing.assert_array_equal(table, rows)
    fields = {name: field.contents() for name, field in theirs.fields.items()}
    assert fields["general.name"] == "model" and fields["general.architecture"] == arch
    assert fields["general.file_type"] == 7
    assert fields[f"{arch}.context_length"] == config.block_size
    assert fields["tokenizer.chat_template"] == "{{ messages }}"
    assert len(fields["tokenizer.ggml.tokens"]) == config.vocab_size


def test_a_model_without_biases_gets_zeros(tmp_path):
    config, weights, tokenizer = model_of("gpt2", bias=False)
    assert not any(name.endswith("bias") for name in weights)
    path = tmp_path / "model.gguf"
    write_gguf(path, config, weights, tokenizer)
    read = read_gguf(path)
    assert read.config.bias
    assert (
        not read.weights["blocks.0.attention.qkv.bias"].any()
        and not read.weights["norm.bias"].any()
    )


def test_ids_without_a_token(tmp_path):
    tokenizer = tokenizer_of("bytes")
    config, weights, _ = model_of("llama", vocab_size=tokenizer.vocab_size + 4)
    path = tmp_path / "model.gguf"
    notes = write_gguf(path, config, weights, tokenizer)
    assert notes == ("4 ids have no token: they are named [PAD...], of type unused",)
    read = read_gguf(path)
    assert read.config.vocab_size == tokenizer.vocab_size + 4
    assert read.tokenizer.to_json() == tokenizer.to_json()


@pytest.mark.parametrize("unknown", [None, "?", "<unk>"])
def test_characters_and_the_token_for_others(tmp_path, unknown):
    tokenizer = CharacterTokenizer.train([TEXT], unknown, ["<|end|>"])
    config, weights, _ = model_of("gpt2", vocab_size=tokenizer.vocab_size)
    path = tmp_path / "model.gguf"
    write_gguf(path, config, weights, tokenizer)
    assert read_gguf(path).tokenizer.to_json() == tokenizer.to_json()


def test_what_rwkv_escapes():
    for token in ("a", "\\", "\n", "\t\r", "\\n", "ü", "日\\x41"):
        assert unescape(escape(token)) == token.encode()
    assert unescape("\\x41\\xe2\\q") == b"A\xe2q"


def test_pairs_of_rows():
    rows = np.arange(16).reshape(16, 1)  # two heads of eight
    assert pair_rows(rows, 2)[:8, 0].tolist() == [0, 4, 1, 5, 2, 6, 3, 7]
    np.testing.assert_array_equal(unpair_rows(pair_rows(rows, 2), 2), rows)


def test_the_output_layer_once_more_is_tied(tmp_path):
    config, weights, tokenizer = model_of("gpt2", tie_embeddings=False)
    weights["head.weight"] = weights["embedding.weight"]
    path = tmp_path / "model.gguf"
    write_gguf(path, config, weights, tokenizer)
    read = read_gguf(path)
    assert read.config.tie_embeddings and "head.weight" not in read.weights
    assert read.notes == ("output.weight is token_embd.weight once more: tied",)


class OtherTokenizer:
    vocab_size = 300


def test_what_cannot_be_written(tmp_path):
    config, weights, tokenizer = model_of("llama")
    path = tmp_path / "model.gguf"

    def fails(match, error=ConfigError, config=config, weights=weights, where=path,
              tokenizer=tokenizer, **options):  # fmt: skip
        with pytest.raises(error, match=match):
            write_gguf(where, config, weights, tokenizer, **options)

    fails("unknown type 'q5_0'", type="q5_0")
    large = {**weights, "head.weight": weights["head.weight"] * np.float32(1e9)}
    fails("head.weight is not finite in F16", weights=large, type="f16")
    write_gguf(path, config, large, tokenizer, type="bf16")
    before = path.read_bytes()
    nan = {**weights, "norm.weight": weights["norm.weight"] * np.float32("nan")}
    for kind in ("f32", "q8_0"):
        fails("norm.weight is not finite in F32", weights=nan, type=kind)
    fails("head.weight has the shape", weights={**weights, "head.weight": weights["norm.weight"]})
    fails("head.weight has the shape", weights={**weights, "head.weight": np.ones((5, 64), "f4")})
    fails("qwen3 has no biases", config=ModelConfig(arch="qwen3", vocab_size=300, bias=True))
    fails("the tokenizer has 300 tokens", config=ModelConfig(arch="llama", vocab_size=299))
    fails("holds its tokenizer, and this model comes without", tokenizer=None)
    fails("a tokenizer of kind OtherTokenizer has no form in GGUF", tokenizer=OtherTokenizer())
    fails("No such file", error=WeftError, where=tmp_path / "no" / "model.gguf")
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["model.gguf"]


def test_what_looks_like_gguf(tmp_path):
    (tmp_path / "a.gguf").write_bytes(b"")
    (tmp_path / "b").write_bytes(b"GGUFxx")
    (tmp_path / "c").write_bytes(b"GGU")
    assert [looks_like_gguf(tmp_path / n) for n in ("a.gguf", "b", "c", "d", ".")] == [
        True, True, False, False, False,
    ]  # fmt: skip


def test_a_link_is_followed(tmp_path):
    config, weights, tokenizer = model_of("gpt2")
    write_gguf(tmp_path / "blob", config, weights, tokenizer)
    (tmp_path / "model.gguf").symlink_to("blob")
    assert read_gguf(tmp_path / "model.gguf").config == config
    (tmp_path / "loop.gguf").symlink_to("loop.gguf")
    with pytest.raises(MalformedFileError, match=r"loop\.gguf"):
        read_gguf(tmp_path / "loop.gguf")


def test_the_chat_template_comes_back_as_text(tmp_path):
    config, weights, tokenizer = model_of("llama")
    path = tmp_path / "model.gguf"
    for template in ("{{ messages }}<|im_start|>", None):
        write_gguf(path, config, weights, tokenizer, chat_template=template)
        assert read_gguf(path).chat_template == template
