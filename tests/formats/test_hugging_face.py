"""Folders that transformers wrote: equal logits, and every setting honoured or refused."""

import json
import math
import os
import re

import ml_dtypes
import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
import their_models as their  # noqa: E402
from safetensors.numpy import load_file, save_file  # noqa: E402

import weft  # noqa: E402
from weft.checkpoint import tensors  # noqa: E402
from weft.config import ModelConfig  # noqa: E402
from weft.errors import ConfigError, MalformedFileError  # noqa: E402
from weft.formats import read_model  # noqa: E402
from weft.formats.hugging_face_names import parameters  # noqa: E402
from weft.inference import load  # noqa: E402
from weft.inference.tokens import forward  # noqa: E402
from weft.tokenizers import BPETokenizer  # noqa: E402


def ours(path, tokens):
    return forward(load(path).model, tokens, None, None)


def check_logits(path, kind, tolerance=2e-4):
    """FORMATS: the largest difference within 2e-4 of the largest logit; the same argmax."""
    tokens = their.tokens()
    expected, found = their.logits(their.model(kind), tokens), ours(path, tokens)
    assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()
    assert (found.argmax(-1) == expected.argmax(-1)).all()


@pytest.mark.parametrize("kind", their.KINDS)
def test_logits_are_those_of_transformers(kind, tmp_path):
    check_logits(their.save(kind, tmp_path), kind)


@pytest.mark.parametrize("kind", ["gpt2", "llama", "qwen3 tied"])
def test_greedy_ids_are_those_of_transformers(kind, tmp_path):
    model = load(their.save(kind, tmp_path)).model
    ids = [3, 1, 4]
    expected = their.greedy(their.model(kind), ids, 12)
    state = model.start(1)
    found, new = [], ids
    for _ in range(12):
        new = [int(forward(model, np.array([new]), state, None)[0, -1].argmax())]
        found += new
    assert found == expected


@pytest.mark.parametrize("kind", ["gpt2", "llama", "qwen3"])
def test_shards(kind, tmp_path):
    their.save(kind, tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 2
    check_logits(tmp_path, kind)


@pytest.mark.parametrize("prefix", ["", "transformer.", "module.transformer.", "_orig_mod."])
def test_prefixes(prefix, tmp_path):
    path = their.save("gpt2", tmp_path) / "model.safetensors"
    arrays = {prefix + n.removeprefix("transformer."): a for n, a in load_file(path).items()}
    for layer in (0, 1):  # what older versions stored as well
        arrays[f"{prefix}h.{layer}.attn.bias"] = np.tril(np.ones((1, 1, 24, 24), np.uint8))
        arrays[f"{prefix}h.{layer}.attn.masked_bias"] = np.array(-1e4, np.float32)
    save_file(arrays, path)
    check_logits(tmp_path, "gpt2")


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, np.float16])
def test_half_precision_is_read_exactly(dtype, tmp_path):
    path = their.save("llama", tmp_path) / "model.safetensors"
    arrays = {n: a.astype(dtype) for n, a in load_file(path).items()}
    save_file(arrays, path)
    found = read_model(tmp_path).weights["blocks.1.feed_forward.up.weight"]
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, arrays["model.layers.1.mlp.up_proj.weight"])
    model = load(tmp_path).model
    np.testing.assert_array_equal(
        model.head.weight.array, arrays["lm_head.weight"].astype(np.float32)
    )


def test_weights_are_views_of_the_file(tmp_path):
    files = read_model(their.save("gpt2", tmp_path))
    matrix = files.weights["blocks.0.feed_forward.up.weight"]
    assert matrix.shape == (128, 32) and matrix.flags.f_contiguous  # stored (in, out)
    assert not matrix.flags.owndata and not matrix.flags.writeable
    assert list(files.weights) == [n for n, _ in load(tmp_path).model.named_parameters()]


def test_a_head_that_equals_the_embedding_is_dropped(tmp_path):
    path = their.save("gpt2", tmp_path) / "model.safetensors"
    arrays = load_file(path)
    save_file(arrays | {"lm_head.weight": arrays["transformer.wte.weight"]}, path)
    files = read_model(tmp_path)
    assert files.config.tie_embeddings and files.notes == ("the folder has no tokenizer",)
    save_file(arrays | {"lm_head.weight": arrays["transformer.wte.weight"] + 1}, path)
    files = read_model(tmp_path)
    assert not files.config.tie_embeddings and "untied" in files.notes[0]
    np.testing.assert_array_equal(
        files.weights["head.weight"], arrays["transformer.wte.weight"] + 1
    )


def test_no_head_means_the_embedding(tmp_path):
    path = their.save("llama", tmp_path) / "model.safetensors"
    arrays = load_file(path)
    del arrays["lm_head.weight"]
    save_file(arrays, path)
    files = read_model(tmp_path)
    assert files.config.tie_embeddings and "no lm_head.weight" in files.notes[0]


