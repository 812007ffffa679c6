"""benchmarks/training.py compares like with like, and runs."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("training")


@pytest.mark.parametrize("size", ["tiny", "blog"])
def test_both_sides_train_a_model_of_the_same_size(benchmark, size):
    from torch_step import TorchStep
    from weft.config import ModelConfig
    from weft.training.memory import count_parameters

    sizes, dropout = benchmark.SIZES[size], benchmark.DROPOUT[size]
    theirs = TorchStep(sizes, dropout, bf16=False, compiled=False).model
    fields = {name: value for name, value in sizes.items() if name != "batch_size"}
    ours = count_parameters(ModelConfig(**fields, dropout=dropout))
    assert sum(p.numel() for p in theirs.parameters()) == ours


@pytest.mark.slow
def test_the_sides_take_turns_and_the_ratio_is_printed():
    command = [sys.executable, str(FOLDER / "training.py"), "tiny", "--turns", "1"]
    ran = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=280)
    assert ran.returncode == 0, ran.stderr
    medians = json.loads(ran.stdout)["milliseconds"]
    assert set(medians) == {"weft-float32", "weft-bf16", "torch-float32"}
    assert min(medians.values()) > 0
