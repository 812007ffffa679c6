"""llama2.c's files against its mathematics in plain NumPy: neighbours turn, not halves."""

import random
import struct

import numpy as np
import pytest
from mutate import Hints, attack, mutations, truncations

from weft.autograd import no_grad
from weft.errors import MalformedFileError
from weft.formats import read_model
from weft.models import GPT
from weft.random import Generator

SIZES = dict(dim=12, hidden=20, layers=2, heads=3, kv_heads=3, vocab=11, context=6)
VARIANTS = {
    "plain": {},
    "grouped": {"heads": 6, "kv_heads": 2},
    "one of each": {"layers": 1, "heads": 1, "kv_heads": 1, "context": 1, "dim": 2, "hidden": 1},
}


def random_parts(dim, hidden, layers, heads, kv_heads, vocab, context, tied):
    rng, D = np.random.default_rng(0), dim // heads
    angles = np.arange(context)[:, None] * 10000.0 ** -(np.arange(0, D, 2) / D)
    shapes = {
        "tok": (vocab, dim), "att": (layers, dim), "wq": (layers, dim, dim),
        "wk": (layers, kv_heads * D, dim), "wv": (layers, kv_heads * D, dim),
        "wo": (layers, dim, dim), "ffn": (layers, dim), "w1": (layers, hidden, dim),
        "w2": (layers, dim, hidden), "w3": (layers, hidden, dim), "final": (dim,),
    }  # fmt: skip
    parts = {name: rng.normal(0, 0.5, shape) for name, shape in shapes.items()}
    parts |= {"cos": np.cos(angles), "sin": np.sin(angles)}
    if not tied:
        parts["cls"] = rng.normal(0, 0.5, (vocab, dim))
    return {name: part.astype("<f4") for name, part in parts.items()}


def encoded(parts, sizes, version, tied) -> bytes:
    header = [sizes[n] for n in ("dim", "hidden", "layers", "heads", "kv_heads", "vocab")]
    old = "tok att wq wk wv wo ffn w1 w2 w3 final cos sin cls"
    new = "att ffn final tok wq wk wv wo w1 w2 w3 cls"
    if version == 0:
        header[-1] *= 1 if tied else -1
        data = struct.pack("<7i", *header, sizes["context"])
    else:
        data = struct.pack("<Ii7iB", 0x616B3432, version, *header, sizes["context"], tied)
        data = data.ljust(256, b"\0")
    names = (old if version == 0 else new).split()
    return data + b"".join(parts[name].tobytes() for name in names if name in parts)


def rms(x, weight):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * weight


def turned(x, p):
    """(T, H, D): the pairs (0, 1), (2, 3), ... of every head, by the angles of the table."""
    cos, sin = p["cos"][: len(x), None], p["sin"][: len(x), None]
    left, right = x[..., 0::2], x[..., 1::2]
    out = np.empty_like(x)
    out[..., 0::2], out[..., 1::2] = left * cos - right * sin, left * sin + right * cos
    return out


