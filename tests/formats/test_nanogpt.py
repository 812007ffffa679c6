"""nanoGPT's checkpoints: PyTorch's logits out of PyTorch's files, and back into PyTorch."""

import pickle
import random
import struct
import zipfile

import numpy as np
import pytest
from mutate import Hints, attack, mutations, truncations

from weft.autograd import no_grad
from weft.config import ModelConfig
from weft.errors import ConfigError, MalformedFileError
from weft.formats import read_model
from weft.formats.nanogpt import read_nanogpt, write_nanogpt
from weft.formats.parameters import parameter_shapes
from weft.models import GPT
from weft.random import Generator
from weft.tokenizers import CharacterTokenizer

torch = pytest.importorskip("torch")
from small_nanogpt import Config, SmallGPT, checkpoint  # noqa: E402

LETTERS = "\nabcdefghijklmnopqrstuvwxyz"
VARIANTS = {
    "plain": {},
    "no bias": {"bias": False},
    "odd sizes": {"n_head": 3, "n_embd": 9, "vocab_size": 31, "n_layer": 11},
    "one position": {"block_size": 1, "n_layer": 1, "n_head": 1, "n_embd": 2},
}


@pytest.fixture
def saved(tmp_path):
    """Saves a random model as nanoGPT would, after `change`, and gives (path, model)."""

    def save(change=lambda value: None, options=None, **torch_options):
        config = Config(**(options or {}))
        model = SmallGPT(config)
        value = checkpoint(config, model)
        change(value)
        torch.save(value, tmp_path / "ckpt.pt", **torch_options)
        return tmp_path / "ckpt.pt", model

    return save


def write_meta(folder, characters=LETTERS):
    meta = {
        "vocab_size": len(characters),
        "itos": dict(enumerate(characters)),
        "stoi": {c: i for i, c in enumerate(characters)},
    }
    (folder / "meta.pkl").write_bytes(pickle.dumps(meta))


def built(files) -> GPT:
    model = GPT(files.config, Generator(0)).eval()
    model.load_state_dict(dict(files.weights))
    return model


@no_grad()
def assert_equal_logits(files, model):
    T, V = files.config.block_size, files.config.vocab_size
    tokens = np.random.default_rng(0).integers(0, V, (3, T))
    expected = model(torch.from_numpy(tokens)).numpy()
    # float32, 2e-4 of the largest: docs of the formats
    assert np.abs(built(files)(tokens).array - expected).max() <= 2e-4 * np.abs(expected).max()


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_logits_are_pytorchs(saved, options, zipped):
    path, model = saved(options=options, _use_new_zipfile_serialization=zipped)
    files = read_model(path)
    assert files.format == "nanogpt" and files.config.gelu == "none"
    assert files.config.bias == options.get("bias", True) and files.config.tie_embeddings
    assert {name: array.shape for name, array in files.weights.items()} == parameter_shapes(
        files.config
    )
    assert_equal_logits(files, model)


def test_half_precision(saved):
    path, model = saved(lambda value: value["model"].update(SmallGPT(Config()).half().state_dict()))
    files = read_model(path.parent)
    assert files.weights["norm.weight"].dtype == np.float16
    half = model.state_dict()["transformer.h.1.mlp.c_fc.weight"].half().numpy()
    assert np.array_equal(files.weights["blocks.1.feed_forward.up.weight"], half)


def test_names_of_compiled_and_old_models(saved):
    def change(value):
        state = value["model"]
        state["transformer.h.0.attn.bias"] = torch.ones(1, 1, 16, 16).tril()
        value["model"] = {"_orig_mod." + name: tensor for name, tensor in state.items()}
        del value["model_args"]["bias"], value["model_args"]["dropout"]

    path, model = saved(change)
    assert_equal_logits(read_model(path), model)


@pytest.mark.parametrize("how", ["absent", "equal", "different"])
def test_the_output_layer(saved, how):
    def change(value):
        head = value["model"].pop("lm_head.weight")
        if how != "absent":
            value["model"]["lm_head.weight"] = head.clone() * (1 if how == "equal" else 2)

    files = read_model(saved(change)[0])
    assert files.config.tie_embeddings == (how != "different")
    assert any("untied" in note for note in files.notes) == (how == "different")
    if how == "different":
        assert np.array_equal(files.weights["head.weight"], 2 * files.weights["embedding.weight"])


def test_the_alphabet_beside_it(saved):
    path, _ = saved()
    assert read_model(path).tokenizer is None
    assert "no tokenizer: put the meta.pkl" in " ".join(read_model(path).notes)
    write_meta(path.parent)
    tokenizer = read_model(path).tokenizer
    assert tokenizer.encode("hello\n") == [LETTERS.index(c) for c in "hello\n"]
    other = path.parent / "other"
    other.mkdir()
    write_meta(other, LETTERS[::-1])
    tokenizer = read_nanogpt(path, meta=other / "meta.pkl").tokenizer
    assert tokenizer.decode([0, 1]) == "zy"


