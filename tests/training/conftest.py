"""A small text and a small run that takes a fraction of a second, on either kernels."""

import random

import numpy as np
import pytest

from weft.runlog import read_metrics
from weft.training import Progress, train

WORDS = ["the", "cat", "dog", "bird", "sat", "ran", "flew", "over", "mat", "hill", "and", "then"]
CLOCK = ("seconds", "tokens_per_second")  # what differs between two runs of the same bits


def make_text(count=1500):
    words = random.Random(0).choices(WORDS, k=count)
    return " ".join(words).replace(" then ", ".\n")


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "a text.txt"
    path.write_text(make_text())
    return path


TINY = {
    "n_layer": 2,
    "n_head": 2,
    "n_embd": 16,
    "block_size": 8,
    "batch_size": 4,
    "eval_interval": 5,
    "eval_batches": 3,
    "sample_tokens": 0,
    "precision": "float32",
}


@pytest.fixture
def quick(text, tmp_path):
    """`quick("name", **options)` trains 20 tiny steps into a folder of that name."""

    def run(name="run", resume=False, progress=None, **options):
        options = {**({} if resume else {"steps": 20, **TINY}), **options}
        data = options.pop("data", None if resume else text)
        progress = progress or Progress()
        return train(data, out=tmp_path / name, resume=resume, progress=progress, **options)

    return run


@pytest.fixture
def same_bits(tmp_path):
    """Assert that two runs ended in the same weights, optimizer state and logged losses."""

    def check(one, two, step=20):
        for name in ("model.safetensors", "optimizer.safetensors"):
            files = [tmp_path / run / f"checkpoints/step-{step:08d}" / name for run in (one, two)]
            assert files[0].read_bytes() == files[1].read_bytes(), name
        logs = [read_metrics(tmp_path / run / "metrics.jsonl") for run in (one, two)]
        for a, b in zip(*logs, strict=True):
            assert [(k, v) for k, v in a.items() if k not in CLOCK] == [
                (k, v) for k, v in b.items() if k not in CLOCK
            ]

    return check


class Crash(Exception):
    """Stands for whatever ends a process between two steps."""


class CrashAfter(Progress):
    """Crashes when a step is done and logged, before it is saved if it is one to save."""

    def __init__(self, step):
        self.at, self.messages = step, []

    def step(self, record):
        if record["step"] == self.at:
            raise Crash

    def message(self, text):
        self.messages.append(text)


@pytest.fixture
def crash():
    """(exception, progress class): `crash[1](13)` ends a run after step 13 with `crash[0]`."""
    return Crash, CrashAfter


@pytest.fixture
def rng():
    return np.random.default_rng(0)