def test_a_model_without_a_tokenizer_says_so_in_one_line(tmp_path):
    loaded = weft.load(their.save("gpt2", tmp_path))
    assert not loaded.has_tokenizer and loaded.step == 0 and loaded.path == tmp_path
    with pytest.raises(ConfigError, match=r"the folder has no tokenizer; .*--tokenizer PATH"):
        loaded.generate("x")


def test_a_tokenizer_of_another_kind_is_a_note_and_a_damaged_one_an_error(tmp_path):
    path = their.save("gpt2", tmp_path) / "tokenizer.json"
    document = json.loads(BPETokenizer.train(["aaa"], 257, special_tokens=()).to_json())
    document["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": []}
    path.write_text(json.dumps(document))
    files = read_model(tmp_path)
    assert files.tokenizer is None
    assert "its tokenizer cannot be used: pre_tokenizer 'Sequence' is not" in files.notes[0]
    with pytest.raises(ConfigError, match="cannot read text: its tokenizer cannot be used"):
        load(tmp_path).generate("x")
    path.write_text(BPETokenizer.train(["aaa"], 257, special_tokens=()).to_json())
    refused(tmp_path, "the tokenizer has 257 tokens, the model 61")
    path.write_text(path.read_text()[:-9])
    refused(tmp_path, "tokenizer.json")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_both_precisions(precision, tmp_path):
    loaded = load(their.save("llama", tmp_path), precision=precision)
    assert str(loaded.model.blocks[0].attention.qkv.weight.dtype) == precision
    tokens = their.tokens()
    expected = their.logits(their.model("llama"), tokens)
    found = forward(loaded.model, tokens, None, loaded.dtype).astype(np.float32)
    assert np.abs(found - expected).max() <= 0.1 * np.abs(expected).max()


def test_the_hubs_own_cache_of_links_is_read(tmp_path):
    blobs, snapshot = tmp_path / "m" / "blobs", tmp_path / "m" / "snapshots" / "abc"
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    for file in their.save("gpt2", tmp_path / "saved").iterdir():
        os.rename(file, blobs / f"sha-{file.name}")
        os.symlink(blobs / f"sha-{file.name}", snapshot / file.name)
    check_logits(snapshot, "gpt2")


# ----- what is refused


def refused(path, message):
    with pytest.raises(MalformedFileError, match=message) as raised:
        load(path).model  # noqa: B018
    assert "\n" not in str(raised.value) and str(path) in str(raised.value)


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        ("gpt2", {"architectures": ["BertModel"]}, "architecture 'BertModel' is not supported; .*"
         "weft reads GPT2LMHeadModel, LlamaForCausalLM, Qwen3ForCausalLM"),
        ("gpt2", {"model_type": "mamba"}, "architecture 'mamba' is not supported"),
        ("gpt2", {"model_type": "llama"}, "architecture 'llama' is not supported"),
        ("gpt2", {"architectures": "GPT2LMHeadModel"}, "architectures is not a list"),
        ("gpt2", {"activation_function": "relu"}, "activation_function 'relu' is not supported; .*"
         "weft computes: gelu_new"),
        ("gpt2", {"add_cross_attention": True}, "add_cross_attention True is not supported"),
        ("gpt2", {"pruned_heads": {"0": [1]}}, "pruned_heads .* is not supported"),
        ("gpt2", {"auto_map": {"AutoModel": "x.py"}}, "auto_map: the folder has code of its own"),
        ("llama", {"quantization_config": {"bits": 4}}, "quantization_config: .*quantised"),
        ("gpt2", {"n_layer": 2**31 - 1}, "n_layer is 2,147,483,647, but there are only 28 tensors"),
        ("gpt2", {"n_layer": 3}, r"missing: h\.2\.attn\.c_attn\.bias, .* and 2 more"),
        ("gpt2", {"n_layer": 1}, r"not part of the model: transformer\.h\.1\..* and 2 more"),
        ("gpt2", {"n_layer": True}, "n_layer is True, not a whole number"),
        ("gpt2", {"n_embd": "32"}, "n_embd is '32', not a whole number"),
        ("gpt2", {"n_embd": 2**40}, "n_embd 1099511627776 is not in"),
        ("gpt2", {"n_head": 0}, "n_head 0 is not in"),
        ("gpt2", {"n_head": 5}, "n_embd 32 is not divisible by n_head 5"),
        ("gpt2", {"vocab_size": None}, "vocab_size is missing"),
        ("gpt2", {"vocab_size": 62}, r"wte.weight' is \(61, 32\), and should be \(62, 32\)"),
        ("gpt2", {"layer_norm_epsilon": 0}, "norm_eps 0.0 is not in"),
        ("llama", {"hidden_act": "gelu"}, "hidden_act 'gelu' is not supported"),
        ("llama", {"rope_parameters": {"rope_type": "llama3", "factor": 8.0}},
         "rope_type 'llama3' is not supported"),
        ("llama", {"rope_scaling": {"type": "linear", "factor": 2.0}}, "type 'linear' is not supp"),
        ("llama", {"rope_scaling": [1]}, "rope_scaling is .1., not an object"),
        ("llama", {"max_position_embeddings": 2**31 - 1}, "max_position_embeddings is 2147483647"),
        ("llama", {"head_dim": 12}, "head_dim 12 x n_head 4 is not n_embd 32"),
        ("llama", {"num_key_value_heads": 3}, "n_head 4 is not divisible by n_kv_head 3"),
        ("qwen3", {"use_sliding_window": True}, "use_sliding_window True is not supported"),
        ("qwen3", {"layer_types": ["sliding_attention"] * 2}, "layer_types has others"),
    ],
)  # fmt: skip
def test_settings(kind, values, message, tmp_path):
    their.change_config(their.save(kind, tmp_path), **values)
    refused(tmp_path, message)


