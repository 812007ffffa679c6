"""Sound GGUF files of models that Weft cannot compute, or that contradict themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gguf_models import model_of

from weft.errors import MalformedFileError
from weft.formats import gguf_write
from weft.formats.gguf import read_gguf
from weft.formats.gguf_container import read_container
from weft.formats.gguf_names import Part, parts
from weft.formats.gguf_types import Q6_K
from weft.formats.model_files import ModelFiles

ABSENT = None


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Writes a file whose values and tensors are changed on the way, and reads it."""

    def write_and_read(arch: str, values: dict[str, Any], changed=None, weights=None) -> ModelFiles:
        config, model, tokenizer = model_of(arch, n_layer=1)
        original = gguf_write.tokenizer_values

        def tokenizer_values(*args: Any) -> dict[str, Any]:
            return {**original(*args), **values}

        header = gguf_write._header

        def without_absent(config: Any, kinds: Any, all_values: dict[str, Any]) -> bytes:
            return header(config, kinds, {k: v for k, v in all_values.items() if v is not ABSENT})

        monkeypatch.setattr(gguf_write, "tokenizer_values", tokenizer_values)
        monkeypatch.setattr(gguf_write, "_header", without_absent)
        if changed is not None:
            monkeypatch.setattr(gguf_write, "parts", lambda config: changed(list(parts(config))))
        path = tmp_path / "model.gguf"
        gguf_write.write_gguf(path, config, {**model, **(weights or {})}, tokenizer)
        return read_gguf(path)

    return write_and_read


VALUES = {
    "no architecture": ({"general.architecture": ABSENT}, "architecture None; .*; Weft reads gpt2"),
    "another one": ({"general.architecture": "mamba"}, "architecture 'mamba'"),
    "a part": ({"split.count": 3}, "one of several files of a model; .*; join them"),
    "no width": ({"llama.embedding_length": ABSENT}, "llama.embedding_length is None, not a whole"),
    "a width in words": ({"llama.embedding_length": "64"}, "embedding_length is '64', not a whole"),
    "true blocks": ({"llama.block_count": True}, "llama.block_count is True, not a whole"),
    "heads by layer": (
        {"llama.attention.head_count": np.array([4, 4], np.int32)}, "head_count is .* not a whole",
    ),
    "huge blocks": ({"llama.block_count": 2**31 - 1}, "2,147,483,647 blocks"),
    "huge context": ({"llama.context_length": 2**31 - 1}, "2,147,483,647 positions"),
    "no blocks": ({"llama.block_count": 0}, "its configuration cannot be: n_layer 0"),
    "odd heads": ({"llama.attention.head_count": 5}, "its configuration cannot be"),
    "no epsilon": ({"llama.attention.layer_norm_rms_epsilon": ABSENT}, "epsilon is None"),
    "epsilon of 0": ({"llama.attention.layer_norm_rms_epsilon": 0.0}, "norm_eps 0.0 is not in"),
    "epsilon of NaN": ({"llama.attention.layer_norm_rms_epsilon": float("nan")}, "norm_eps nan"),
    "two sizes of heads": ({"llama.attention.key_length": 32}, "heads of the sizes"),
    "scaled positions": ({"llama.rope.scaling.type": "yarn"}, "'llama.rope.scaling.type' is set"),
    "experts": ({"llama.expert_count": 8}, "'llama.expert_count' is set; .* does not compute"),
    "more blocks": ({"llama.block_count": 2}, "missing: 'blk.1.attn_norm.weight', .*"),
    "fewer tokens": ({"tokenizer.ggml.tokens": ["a"]}, "tokens does not name 300 tokens"),
    "no merges": ({"tokenizer.ggml.merges": ABSENT}, "merges is not an array of strings"),
    "a merge of three": ({"tokenizer.ggml.merges": ["a b c"]}, "merge 0 is 'a b c', not two"),
    "types in words": ({"tokenizer.ggml.token_type": "normal"}, "token_type is not an array"),
    "one type": ({"tokenizer.ggml.token_type": np.ones(1, np.int32)}, "has 1 of 300 entries"),
    "equal tokens": ({"tokenizer.ggml.tokens": ["!"] * 300}, "token '!' is there twice"),
}  # fmt: skip


@pytest.mark.parametrize("case", VALUES)
def test_values(written, case):
    values, message = VALUES[case]
    with pytest.raises(MalformedFileError, match=message):
        written("llama", values)


def test_gelu_that_is_unknown(written):
    with pytest.raises(MalformedFileError, match="unknown gelu 'erf'"):
        written("gpt2", {"weft.gelu": "erf"})


