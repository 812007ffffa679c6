"""The model of "Coding GPT from scratch": Keras's own logits from its files (golden/make_keras.py).

The golden files are packed, as HDF5 is mostly empty.
"""

import builtins
import gzip
from pathlib import Path

import numpy as np
import pytest
from mutate import attack, truncations

from weft.autograd import no_grad
from weft.config import ModelConfig
from weft.errors import ConfigError, MalformedFileError
from weft.formats import read_model
from weft.formats.parameters import parameter_shapes
from weft.formats.writing import Target, write_model
from weft.inference import LoadedModel
from weft.models import GPT
from weft.random import Generator
from weft.tokenizers import CharacterTokenizer

h5py = pytest.importorskip("h5py", reason='pip install "weft[h5]"')

GOLDEN = Path(__file__).parent / "golden" / "keras"
LAYOUTS = {"Keras 2": "gpt_model_weights.h5", "Keras 3": "gpt.weights.h5"}


@pytest.fixture(params=LAYOUTS.values(), ids=LAYOUTS)
def path(request, tmp_path):
    file = tmp_path / request.param
    file.write_bytes(gzip.decompress((GOLDEN / f"{request.param}.gz").read_bytes()))
    return file


def built(files) -> GPT:
    model = GPT(files.config, Generator(0)).eval()
    model.load_state_dict(dict(files.weights))
    return model


@no_grad()
def test_logits_are_keras(path):
    files = read_model(path)
    assert files.format == "keras" and files.config.activation == "relu"
    assert files.tokenizer is None and "open only what you trust" in files.notes[1]
    shapes = {name: array.shape for name, array in files.weights.items()}
    assert shapes == parameter_shapes(files.config) and files.config.n_layer == 11
    expected = np.load(GOLDEN / f"{path.name}.logits.npy")
    logits = built(files)(np.load(GOLDEN / "tokens.npy")).array
    assert np.abs(logits - expected).max() <= 2e-4 * np.abs(expected).max()


def test_it_generates_and_goes_nowhere_else(path, tmp_path):
    files = read_model(path)
    tokenizer = CharacterTokenizer.train(["abcdefg"])
    model = built(files)
    loaded = LoadedModel(model, tokenizer, files.config, path)
    assert len(loaded.generate("ab", max_tokens=4)) == 4  # with a cache, past the definition
    for format in ("hf", "gguf", "nanogpt"):
        target = Target.of(tmp_path / f"out-{format}", format)
        with pytest.raises(ConfigError, match=f"--to {format} has no place for activation relu"):
            write_model(target, files.config, files.weights, tokenizer)
    with pytest.raises(ConfigError, match="arch llama has a gated MLP"):
        ModelConfig(vocab_size=3, arch="llama", activation="relu")


def test_a_model_with_relu_can_be_trained():
    config = ModelConfig(
        vocab_size=5, block_size=4, n_layer=1, n_head=1, n_embd=4, activation="relu"
    )
    model = GPT(config, Generator(1))
    model.loss(np.array([[1, 2, 3]]), np.array([[2, 3, 4]])).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and np.isfinite(parameter.grad.array).all(), name


def test_without_h5py(path, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "h5py":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r'pip install "weft\[h5\]"') as raised:
        read_model(path)
    assert raised.value.exit_code == 2


def dataset(file, ending):
    """The path of the first dataset with this ending."""
    found = []
    file.visititems(
        lambda name, item: (
            found.append(name) if isinstance(item, h5py.Dataset) and name.endswith(ending) else None
        )
    )
    return found[0]


def replace(file, name, data=None, **options):
    old = file[name][()]
    del file[name]
    file.create_dataset(name, data=old if data is None else data, **options)


def alter(path, change):
    """Change the first block's down bias: `change(file, its name)`."""
    ending = "net/layers/dense_1/vars/1" if path.name == LAYOUTS["Keras 3"] else "dense_8/bias:0"
    with h5py.File(path, "r+") as file:
        change(file, dataset(file, ending))


def nan(file, name):
    file[name][2] = np.nan


def link(file, name, target):
    del file[name]
    file[name] = target


def virtual(file, name):
    layout = h5py.VirtualLayout((8,), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (8,))
    del file[name]
    file.create_virtual_dataset(name, layout)


def external(file, name):
    del file[name]
    file.create_dataset(name, (8,), "f4", external=[("/etc/passwd", 0, 32)])


def bomb(file, name):
    del file[name]
    file.create_dataset(name, (2**40,), "f4", chunks=(2**20,), compression="gzip")


CHANGES = {
    "missing": (lambda f, n: f.__delitem__(n), "is missing"),
    "a group": (lambda f, n: (f.__delitem__(n), f.create_group(n)), "is no dataset"),
    "a soft link": (lambda f, n: link(f, n, h5py.SoftLink("/x")), "is missing|is a link"),
    "a link inside": (
        lambda f, n: link(f, n, h5py.SoftLink("/" + dataset(f, ""))),
        "is a link, which is not followed",
    ),
    "another file": (
        lambda f, n: link(f, n, h5py.ExternalLink("/etc/passwd", "/x")),
        "is a link|missing|not readable as HDF5",
    ),
    "external numbers": (external, "compressed, or not in this file"),
    "virtual": (virtual, "compressed, or not in this file"),
    "a bomb": (bomb, "compressed, or not in this file"),
    "compressed": (lambda f, n: replace(f, n, compression="gzip"), "compressed"),
    "doubles": (lambda f, n: replace(f, n, np.zeros(8)), "is of float64"),
    "integers": (lambda f, n: replace(f, n, np.zeros(8, "i4")), "is of int32"),
    "too long": (lambda f, n: replace(f, n, np.zeros(9, "f4")), r"shape \(9,\), not \(8,\)"),
    "two sides": (lambda f, n: replace(f, n, np.zeros((8, 1), "f4")), r"\(8, 1\), not \(8,\)"),
    "no numbers": (lambda f, n: replace(f, n, np.zeros(0, "f4")), "compressed|does not fit"),
    "NaN": (nan, "NaN or infinite: blocks.0.feed_forward.down.bias"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "message"), CHANGES.values(), ids=CHANGES)
def test_altered_files(path, change, message):
    alter(path, change)
    with pytest.raises(MalformedFileError, match=message) as raised:
        dict(read_model(path).weights)
    assert str(raised.value).isprintable() and path.name in str(raised.value)


def test_a_bias_that_cannot_be_moved(path):
    def change(file, _):
        old = "layer_names" in file.attrs
        kernel = dataset(file, "dense_99/kernel:0") if old else "layers/dense/vars/0"
        file[kernel][:, 1] = file[kernel][:, 0]  # two tokens always alike, but not their biases

    alter(path, change)
    with pytest.raises(MalformedFileError, match="Weft's has none, and the last norm's cannot"):
        read_model(path)


def test_no_bias_to_move(path):
    def change(file, _):
        old = "layer_names" in file.attrs
        file[dataset(file, "dense_99/bias:0") if old else "layers/dense/vars/1"][:] = 0

    before = read_model(path).weights["norm.bias"].copy()
    alter(path, change)
    after = read_model(path).weights["norm.bias"]
    assert not np.array_equal(before, after)


def test_cut_anywhere(path):
    """Not flipped: libhdf5 may hang on what is altered inside, so such files must be trusted."""
    data = path.read_bytes()
    cuts = truncations(data, step=len(data) // 20)
    assert attack(lambda: dict(read_model(path).weights), path, cuts, 100) == 0