def damaged_weights(path, change):
    arrays = load_file(path / "model.safetensors")
    change(arrays)
    save_file(arrays, path / "model.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.pop("transformer.wpe.weight"), r"missing: wpe\.weight"),
        (lambda a: a.update(extra=a["transformer.wpe.weight"]), "not part of the model: extra"),
        (lambda a: a.update({"wpe.weight": a["transformer.wpe.weight"]}), "are the same"),
        (lambda a: a.update({"x\x1b[31m\n": np.zeros(1)}), r"not part of the model: x\\x1b\[31m"),
        (lambda a: a.update({"n" * 10**6: np.zeros(1)}), "not part of the model: n{80};"),
        (lambda a: a.update({f"extra.{i}": np.zeros(1) for i in range(50)}), "and 40 more"),
        (lambda a: a.update({"transformer.wpe.weight": np.zeros((24, 32), np.int8)}),
         "'transformer.wpe.weight' is of type int8, not float32, bfloat16, float16"),
        (lambda a: a.update({"transformer.wpe.weight": np.zeros((24, 32))}), "is of type float64"),
        (lambda a: a.update({"transformer.ln_f.bias": np.zeros((1, 32), np.float32)}),
         r"'transformer.ln_f.bias' is \(1, 32\), and should be \(32,\)"),
        (lambda a: a.update({"transformer.h.1.attn.c_attn.weight": np.zeros((96, 32), np.float32)}),
         r"c_attn.weight' is \(96, 32\) \(a Linear's: GPT-2 has Conv1D\), and should be"),
        (lambda a: a["transformer.h.1.mlp.c_fc.weight"].__setitem__((3, 4), np.nan),
         r"NaN or infinite: blocks\.1\.feed_forward\.up\.weight; transformer\.h\.1\.mlp\.c_fc\.wei"
         r"ght in .*model\.safetensors"),
        (lambda a: a["transformer.ln_f.bias"].__setitem__(3, -np.inf), "infinite: norm.bias"),
    ],
    ids=range(12),
)  # fmt: skip
def test_tensors(change, message, tmp_path):
    damaged_weights(their.save("gpt2", tmp_path), change)
    refused(tmp_path, message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.update({"x": "../model-00001-of-00005.safetensors"}), "is not the name of a"),
        (lambda m: m.update({"x": "/etc/passwd"}), "shard '/etc/passwd' is not the name of a file"),
        (lambda m: m.update({"x": "a\0.safetensors"}), r"shard 'a\\x00.safetensors' is not the"),
        (lambda m: m.update({"x": "..safetensors"}), "is not the name of a file"),
        (lambda m: m.update({"x": "gone.safetensors"}), "no such file: gone.safetensors"),
        (lambda m: m.update({"x": 7}), "weight_map is not an object of tensor: file"),
        (lambda m: m.update({"x": min(m.values())}), "disagree about x"),
        (lambda m: m.pop("transformer.wpe.weight"), "disagree about transformer.wpe.weight"),
        (lambda m: m.clear(), "missing: h.0.attn"),
    ],
    ids=range(9),
)  # fmt: skip
def test_an_index_that_lies(change, message, tmp_path):
    their.save("gpt2", tmp_path, max_shard_size="20KB")
    path = tmp_path / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    change(index["weight_map"])
    path.write_text(json.dumps(index))
    if "missing" in message:
        message = "only 0 tensors|missing"
    refused(tmp_path, message)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_link_out_of_the_folder_is_refused(name, tmp_path):
    folder = their.save("gpt2", tmp_path / "model")
    os.rename(folder / name, tmp_path / name)
    os.symlink(tmp_path / name, folder / name)
    refused(folder, "is a link out of the folder")
    os.unlink(folder / name)
    os.symlink(folder / name, folder / name)  # a loop
    with pytest.raises((MalformedFileError, ConfigError)):
        load(folder)


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_half_a_folder(missing, tmp_path):
    (their.save("gpt2", tmp_path) / missing).unlink()
    refused(tmp_path, f"no (such file: )?{re.escape(missing)}")


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_the_older_format_of_weights(kind, tmp_path):
    (their.save(kind, tmp_path) / "model.safetensors").unlink()
    torch.save(their.model(kind).state_dict(), tmp_path / "pytorch_model.bin")
    check_logits(tmp_path, kind)