def test_gpt2s_tokenizer_beside_it(saved, tmp_path, gpt2_folder):
    path, _ = saved(options={"vocab_size": 50304, "n_embd": 4, "n_layer": 1})
    assert "put GPT-2's encoder.json" in " ".join(read_model(path).notes)
    for name in ("encoder.json", "vocab.bpe"):
        (tmp_path / name).write_bytes((gpt2_folder / name).read_bytes())
    files = read_model(path)
    assert files.tokenizer.vocab_size == 50257 and files.config.vocab_size == 50304


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ({"itos": {0: "a", 2: "b"}, "stoi": {"a": 0, "b": 2}}, "itos has no id 1"),
        ({"itos": {0: "ab"}, "stoi": {"ab": 0}}, "id 0 is 'ab', not one character"),
        ({"itos": {0: "\ud800"}, "stoi": {"\ud800": 0}}, "not one character"),
        ({"itos": {0: "a"}, "stoi": {"a": 1}}, "disagree about 'a'"),
        ({"itos": {0: "a"}, "stoi": {"a": 0, "b": 1}}, "1 and 2 characters for a model of 27"),
        ({"itos": ["a"], "stoi": {"a": 0}}, "not two dicts"),
        ([1], "not two dicts"),
        (dict(itos=dict(enumerate(map(chr, range(99)))),
              stoi={chr(i): i for i in range(99)}), "99 and 99 characters for a model of 27"),
        (print, "builtins.print"),
    ],
)  # fmt: skip
def test_alphabets_that_are_none(saved, meta, message):
    path, _ = saved()
    (path.parent / "meta.pkl").write_bytes(pickle.dumps(meta))
    with pytest.raises(MalformedFileError, match=f"{message}.*meta.pkl"):
        read_model(path)


@pytest.mark.parametrize("bias", [True, False])
def test_written_and_opened_by_pytorch(tmp_path, bias):
    config = ModelConfig(
        vocab_size=30, block_size=8, n_layer=2, n_head=2, n_embd=8, bias=bias, gelu="none"
    )
    weights = {n: p.array for n, p in GPT(config, Generator(4)).named_parameters()}
    notes = write_nanogpt(tmp_path / "out", config, weights, CharacterTokenizer.train([LETTERS]))
    assert notes == ("copy meta.pkl to data/weft/ of nanoGPT",)
    value = torch.load(tmp_path / "out" / "ckpt.pt", weights_only=True)
    model = SmallGPT(Config(**value["model_args"]))
    model.load_state_dict(value["model"])
    head = value["model"]["lm_head.weight"]
    assert head.data_ptr() == value["model"]["transformer.wte.weight"].data_ptr()
    with zipfile.ZipFile(tmp_path / "out" / "ckpt.pt") as archive:
        assert archive.testzip() is None
    files = read_model(tmp_path / "out")
    assert_equal_logits(files, model)
    assert files.config == config and list(files.weights) == list(weights)
    for name, array in files.weights.items():
        assert array.tobytes() == weights[name].tobytes(), name
    meta = pickle.loads((tmp_path / "out" / "meta.pkl").read_bytes())
    assert meta["vocab_size"] == 27 and meta["stoi"]["z"] == 26 and meta["itos"][0] == "\n"
    assert files.tokenizer.to_json() == CharacterTokenizer.train([LETTERS]).to_json()


def test_from_nanogpt_to_nanogpt(saved, tmp_path):
    path, model = saved()
    files = read_model(path)
    write_nanogpt(tmp_path / "again.pt", files.config, files.weights, None)
    again = torch.load(tmp_path / "again.pt", weights_only=True)["model"]
    assert again.keys() == model.state_dict().keys()
    for name, tensor in model.state_dict().items():
        assert torch.equal(again[name], tensor), name


@pytest.mark.parametrize(
    "options", [{"arch": "llama"}, {"tie_embeddings": False}, {"norm_eps": 1e-6}]
)
def test_what_nanogpt_cannot_be(tmp_path, options):
    config = ModelConfig(vocab_size=8, n_layer=1, n_head=1, n_embd=4, **options)
    with pytest.raises(ConfigError, match="nanoGPT has no place for"):
        write_nanogpt(tmp_path / "a.pt", config, {}, None)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(saved):
    path, _ = saved()
    before = path.read_bytes()
    files = read_model(path)
    with pytest.raises(ConfigError, match="there is one already"):
        write_nanogpt(path, files.config, files.weights, None)
    assert path.read_bytes() == before and len(list(path.parent.iterdir())) == 1


def test_the_tanh_formula_is_said(tmp_path):
    config = ModelConfig(vocab_size=8, n_layer=1, n_head=1, n_embd=4)
    weights = {n: p.array for n, p in GPT(config, Generator(4)).named_parameters()}
    assert write_nanogpt(tmp_path, config, weights, None) == (
        "nanoGPT computes the exact GELU, not tanh",
    )