def logits(tokens, p, sizes):
    T, H, K, D = len(tokens), sizes["heads"], sizes["kv_heads"], sizes["dim"] // sizes["heads"]
    x = p["tok"][tokens].astype(np.float64)
    for i in range(sizes["layers"]):
        h = rms(x, p["att"][i])
        q = turned((h @ p["wq"][i].T).reshape(T, H, D), p)
        k = turned((h @ p["wk"][i].T).reshape(T, K, D), p).repeat(H // K, 1)
        v = (h @ p["wv"][i].T).reshape(T, K, D).repeat(H // K, 1)
        scores = np.einsum("thd,shd->hts", q, k) / np.sqrt(D)
        scores = np.where(np.tri(T, dtype=bool), scores, -np.inf)
        w = np.exp(scores - scores.max(-1, keepdims=True))
        y = np.einsum("hts,shd->thd", w / w.sum(-1, keepdims=True), v)
        x = x + y.reshape(T, -1) @ p["wo"][i].T
        h = rms(x, p["ffn"][i])
        gate = h @ p["w1"][i].T
        x = x + (gate / (1 + np.exp(-gate)) * (h @ p["w3"][i].T)) @ p["w2"][i].T
    return rms(x, p["final"]) @ p.get("cls", p["tok"]).T


@no_grad()
@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_logits_are_those_of_run_c(tmp_path, version, tied, options):
    sizes = SIZES | options
    parts = random_parts(**sizes, tied=tied)
    path = tmp_path / "model.bin"
    path.write_bytes(encoded(parts, sizes, version, tied))
    files = read_model(path)
    assert files.format == "llama2c" and files.config.tie_embeddings == tied
    assert files.tokenizer is None and [n.split(":")[0] for n in files.notes] == ["no tokenizer"]
    model = GPT(files.config, Generator(0)).eval()
    model.load_state_dict(dict(files.weights))
    tokens = np.random.default_rng(1).integers(0, sizes["vocab"], sizes["context"])
    expected = logits(tokens, parts, sizes)
    ours = model(tokens[None]).array[0]
    assert np.abs(ours - expected).max() <= 2e-4 * np.abs(expected).max()


def test_another_base_is_said(tmp_path):
    parts = random_parts(**SIZES, tied=True)
    parts["sin"][1, 1] += 0.01
    (tmp_path / "m.bin").write_bytes(encoded(parts, SIZES, 0, True))
    assert "another base than 10,000" in read_model(tmp_path / "m.bin").notes[1]


def refused(path, data, message):
    path.write_bytes(data)
    with pytest.raises(MalformedFileError, match=message) as raised:
        dict(read_model(path).weights)
    assert "m.bin" in str(raised.value) and str(raised.value).isprintable()


@pytest.mark.parametrize(
    ("version", "offset", "value", "message"),
    [
        (0, 0, 0, "its sizes cannot be: n_embd 0"),
        (0, 0, -12, "its sizes cannot be"),
        (0, 0, 2**31 - 1, "not divisible by n_head"),
        (0, 8, 2**31 - 1, "2,147,483,647 layers and 6 positions"),
        (0, 12, 0, "its sizes cannot be"),
        (0, 12, 12, "even head size"),
        (0, 16, 2, "not divisible by n_kv_head"),
        (0, 20, -(2**31), "its sizes cannot be: vocab_size"),
        (0, 20, -11, r"bytes, and its sizes need"),
        (0, 20, 12, r"bytes, and its sizes need"),
        (0, 24, 2**31 - 1, "2,147,483,647 positions in"),
        (1, 24 + 8, 2**31 - 1, "2,147,483,647 positions in"),
        (1, 4, 2, "version 2 of the format"),
        (1, 4, -1, "version -1 of the format"),
        (1, 36, 2, "a header that makes no sense"),
        (1, 200, 1, "a header that makes no sense"),
    ],
)
def test_wrong_headers(tmp_path, version, offset, value, message):
    data = bytearray(encoded(random_parts(**SIZES, tied=True), SIZES, version, True))
    struct.pack_into("<i", data, offset, value)
    refused(tmp_path / "m.bin", bytes(data), message)


def test_cut_long_and_not_finite(tmp_path):
    path = tmp_path / "m.bin"
    for version in (0, 1):
        parts = random_parts(**SIZES, tied=True)
        data = encoded(parts, SIZES, version, True)
        refused(path, data + b"\0\0\0\0", "bytes, and its sizes need")
        refused(path, data[:-1], "bytes, and its sizes need")
        refused(path, data[:100], "bytes, and its sizes need|has no header")
        parts["w1"][1, 2, 3] = np.nan
        data = encoded(parts, SIZES, version, True)
        refused(path, data, "NaN or infinite: blocks.1.feed_forward.gate.weight")
    for data in (b"", b"24ka", b"PK\x03\x04" + bytes(99)):
        refused(path, data, "has no header|not a model that weft can read")


def attacked(tmp_path, count, seed):
    path, sound = tmp_path / "m.bin", 0
    for version in (0, 1):
        data = encoded(random_parts(**SIZES, tied=True), SIZES, version, True)
        hints = Hints([(at, 4) for at in range(0, 28 + 8 * version, 4)], (), [28, 256, 36])
        files = mutations(data, random.Random(seed), hints)
        sound += attack(lambda: dict(read_model(path).weights), path, files, count)
        cut = truncations(data, hints, 97)
        assert attack(lambda: dict(read_model(path).weights), path, cut, 10**6) == 0
    return sound


def test_malformed_files(tmp_path):
    assert attacked(tmp_path, 150, 1) < 200


@pytest.mark.slow
def test_ten_thousand_malformed_files(tmp_path):
    assert attacked(tmp_path, 5_000, 2) < 6_000
