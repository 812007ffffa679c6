"""Folders that we write open in transformers with equal logits, ids and texts."""

# ruff: noqa: E402 (the peers are asked for first)
import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
import their_models as their
from safetensors.numpy import load_file

from weft.config import ModelConfig
from weft.errors import ConfigError, MalformedFileError
from weft.formats import read_model
from weft.formats.hugging_face_write import write_hugging_face
from weft.inference.loading import build
from weft.inference.tokens import forward
from weft.models import GPT
from weft.random import Generator
from weft.tokenizers import BPETokenizer, CharacterTokenizer

TEXT = "The theme of the thesis\n is 'the' theme; né 😀 x² it's\t\t"
SIZES = {"vocab_size": 300, "block_size": 24, "n_layer": 2, "n_head": 4, "n_embd": 32}
OURS = {
    "gpt2": {},
    "gpt2 without biases": {"bias": False},
    "gpt2 exact": {"gelu": "none", "tie_embeddings": False, "intermediate_size": 40},
    "llama": {"arch": "llama", "n_kv_head": 2, "rope_theta": 700.0, "norm_eps": 1e-3},
    "llama biases": {"arch": "llama", "bias": True, "tie_embeddings": True},
    "qwen3": {"arch": "qwen3", "n_kv_head": 1, "head_dim": 10},
}
BPE = BPETokenizer.train([TEXT * 3], 300)


def random_model(config):
    model = GPT(config, Generator(1)).eval()
    rng = np.random.default_rng(0)
    for name, p in model.named_parameters():
        centre = 1.0 if "norm" in name and name.endswith("weight") else 0.0
        p.array[...] = centre + 0.2 * rng.standard_normal(p.shape)
    return model


def weights_of(model):
    return {name: p.array for name, p in model.named_parameters()}


@pytest.mark.parametrize("kind", OURS)
def test_transformers_gives_our_logits_and_greedy_text(kind, tmp_path):
    config = ModelConfig(**SIZES, **OURS[kind])
    model = random_model(config)
    write_hugging_face(tmp_path / "out", config, weights_of(model), BPE)
    theirs, report = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path / "out", output_loading_info=True
    )
    assert not any(report.values()), report  # nothing missing, nothing left over
    tokens = their.tokens()
    expected = forward(model, tokens, None, None)
    found = their.logits(theirs, tokens)
    assert np.abs(found - expected).max() <= 2e-4 * np.abs(expected).max()
    ids, state, new = [5, 6], model.start(1), [5, 6]
    for _ in range(8):
        new = [int(forward(model, np.array([new]), state, None)[0, -1].argmax())]
        ids += new
    theirs.generation_config.eos_token_id = None
    assert their.greedy(theirs, [5, 6], 8) == ids[2:]


@pytest.mark.parametrize("kind", [k for k in their.KINDS if "scaled" not in k])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_there_and_back_keeps_every_byte(kind, dtype, tmp_path):
    import copy

    copy.deepcopy(their.model(kind)).to(dtype).save_pretrained(tmp_path / "in")
    files = read_model(tmp_path / "in")
    write_hugging_face(tmp_path / "out", files.config, files.weights, None)
    before = load_file(tmp_path / "in" / "model.safetensors")
    after = load_file(tmp_path / "out" / "model.safetensors")
    added = after.keys() - {name.removeprefix("transformer.") for name in before}
    assert all("mlp" in name and name.endswith("bias") for name in added)  # zeros
    for name, array in before.items():
        again = after[name.removeprefix("transformer.")]
        assert again.dtype == array.dtype and again.tobytes() == array.tobytes(), name
    again = read_model(tmp_path / "out")
    assert again.config == files.config


@pytest.mark.parametrize("type", ["f32", "bf16", "f16"])
def test_types(type, tmp_path):
    config = ModelConfig(**SIZES)
    model = random_model(config)
    write_hugging_face(tmp_path / "out", config, weights_of(model), BPE, type=type)
    files = read_model(tmp_path / "out")
    kinds = {"f32": "float32", "bf16": "bfloat16", "f16": "float16"}
    values = json.loads((tmp_path / "out" / "config.json").read_text())
    assert values["torch_dtype"] == kinds[type] and values["n_ctx"] == 24
    for name, array in weights_of(model).items():
        assert files.weights[name].dtype == kinds[type]
        np.testing.assert_array_equal(files.weights[name], array.astype(kinds[type]))


def test_a_number_too_large_for_the_type_is_an_error_and_leaves_nothing(tmp_path):
    config = ModelConfig(**SIZES)
    weights = weights_of(random_model(config))
    weights["norm.bias"][3] = 1e5
    with pytest.raises(ConfigError, match=r"too large for float16; norm\.bias; choose another"):
        write_hugging_face(tmp_path / "out", config, weights, BPE, type="f16")
    assert list(tmp_path.iterdir()) == []