def test_pickles_that_call_something_are_refused(tmp_path):
    (their.save("gpt2", tmp_path) / "model.safetensors").unlink()
    torch.save({"x": os.system}, tmp_path / "pytorch_model.bin")
    with pytest.raises(MalformedFileError, match="system"):
        load(tmp_path)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"a": NaN}', '{"a": 1, "a": 2}', "[" * 10**5, '{"n_embd": 1e400}',
     '{"a": ' * 10**5, "9" * 10**4, '{"\ud800": 1}', " " * (2 << 20)],
    ids=range(12),
)  # fmt: skip
def test_config_that_is_no_json(text, tmp_path):
    their.save("gpt2", tmp_path)
    (tmp_path / "config.json").write_bytes(text.encode(errors="surrogatepass"))
    refused(tmp_path, ".")


def resident(kind="VmRSS"):
    """Bytes of this process in memory, now or (VmHWM) at most."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith(kind))


@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="needs Linux's /proc")
def test_opening_reads_the_header_and_reading_all_keeps_little_in_memory(tmp_path):
    """R8: a file of 500 MB is mapped, not read; one pass over all weights leaves little of it."""
    sizes = {"vocab_size": 20_000, "n_embd": 1024, "n_layer": 8, "n_head": 8, "n_positions": 64}
    config = {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", **sizes}
    (tmp_path / "config.json").write_text(json.dumps(config))
    described = ModelConfig(block_size=64, **{n: v for n, v in sizes.items() if n[:3] != "n_p"})
    specs = {
        theirs: (np.dtype(np.float32), p.part_shape(rows))
        for p in parameters(described)
        for theirs, rows in p.parts
    }
    header = next(tensors.encode_lazily(specs, lambda name: np.zeros(0)))
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.write(header)
        file.truncate(len(header) + sum(4 * math.prod(shape) for _, shape in specs.values()))
        assert file.seek(0, 2) > 460 << 20  # zeros, on no disk
    before = resident()
    files = read_model(tmp_path)
    assert resident() - before < 1 << 20
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak from here on
    for name in files.weights:
        assert not files.weights[name].any()
    largest = 20_000 * 1024 * 4
    assert resident("VmHWM") - before < largest + (64 << 20)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_what_is_no_plain_file_is_refused_and_nothing_waits(name, tmp_path):
    path = their.save("gpt2", tmp_path) / name
    for make in (os.mkfifo, os.mkdir, lambda p: p.write_bytes(b"")):
        path.rmdir() if path.is_dir() else path.unlink()
        make(path)
        refused(tmp_path, re.escape(name))


def test_a_sparse_file_of_a_terabyte_costs_nothing(tmp_path):
    path = their.save("gpt2", tmp_path) / "model.safetensors"
    os.truncate(path, 1 << 40)
    refused(tmp_path, "bytes of tensors, .* in the file")
    path.write_bytes((1 << 63).to_bytes(8, "little"))
    os.truncate(path, 1 << 40)
    refused(tmp_path, "the header of 9223372036854775808 bytes does not fit")


def test_the_chat_template_is_read_and_not_run(tmp_path):
    import json

    from weft.formats.hugging_face import read_chat_template

    assert read_chat_template(tmp_path) == (None, [])
    settings = tmp_path / "tokenizer_config.json"
    for stored, found in (
        ("{{ messages }}", "{{ messages }}"),
        ([{"name": "tools", "template": "a"}, {"name": "default", "template": "b"}], "b"),
        ([{"name": "tools", "template": "a"}], None),
        (5, None),
    ):
        settings.write_text(json.dumps({"chat_template": stored}))
        assert read_chat_template(tmp_path) == (found, [])
    settings.write_text("{")
    found, (note,) = read_chat_template(tmp_path)
    assert found is None and note.startswith("its chat template cannot be read: not valid JSON")
    (tmp_path / "chat_template.jinja").write_text("<|im_start|>")
    assert read_chat_template(tmp_path) == ("<|im_start|>", [])
