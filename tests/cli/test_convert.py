"""`weft convert`: what was written is read back and compared, in every format."""

import errno
import json

import numpy as np
import pytest
from tiny_model import LETTERS, save_run, tiny

import weft as package
from weft.checkpoint import durable
from weft.formats import hugging_face_write
from weft.inference import equality
from weft.inference.loading import load


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    model = tiny(seed=2)
    return save_run(tmp_path_factory.mktemp("convert") / "tiny", model).path


@pytest.mark.parametrize(
    ("target", "options"),
    [
        ("out", []),
        ("out", ["--to", "weft"]),
        ("model.gguf", []),
        ("ckpt.pt", []),
        ("folder", ["--to", "nanogpt"]),
    ],
)
def test_there_and_back_is_the_same_model(weft, run, tmp_path, target, options):
    ran = weft("convert", run, tmp_path / target, *options)
    assert ran.code == 0, ran.err
    first, second = ran.out.splitlines()
    assert first.startswith(f"wrote {tmp_path / target} (")
    other = " with approximate='none' in its GELU" if target in ("ckpt.pt", "folder") else ""
    assert second == f"verified: logits equal to those of {run} on 16 tokens{other}"
    again = weft("convert", tmp_path / target, tmp_path / "back", "--to", "weft")
    assert again.code == 0, again.err
    source, back = load(run), load(tmp_path / "back")
    assert back.config == source.config or target in ("ckpt.pt", "folder")
    for name in source.weights:
        np.testing.assert_array_equal(back.weights[name], source.weights[name])
    # The ids stay; GGUF has no tokenizer of characters: there they are byte pairs.
    assert back.tokenizer.encode(LETTERS) == source.tokenizer.encode(LETTERS)
    if not other:
        text = weft("generate", tmp_path / target, "once", "--max-tokens", 8)
        assert text.out == weft("generate", run, "once", "--max-tokens", 8).out


@pytest.mark.parametrize("target", ["out.gguf", "out.pt", "hf"])
@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"positions": "alibi"}, "positions alibi (only learned)"),
        ({"positions": "rotary"}, "positions rotary (only learned)"),
        ({"arch": "llama", "positions": "learned"}, "positions learned (only rotary)"),
        ({"window": 4}, "window 4 (only 0)"),
        ({"activation": "relu2"}, "activation relu2 (only gelu)"),
        ({"n_expert": 4}, "n_expert 4 (only 0)"),
    ],
)
def test_what_no_format_has_a_place_for(weft, tmp_path, target, options, says):
    run = save_run(tmp_path / "tiny", tiny(**options)).path
    to = ["--to", "hf"] if target == "hf" else []
    ran = weft("convert", run, tmp_path / target, *to)
    assert ran.code == 2 and says in ran.err
    assert not (tmp_path / target).exists()
    ran = weft("convert", run, tmp_path / "back", "--to", "weft")
    assert ran.code == 0, ran.err


@pytest.mark.parametrize("arch", ["gpt2", "llama", "qwen3"])
@pytest.mark.parametrize(
    ("target", "options", "precision"),
    [
        ("out", ["--type", "bf16"], "bf16"),
        ("out", ["--type", "f16"], "f16"),
        ("out.gguf", ["--type", "bf16"], "bf16"),
        ("out.gguf", ["--type", "q8_0"], "q8_0"),
        ("out.gguf", ["--quantize", "int4"], "q4_0"),
        ("out", ["--to", "weft", "--quantize", "int8"], "q8_0"),
        ("out", ["--quantize", "int4"], "q4_0"),
    ],
)
def test_rounded_weights_are_allowed_what_their_type_costs(
    weft, tmp_path, arch, target, options, precision
):
    model = tiny(arch, n_kv_head=2, intermediate_size=64)
    model = type(model)(model.model, model.tokenizer, model.config, tmp_path)
    source = save_run(tmp_path / "run", model).path
    ran = weft("convert", source, tmp_path / target, *options, "--json")
    assert ran.code == 0, ran.err
    values = ran.json
    assert values["verified"] and 0 < values["difference"] <= values["tolerance"] <= 0.7
    assert values["tolerance"] == min(0.7, 2 * equality.ROUNDING[precision] * 10**0.5)
    assert values["bytes"] > 0 and values["target"] == str(tmp_path / target)