TOKENIZERS = {
    "bpe": BPE,
    "bpe without the end": BPETokenizer.train([TEXT * 3], 290, special_tokens=()),
    "characters": CharacterTokenizer.train([TEXT]),
    "characters, unknown": CharacterTokenizer.train([TEXT], "<unk>", ["<|endoftext|>"]),
}


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_the_tokenizer_gives_the_same_ids_in_transformers(kind, tmp_path):
    tokenizer = TOKENIZERS[kind]
    config = ModelConfig(**SIZES)
    write_hugging_face(tmp_path / "out", config, weights_of(random_model(config)), tokenizer)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    assert len(theirs) == tokenizer.vocab_size
    for text in (TEXT, "x²", "the  the", " "):
        ids = theirs(text, add_special_tokens=True)["input_ids"]
        assert ids == tokenizer.encode(text)
        assert theirs.decode(ids) == text
    assert theirs.eos_token_id == tokenizer.end_of_text
    assert read_model(tmp_path / "out").tokenizer.hash == tokenizer.hash
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert ("merges.txt" in names) == kind.startswith("bpe")
    if kind.startswith("bpe"):
        (tmp_path / "out" / "tokenizer.json").unlink()
        assert read_model(tmp_path / "out").tokenizer.encode(TEXT) == tokenizer.encode(TEXT)


def test_a_qwen3_with_biases_in_its_mlp_has_no_class(tmp_path):
    config = ModelConfig(**SIZES, arch="qwen3", bias=True)
    with pytest.raises(ConfigError, match=r"no place for blocks\.0\.feed_forward\.up\.bias"):
        write_hugging_face(tmp_path / "out", config, weights_of(random_model(config)), None)


def test_a_folder_that_is_there_is_replaced_only_if_asked(tmp_path):
    config, path = ModelConfig(**SIZES), tmp_path / "out"
    weights = weights_of(random_model(config))
    path.mkdir()
    write_hugging_face(path, config, weights, None)
    with pytest.raises(ConfigError, match=r"something is there already; .*--overwrite"):
        write_hugging_face(path, config, weights, None)
    write_hugging_face(path, replace(config, gelu="none"), weights, None, overwrite=True)
    assert read_model(path).config.gelu == "none"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    (path / "mine").mkdir()
    with pytest.raises(ConfigError, match="replaces a model's folder of plain files only"):
        write_hugging_face(path, config, weights, None, overwrite=True)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ConfigError, match="plain files only"):
        write_hugging_face(tmp_path / "file", config, weights, None, overwrite=True)
    assert (tmp_path / "file").read_text() == "mine"


def test_not_finite_weights_are_not_written(tmp_path):
    path = their.save("gpt2", tmp_path / "in") / "model.safetensors"
    arrays = load_file(path)
    arrays["transformer.wpe.weight"][1, 2] = np.nan
    from safetensors.numpy import save_file

    save_file(arrays, path)
    files = read_model(tmp_path / "in")
    with pytest.raises(MalformedFileError, match=r"NaN or infinite: position\.weight"):
        write_hugging_face(tmp_path / "out", files.config, files.weights, None)
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


def test_forty_lines_of_numpy_give_the_same_logits(tmp_path):
    """Seed 1: a whole GPT-2 written out, on the weights of the folder."""
    config = ModelConfig(**SIZES)
    model = random_model(config)
    write_hugging_face(tmp_path / "out", config, weights_of(model), None)
    p = load_file(tmp_path / "out" / "model.safetensors")

    def normal(x, name):
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
        return scaled * p[f"{name}.weight"] + p[f"{name}.bias"]

    def linear(x, name):
        return x @ p[f"{name}.weight"] + p[f"{name}.bias"]

    def softmax(x):
        e = np.exp(x - x.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    def gelu(x):
        return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))

    def attend(x, name):
        rows = linear(x, f"{name}.c_attn")
        q, k, v = (t.reshape(len(x), 4, 8).swapaxes(0, 1) for t in np.split(rows, 3, axis=-1))
        hidden = np.triu(np.full((len(x), len(x)), -np.inf), 1)
        heads = softmax(q @ k.swapaxes(1, 2) / np.sqrt(8) + hidden) @ v
        return linear(heads.swapaxes(0, 1).reshape(len(x), 32), f"{name}.c_proj")

    def gpt2(ids):
        x = p["wte.weight"][ids] + p["wpe.weight"][: len(ids)]
        for i in range(2):
            x = x + attend(normal(x, f"h.{i}.ln_1"), f"h.{i}.attn")
            inner = gelu(linear(normal(x, f"h.{i}.ln_2"), f"h.{i}.mlp.c_fc"))
            x = x + linear(inner, f"h.{i}.mlp.c_proj")
        return normal(x, "ln_f") @ p["wte.weight"].T

    files = read_model(tmp_path / "out")
    ours = forward(build(files.config, files.weights), their.tokens(1), None, None)[0]
    expected = gpt2(their.tokens(1)[0])
    assert np.abs(ours - expected).max() <= 1e-5 * np.abs(expected).max()
