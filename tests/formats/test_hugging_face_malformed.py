"""Thousands of damaged folders: an error of ours in time, or a model, in bounded memory."""

import json
import random
import resource
import struct

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
import their_models as their
from mutate import Hints, Text, attack, mutations, truncations

from weft.formats import read_model

COUNT = [100, pytest.param(10_000, marks=pytest.mark.slow)]


def safetensors_hints(data):
    (length,) = struct.unpack("<Q", data[:8])
    header, start = json.loads(data[8 : 8 + length]), 8 + length
    ends = sorted(e["data_offsets"][1] for n, e in header.items() if n != "__metadata__")
    return Hints(
        integers=[(0, 8)],
        texts=[Text(8, start, (0, 8))],
        boundaries=[8, start, *(start + e for e in ends)],
    )


def read_all(folder):
    """Open it, and compute every weight."""
    files = read_model(folder)
    for name in files.weights:
        files.weights[name]


@pytest.fixture(params=["gpt2 one layer", "llama"])
def folder(request, tmp_path):
    return their.save(request.param, tmp_path)


@pytest.mark.parametrize("count", COUNT)
def test_safetensors(folder, count):
    path = folder / "model.safetensors"
    data, before = path.read_bytes(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    files = mutations(data, random.Random(1), safetensors_hints(data))
    sound = attack(lambda: read_all(folder), path, files, count)
    assert 0 < sound < count / 2
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 64 << 10, "kilobytes"


def test_truncated_at_every_boundary(folder):
    path = folder / "model.safetensors"
    data = path.read_bytes()
    files = list(truncations(data, safetensors_hints(data), step=500))
    assert len(files) > 60
    assert attack(lambda: read_all(folder), path, iter(files), len(files)) == 0


@pytest.mark.parametrize("count", COUNT)
def test_config(folder, count):
    path = folder / "config.json"
    data = path.read_bytes()
    files = mutations(data, random.Random(2), Hints(texts=[Text(0, len(data))]))
    assert 0 < attack(lambda: read_all(folder), path, files, count) < count


@pytest.mark.parametrize("count", COUNT)
def test_index(count, tmp_path):
    their.save("llama", tmp_path, max_shard_size="20KB")
    path = tmp_path / "model.safetensors.index.json"
    data = path.read_bytes()
    files = mutations(data, random.Random(3), Hints(texts=[Text(0, len(data))]))
    assert 0 < attack(lambda: read_all(tmp_path), path, files, count) < count