def test_a_wrong_writer_is_found_out(weft, run, tmp_path, monkeypatch):
    """A square matrix that is not transposed passes every check of shapes."""
    whole = hugging_face_write._safetensors

    def wrong(config, table, weights, dtypes):
        turned = {n: a.T if "attention.out.weight" in n else a for n, a in weights.items()}
        return whole(config, table, turned, dtypes)

    monkeypatch.setattr(hugging_face_write, "_safetensors", wrong)
    ran = weft("convert", run, tmp_path / "out")
    assert ran.code == 1 and "not the same model: logits differ" in ran.error
    monkeypatch.setattr(hugging_face_write, "_safetensors", whole)
    ran = weft("convert", run, tmp_path / "good")
    assert ran.code == 0


def test_other_ids_are_found_out(run, tmp_path):
    source, other = load(run), load(run)
    assert equality.compare(source, other).equal
    letters = list(LETTERS)
    letters[3], letters[4] = letters[4], letters[3]
    other.tokenizer = type(source.tokenizer)(letters)
    found = equality.compare(source, other)
    assert found.difference == 0 and found.same_ids is False and not found.equal


def test_all_verbs_take_a_hugging_face_folder(weft, run, tmp_path):
    folder, text = tmp_path / "hf", tmp_path / "text.txt"
    text.write_text("once upon a time there was a model\n" * 3)
    assert weft("convert", run, folder).code == 0
    assert package.load(folder).generate("once", max_tokens=5)
    ours, theirs = (weft("eval", path, text, "--json").json for path in (run, folder))
    assert ours["loss"] == theirs["loss"]
    ours, theirs = (weft("info", path, "--json").json for path in (run, folder))
    assert ours["tensors"] == theirs["tensors"] and ours["config"] == theirs["config"]
    timed = weft("bench", "generate", folder, "--prompt-tokens", 4, "--max-tokens", 4, "--json")
    assert timed.json["decode_tokens_per_second"] > 0


def test_a_model_without_a_tokenizer(weft, run, tmp_path):
    folder = tmp_path / "hf"
    assert weft("convert", run, folder).code == 0
    (folder / "tokenizer.json").unlink()
    ran = weft("generate", folder, "once")
    assert ran.code == 2 and "the folder has no tokenizer" in ran.error
    ran = weft("info", folder)
    assert ran.code == 0 and "tokenizer" in ran.out and "no tokenizer" in ran.err
    ran = weft("convert", folder, tmp_path / "bare")
    assert ran.code == 0 and "none was written" in ran.err
    ran = weft("convert", folder, tmp_path / "ours", "--to", "weft")
    assert ran.code == 2 and "--tokenizer PATH" in ran.error
    tokenizer = run / "checkpoints" / "step-00000100" / "tokenizer.json"
    ran = weft("convert", folder, tmp_path / "ours", "--to", "weft", "--tokenizer", tokenizer)
    assert ran.code == 0 and weft("generate", tmp_path / "ours", "once").code == 0


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        ("out", ["--type", "q8_0"], "--to hf has no type q8_0"),
        ("out.pt", ["--type", "bf16"], "--to nanogpt has no type bf16"),
        ("out", ["--to", "hf", "--quantize", "int8"], "--to hf has no quantised weights"),
        ("out.gguf", ["--quantize", "int8", "--type", "f32"], "give one of them"),
        ("there", [], "something is there already"),
        ("there.gguf", [], "something is there already"),
        ("there.pt", [], "something is there already"),
        ("there", ["--to", "weft"], "something is there already"),
    ],
)
def test_wrong_usage(weft, run, tmp_path, target, options, message):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine").write_text("")
    for name in ("there.gguf", "there.pt"):
        (tmp_path / name).write_text("mine")
    ran = weft("convert", run, tmp_path / target, *options)
    assert ran.code == 2 and message in ran.error
    assert (tmp_path / "there.gguf").read_text() == "mine"


def test_overwriting(weft, run, tmp_path):
    for target in ("out", "out.gguf", "out.pt"):
        for _ in range(2):
            ran = weft("convert", run, tmp_path / target, "--overwrite")
            assert ran.code == 0, ran.err
    names = {p.name for p in tmp_path.iterdir()}
    assert names == {"out", "out.gguf", "out.pt", "meta.pkl"}


def test_a_malformed_source_is_code_3(weft, run, tmp_path):
    folder = tmp_path / "hf"
    assert weft("convert", run, folder).code == 0
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(values | {"n_head": 3}))
    ran = weft("convert", folder, tmp_path / "x")
    assert ran.code == 3 and "config.json" in ran.error


@pytest.mark.parametrize("target", ["out", "out.gguf"])
def test_a_full_disk_leaves_nothing_behind(weft, run, tmp_path, monkeypatch, target):
    def full(path, chunks):
        path.write_bytes(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(durable, "write_file", full)
    ran = weft("convert", run, tmp_path / target)
    assert ran.code == 1 and "No space left on device" in ran.error
    assert list(tmp_path.iterdir()) == []