def test_tensors_missing_and_more(written):
    with pytest.raises(MalformedFileError, match=r"missing: 'blk\.0\.ffn_up\.weight'; "):
        written("llama", {}, lambda all: [p for p in all if p.name != "blk.0.ffn_up.weight"])


def test_tensors_that_are_not_known(written):
    extra = Part("rope_freqs.weight", "norm.weight", (64,))
    with pytest.raises(MalformedFileError, match=r"not known: 'rope_freqs\.weight'; "):
        written("llama", {}, lambda all: [*all, extra])


def test_at_most_ten_names(written):
    extra = [Part(f"x{n}", "norm.weight", (64,)) for n in range(15)]
    with pytest.raises(MalformedFileError, match=r"'x9' and 5 more; "):
        written("llama", {}, lambda all: [*all, *extra])


def test_shapes(written):
    def transposed(all):
        return [
            Part(p.name, p.source, p.shape[::-1]) if p.name == "blk.0.ffn_up.weight" else p
            for p in all
        ]

    up = np.ones((64, 192), np.float32)
    message = r"'blk\.0\.ffn_up\.weight' has the shape \(64, 192\), not \(192, 64\)"
    with pytest.raises(MalformedFileError, match=message):
        written("llama", {}, transposed, {"blocks.0.feed_forward.up.weight": up})


@pytest.mark.parametrize(
    "values, note",
    [
        ({"tokenizer.ggml.pre": "qwen2"}, "'gpt2' with the splitter 'qwen2'"),
        ({"tokenizer.ggml.pre": ABSENT}, "with the splitter 'default'"),
        ({"tokenizer.ggml.model": "llama"}, "'llama' with the splitter"),
        ({"tokenizer.ggml.model": ABSENT}, "not in the file"),
        ({"tokenizer.ggml.token_type": np.full(300, 4, np.int32)}, "tokens of type 4"),
    ],
)
def test_a_tokenizer_that_weft_has_not_leaves_the_weights(written, values, note):
    read = written("qwen3", values)
    assert read.tokenizer is None and len(read.notes) == 1 and note in read.notes[0]
    assert len(read.weights["norm.weight"]) == read.config.n_embd


@pytest.mark.parametrize("kind", ["f32", "bf16", "q8_0", "q4_0"])
def test_weights_that_are_not_finite(tmp_path, kind):
    config, model, tokenizer = model_of("llama", n_layer=1)
    path = tmp_path / "model.gguf"
    gguf_write.write_gguf(path, config, model, tokenizer, type=kind)
    place = read_container(path).tensors["output.weight"]
    data = bytearray(path.read_bytes())
    data[place.start : place.start + 4] = b"\xff\xff\xff\x7f"  # NaN in all four
    path.write_bytes(data)
    weights = read_gguf(path).weights
    assert np.isfinite(weights["embedding.weight"]).all()
    with pytest.raises(MalformedFileError, match=r"is NaN or infinite: head\.weight; .*model.gguf"):
        weights["head.weight"]
    if kind.startswith("q"):
        with pytest.raises(MalformedFileError, match=r"a scale is NaN or infinite: head\.weight; "):
            weights.quantized("head.weight")


def test_q6_k_as_llama_cpp_quantises_its_output_layers(tmp_path, monkeypatch):
    gguf = pytest.importorskip("gguf", reason="pip install gguf: llama.cpp's blocks in NumPy")
    config, model, tokenizer = model_of("gpt2", n_layer=1, n_embd=256)
    raw = np.random.default_rng(3).integers(0, 256, (config.vocab_size, 210), np.uint8)
    raw[:, -2:] = np.frombuffer(np.float16(0.001).tobytes(), np.uint8)
    kind, encode = gguf_write._kind, gguf_write.encode
    monkeypatch.setattr(
        gguf_write, "_kind",
        lambda part, wanted: Q6_K if part.name == "token_embd.weight" else kind(part, wanted),
    )  # fmt: skip
    monkeypatch.setattr(
        gguf_write, "encode", lambda t, kind: raw.reshape(-1) if kind == Q6_K else encode(t, kind)
    )
    path = tmp_path / "model.gguf"
    gguf_write.write_gguf(path, config, model, tokenizer, type="q4_0")
    read = read_gguf(path).weights
    theirs = gguf.quants.dequantize(raw, gguf.GGMLQuantizationType.Q6_K)
    np.testing.assert_array_equal(read["embedding.weight"], theirs)
    assert read.quantized("embedding.weight") is None
    assert read.quantized("blocks.0.attention.qkv.weight").bits == 4