def wrong(path, message):
    with pytest.raises(MalformedFileError, match=message) as raised:
        files = read_model(path)
        dict(files.weights)
    assert "ckpt.pt" in str(raised.value) and str(raised.value).isprintable()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.pop("model_args"), "no checkpoint of nanoGPT"),
        (lambda v: v["model_args"].pop("n_head"), "model_args without all of"),
        (lambda v: v["model_args"].update(n_layer=2**31 - 1), "layers in a file of"),
        (lambda v: v["model_args"].update(n_layer=2**40), "its sizes cannot be: n_layer"),
        (lambda v: v["model_args"].update(n_head=3), "not divisible by n_head 3"),
        (lambda v: v["model_args"].update(n_embd="16"), "n_embd must be a whole number"),
        (lambda v: v["model_args"].update(bias=False), "tensors not known: .*bias"),
        (lambda v: v["model_args"].update(block_size=17), r"wpe.weight' has the shape \(16, 16\)"),
        (lambda v: v["model"].pop("transformer.h.0.ln_1.weight"), "missing: 'transformer.h.0.ln_1"),
        (lambda v: v["model"].update(x=torch.ones(1)), "tensors not known: 'x'"),
        (lambda v: v["model"].update({"x\n\x1b[31m": torch.ones(1)}), r"known: 'x\\n\\x1b"),
        (lambda v: v["model"].update({"../" * 400: torch.ones(1)}), r"known: '\.\./"),
        (lambda v: v["model"].update(x="text"), "'x' is a str, not a tensor"),
        (lambda v: v["model"].update({"_orig_mod.lm_head.weight": torch.ones(1)}), "prefix"),
        (lambda v: v["model"]["transformer.ln_f.bias"].fill_(np.nan), "NaN.*norm.bias"),
        (lambda v: v["model"].update({"transformer.ln_f.bias": torch.ones(16).double()}),
         "'transformer.ln_f.bias' is of float64"),
        (lambda v: v["model"].update({"transformer.ln_f.bias": torch.ones(16, 1)}),
         r"'transformer.ln_f.bias' has the shape \(16, 1\), not \(16,\)"),
        (lambda v: v["model"].update({"transformer.ln_f.bias": torch.ones(16).to(
            torch.float8_e4m3fn)}), "_rebuild_tensor_v3|Float8"),
        (lambda v: v.update(config=Config), "a pickle with the name .*Config"),
    ],
)  # fmt: skip
def test_wrong_checkpoints(saved, change, message):
    wrong(saved(change)[0], message)


def hints_of(data: bytes) -> Hints:
    """Counts and sizes of the zip's directory and of the pickle."""
    with zipfile.ZipFile(__import__("io").BytesIO(data)) as archive:
        infos = archive.infolist()
    start = struct.unpack("<I", data[-6:-2])[0]
    integers = [(len(data) - 22 + at, size) for at, size in ((8, 2), (10, 2), (12, 4), (16, 4))]
    place, boundaries = start, [start]
    for info in infos:
        integers += [(place + at, size) for at, size in ((10, 2), (20, 4), (24, 4), (28, 2))]
        integers += [(place + at, size) for at, size in ((30, 2), (42, 4))]
        integers += [(info.header_offset + at, 2) for at in (26, 28)]
        place += 46 + len(info.filename.encode())
        boundaries += [info.header_offset, place]
    first = infos[0].header_offset + 30 + len(infos[0].filename)
    pickle_end = first + infos[0].file_size
    integers += [(at, size) for at in range(first, pickle_end, 3) for size in (1, 4)]
    return Hints(integers, (), boundaries)


def tiny_file(folder) -> bytes:
    config = ModelConfig(vocab_size=5, block_size=2, n_layer=1, n_head=1, n_embd=2, gelu="none")
    weights = {n: p.array for n, p in GPT(config, Generator(4)).named_parameters()}
    write_nanogpt(folder / "ckpt.pt", config, weights, None)
    return (folder / "ckpt.pt").read_bytes()


def attacked(folder, files, count) -> int:
    path = folder / "ckpt.pt"
    return attack(lambda: dict(read_model(path).weights), path, files, count)


def test_cut_anywhere(tmp_path):
    data = tiny_file(tmp_path)
    ends = [data[:end] for end in range(0, len(data), 41)]
    assert attacked(tmp_path, iter(ends), len(ends)) == 0


def test_malformed_files(tmp_path):
    data = tiny_file(tmp_path)
    assert attacked(tmp_path, mutations(data, random.Random(1), hints_of(data)), 300) < 250


@pytest.mark.slow
def test_ten_thousand_malformed_files(tmp_path):
    data = tiny_file(tmp_path)
    hints = hints_of(data)
    assert attacked(tmp_path, mutations(data, random.Random(2), hints), 10_000) < 8_000
    cut = list(truncations(data, hints))
    assert attacked(tmp_path, iter(cut), len(cut)) == 0
