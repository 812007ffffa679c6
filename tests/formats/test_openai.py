"""OpenAI's layout: TensorFlow's own logits from TensorFlow's own files (golden/make_openai.py)."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from tensor_bundle import bundle

from weft.autograd import no_grad
from weft.config import ModelConfig
from weft.errors import MalformedFileError
from weft.formats import read_model
from weft.formats.openai import openai_name
from weft.formats.parameters import parameter_shapes
from weft.models import GPT
from weft.random import Generator

GOLDEN = Path(__file__).parent / "golden" / "openai"


@no_grad()
@pytest.mark.parametrize("path", [GOLDEN, GOLDEN / "model.ckpt.index"], ids=["folder", "index"])
def test_logits_are_tensorflows(path):
    files = read_model(path)
    assert files.format == "openai" and files.notes == () and files.config.gelu == "tanh"
    model = GPT(files.config, Generator(0)).eval()
    model.load_state_dict(dict(files.weights))
    expected = np.load(GOLDEN / "logits.npy")
    logits = model(np.load(GOLDEN / "tokens.npy")).array
    assert np.abs(logits - expected).max() <= 2e-4 * np.abs(expected).max()
    assert files.tokenizer.decode(files.tokenizer.encode("the thesis")) == "the thesis"
    assert files.tokenizer.vocab_size == files.config.vocab_size == 260


def test_matrices_are_views():
    weights = read_model(GOLDEN).weights
    weight = weights["blocks.10.feed_forward.up.weight"]
    assert weight.shape == (16, 4) and weight.flags.f_contiguous and not weight.flags.owndata


@pytest.fixture
def folder(tmp_path):
    """A copy of the golden folder, to be changed."""
    copy = tmp_path / "model"
    shutil.copytree(GOLDEN, copy)
    return copy


def refused(folder, message):
    with pytest.raises(MalformedFileError, match=message) as raised:
        dict(read_model(folder).weights)
    assert str(raised.value).isprintable() and "model" in str(raised.value)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("checkpoint", "model.ckpt", "../model.ckpt", r"'\.\./model.ckpt' is not in this folder"),
        ("checkpoint", "model.ckpt", "/etc/passwd", "'/etc/passwd' is not in this folder"),
        ("checkpoint", "model.ckpt", "..", r"'\.\.' is not in this folder"),
        ("checkpoint", "model.ckpt", "", "'' is not in this folder"),
        ("checkpoint", "model.ckpt", "a\x1b[31m", r"'a\\x1b\[31m' is not in this folder"),
        ("checkpoint", "model.ckpt", "other", "cannot read: No such file.*other.index"),
        ("checkpoint", ".*", "", "names no checkpoint"),
        ("hparams.json", '"n_ctx": 5', '"n_ctx": 6', r"'model/wpe' has the shape \(5, 4\)"),
        ("hparams.json", '"n_layer": 11', '"n_layer": 10', "not known: 'model/h10/ln_1/b'"),
        ("hparams.json", '"n_layer": 11', '"n_layer": 12', "missing: 'model/h11/ln_1/b'"),
        ("hparams.json", '"n_layer": 11', '"n_layer": 999999999', "layers in a file of"),
        ("hparams.json", '"n_layer": 11', '"n_layer": true', "n_layer must be a whole number"),
        ("hparams.json", '"n_head": 2', '"n_head": 3', "not divisible by n_head 3"),
        ("hparams.json", '"n_head": 2', '"n_head": 2, "x": 1', "missing or not known: 'x'"),
        ("hparams.json", '"n_head": 2, ', "", "missing or not known: 'n_head'"),
        ("hparams.json", '"n_head": 2', '"n_head": NaN', "not valid JSON"),
        ("hparams.json", '"n_head": 2', '"n_head": 2, "n_head": 2', "there twice"),
        ("encoder.json", '"the": 25[0-9]', '"thx": 999', "should have 0 to|thx"),
    ],
)
def test_wrong_folders(folder, name, old, new, message):
    text = (folder / name).read_text()
    changed = re.sub(old, new.replace("\\", r"\\"), text, flags=re.DOTALL if old == ".*" else 0)
    assert changed != text
    (folder / name).write_text(changed)
    refused(folder, message)


def test_altered_and_missing_data(folder):
    data = folder / "model.ckpt.data-00000-of-00002"
    sound = data.read_bytes()
    data.write_bytes(sound[:-1])
    refused(folder, "goes past the end of its data file 0")
    changed = bytearray(sound)
    changed[100] ^= 1
    data.write_bytes(changed)
    refused(folder, "is altered: its checksum is another")
    data.unlink()
    refused(folder, "cannot read: No such file")
    data.symlink_to("/etc/passwd")
    refused(folder, "cannot read: Too many levels of symbolic links")


def tiny(folder, change=lambda tensors: None):
    """A model of one layer with width 1, where a squeeze of all axes would go wrong."""
    hparams = {"n_vocab": 3, "n_ctx": 1, "n_embd": 1, "n_head": 1, "n_layer": 1}
    config = ModelConfig(vocab_size=3, block_size=1, n_embd=1, n_head=1, n_layer=1)
    tensors = {}
    for name, shape in parameter_shapes(config).items():
        stored = (1, *shape[::-1]) if len(shape) == 2 and "blocks" in name else shape
        tensors[openai_name(name)] = np.random.rand(*stored)
    change(tensors)
    index, data = bundle(tensors)
    folder.mkdir()
    (folder / "hparams.json").write_text(json.dumps(hparams))
    (folder / "checkpoint").write_text('model_checkpoint_path: "m"\n')
    (folder / "m.index").write_bytes(index)
    (folder / "m.data-00000-of-00001").write_bytes(data)
    return folder


def test_sides_of_length_one(tmp_path):
    files = read_model(tiny(tmp_path / "model"))
    assert files.weights["blocks.0.attention.out.weight"].shape == (1, 1)
    assert files.tokenizer is None and "no tokenizer" in files.notes[0]


def test_transposed_matrices_and_nan(tmp_path):
    def transpose(tensors):
        tensors["model/h0/mlp/c_fc/w"] = tensors["model/h0/mlp/c_fc/w"].transpose(0, 2, 1)

    message = r"'model/h0/mlp/c_fc/w' has the shape \(1, 4, 1\), not \(1, 1, 4\)"
    refused(tiny(tmp_path / "model", transpose), message)
    nan = tiny(tmp_path / "b_model", lambda t: t["model/h0/ln_1/g"].fill(np.nan))
    refused(nan, "NaN or infinite: blocks.0.norm_1.weight")
