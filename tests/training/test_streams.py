"""Truncated backpropagation through time: the state is carried, and a resumed run carries it on."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from weft.checkpoint import RunFolder, latest_checkpoint
from weft.config import RecurrentConfig
from weft.models import Recurrent
from weft.random import Generator
from weft.training import Progress, train
from weft.training.step import gradients
from weft.training.streams import Streams, split_carried

TINY = {
    "model": "lstm",
    "n_layer": 2,
    "n_embd": 8,
    "block_size": 8,
    "batch_size": 3,
    "accumulate": 2,
    "dropout": 0.1,
    "learning_rate": 1e-2,
    "min_learning_rate": 1e-2,  # constant: a schedule would know of the run's length
    "warmup_steps": 2,
    "eval_interval": 5,
    "eval_batches": 2,
    "sample_tokens": 0,
    "precision": "float32",
}


def model_and_tokens(model="gru", V=7):
    config = RecurrentConfig(vocab_size=V, model=model, n_layer=2, n_embd=8, block_size=5)
    tokens = np.random.default_rng(0).integers(0, V, 400).astype(np.uint16)
    return Recurrent(config, Generator(1)).eval(), tokens


@pytest.fixture
def run(text, tmp_path):
    def go(out, resume=False, progress=None, **options):
        options = {**({} if resume else TINY), **options}
        data, progress = None if resume else text, progress or Progress()
        return train(data, out=tmp_path / out, resume=resume, progress=progress, **options)

    return go


@pytest.mark.parametrize("cut", [5, 10])
def test_an_interrupted_run_ends_in_the_same_bits(run, same_bits, tmp_path, cut):
    run("whole", steps=20)
    run("cut", steps=cut)
    _, carried = split_carried(latest_checkpoint(RunFolder(tmp_path / "cut")).optimizer)
    assert sorted(carried) == ["carried/0", "carried/1"]
    assert all(a.shape == (2, 6, 8) and np.abs(a).max() > 0 for a in carried.values())
    run("cut", resume=True, steps=20)
    same_bits("whole", "cut")


def test_the_bits_depend_on_the_carried_state(run, same_bits, monkeypatch):
    """What the test above would miss: a run that begins anew from zeros ends otherwise."""
    run("whole", steps=20)
    run("cut", steps=10)
    monkeypatch.setattr(Streams, "load", lambda self, arrays: True)
    run("cut", resume=True, steps=20)
    with pytest.raises(AssertionError):
        same_bits("whole", "cut")


def test_another_number_of_streams_begins_anew(run):
    class Said(Progress):
        def __init__(self):
            super().__init__()
            self.lines = []

        def message(self, text):
            self.lines.append(text)

    said = Said()
    run("run", steps=10)
    run("run", resume=True, progress=said, steps=20, batch_size=4)
    assert any("begin anew" in line for line in said.lines)


@pytest.mark.parametrize("model", ["rnn", "gru", "lstm"])
def test_steps_read_on(model):
    """Without an update between them, the losses of the steps are those of one long window."""
    model, tokens = model_and_tokens(model)
    streams = Streams(model, tokens, 3, (2, 2, 5))
    steps = [[(x, y) for x, y, _ in streams.batches(step)] for step in range(4)]
    streams = Streams(model, tokens, 3, (2, 2, 5))
    found = sum(gradients(model, streams.batches(step)) for step in range(4)) / 4
    rows = [np.concatenate([np.concatenate([p[i] for p in step]) for step in steps], axis=1)
            for i in (0, 1)]  # fmt: skip
    np.testing.assert_array_equal(rows[0][:, 1:], rows[1][:, :-1])
    whole = model.loss(rows[0], rows[1]).item()
    assert found == pytest.approx(whole, rel=1e-5)
    apart = sum(model.loss(*zip_rows(step)).item() for step in steps) / 4
    assert abs(apart - whole) > 1e-5  # and not those of windows that know nothing of each other


def zip_rows(step):
    return tuple(np.concatenate([part[i] for part in step]) for i in (0, 1))


def test_a_pass_begins_with_zeros():
    model, tokens = model_and_tokens("rnn")
    streams = Streams(model, tokens, 3, (4, 1, 5))
    windows = 399 // 4 // 5
    for step in range(windows):
        gradients(model, streams.batches(step))
    assert np.abs(streams.arrays()["carried/0"]).max() > 0
    ((_, _, state),) = streams.batches(windows)
    assert state.position == 0 and not state.arrays[0].any()


PEAK = """
import sys
import numpy as np
from weft.config import RecurrentConfig, TrainConfig
from weft.models import build
from weft.training import memory
from weft.training.step import gradients
config = RecurrentConfig(model=sys.argv[1], vocab_size=65, n_layer=2, n_embd=128, block_size=128)
train = TrainConfig(data="x", out="y", steps=3, batch_size=32, precision="float32")
model = build(config)
before = memory.most_resident()
tokens = np.random.default_rng(0).integers(0, 65, (32, 128))
for step in range(2):
    gradients(model, [(tokens, tokens)])
print(memory.most_resident() - before, memory.estimate(config, train).activations)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
@pytest.mark.parametrize("model", ["rnn", "gru", "lstm"])
def test_the_estimated_memory_is_near_what_a_process_takes(model):
    done = subprocess.run([sys.executable, "-c", PEAK, model], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    peak, estimated = (float(word) for word in done.stdout.split())
    assert 0.4 < peak / estimated < 2.0
