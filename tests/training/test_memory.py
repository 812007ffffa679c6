"""The estimate counts weights exactly, activations to a factor, and refuses with knobs that fit."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from weft.config import ModelConfig, TrainConfig
from weft.errors import WeftError
from weft.kernels import active
from weft.models import GPT
from weft.random import Generator, manual_seed
from weft.training import memory
from weft.training.memory import check_memory, count_parameters, estimate
from weft.training.precision import dtype_of
from weft.training.step import gradients


def configs(precision="float32", batch_size=12, **model):
    train = TrainConfig(data="x", out="y", steps=1, precision=precision, batch_size=batch_size)
    return ModelConfig(**{"vocab_size": 65, **model}), train


@pytest.mark.parametrize("bias", [None, False, True])
@pytest.mark.parametrize("tie", [True, False])
@pytest.mark.parametrize("arch", ["gpt2", "llama", "qwen3"])
@pytest.mark.parametrize("switches", [{}, {"positions": "alibi", "n_expert": 3}])
def test_weights_are_counted_exactly(switches, arch, tie, bias):
    heads = {} if arch == "gpt2" else {"n_kv_head": 2}
    config = ModelConfig(
        vocab_size=11,
        arch=arch,
        block_size=8,
        n_layer=2,
        n_head=4,
        n_embd=32,
        tie_embeddings=tie,
        bias=bias,
        **heads,
        **switches,
    )
    assert count_parameters(config) == sum(p.array.size for p in GPT(config).parameters())


PEAK = """
import sys
import numpy as np
from weft.config import ModelConfig
from weft.models import GPT
from weft.training.optimization import Optimization
from weft.training.step import clip, gradients
from weft.training import memory
from weft.training.session import resolve
from weft.config import TrainConfig
arch, checkpointed = sys.argv[1], sys.argv[2] == "checkpointed"
arch, n_expert = ("gpt2", 4) if arch == "experts" else (arch, 0)
model_config = ModelConfig(
    vocab_size=256, arch=arch, n_layer=6, n_embd=192, n_head=6, block_size=128, dropout=0.1,
    n_expert=n_expert,
)
train = TrainConfig(
    data="x", out="y", steps=3, batch_size=12, precision="float32",
    checkpoint_gradients=checkpointed,
)
train = resolve(train, 192)
model = GPT(model_config).train()
model.checkpoint_gradients = checkpointed
optimization = Optimization(model, train)
before = memory.most_resident()
rng = np.random.default_rng(0)
for step in range(2):
    gradients(model, [tuple(rng.integers(0, 256, (2, 12, 128)))])
    _, scale = clip(model.parameters(), 1.0)
    optimization.step(step, scale)
    model.zero_grad()
peak = memory.most_resident() - before
need = memory.estimate(model_config, train)
print(peak, need.total - memory.BASE - need.weights)
"""


def peak_and_estimate(arch, checkpointed):
    words = [arch, "checkpointed" if checkpointed else "kept"]
    done = subprocess.run([sys.executable, "-c", PEAK, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [float(word) for word in done.stdout.split()]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
@pytest.mark.parametrize("arch", ["gpt2", "llama", "experts"])
def test_the_estimate_is_near_what_a_process_takes(arch):
    peak, estimated = peak_and_estimate(arch, checkpointed=False)
    assert 0.4 < peak / estimated < 2.0
    smaller, estimated = peak_and_estimate(arch, checkpointed=True)
    assert 0.4 < smaller / estimated < 2.0
    # The definitions make copies on the way that the kernels do not, in both. Gradients and moments
    # of four times the MLPs' weights, a fifth of the peak, stay.
    limit = (0.5 if active.native else 0.6) + (0.2 if arch == "experts" else 0)
    assert smaller < limit * peak


@pytest.mark.parametrize("arch", ["gpt2", "llama"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_checkpointed_gradients_are_the_same_bits(arch, precision):
    config = ModelConfig(
        vocab_size=11, block_size=8, n_layer=3, n_head=2, n_embd=16, dropout=0.2, arch=arch
    )
    found = []
    for checkpointed in (False, True):
        manual_seed(5)
        model = GPT(config, Generator(0)).train()
        model.checkpoint_gradients = checkpointed
        rows = [tuple(np.random.default_rng(i).integers(0, 11, (2, 3, 8))) for i in range(2)]
        loss = gradients(model, rows, dtype_of(precision))
        found.append([loss, *(p.grad.array.tobytes() for p in model.parameters())])
    assert found[0] == found[1]


def test_a_model_that_fits_passes():
    check_memory(*configs())


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (
            {"n_layer": 10_000, "n_embd": 16384, "n_head": 128},
            r"try --n-layer \d+ --n-embd \d+, or",
        ),
        ({"n_layer": 10**6, "n_embd": 2**20, "n_head": 4}, r"try --n-layer \d+ --n-embd \d+"),
        ({"block_size": 10**9}, r"try --block-size \d+, or --batch-size 1 --block-size \d+"),
        ({"block_size": 10**9, "n_head": 128}, "try "),
    ],
)
def test_a_model_too_large_is_refused_with_the_numbers(model, says):
    with pytest.raises(WeftError, match=says) as error:
        check_memory(*configs(**model))
    message = str(error.value)
    assert "\n" not in message and message.count(";") == 2
    assert re.search(r"needs about [\d,.]+ [GT]iB .* this machine has [\d.]+ GiB", message)


def test_the_batch_that_it_suggests_fits():
    model, train = configs(block_size=256, n_embd=256, n_head=4, batch_size=4096)
    limit = 1 << 30
    with pytest.raises(WeftError) as error:
        check_memory(model, train, limit)
    rows, accumulate = map(
        int, re.search(r"--batch-size (\d+) --accumulate (\d+)", str(error.value)).groups()
    )
    assert rows * accumulate >= 4096
    check_memory(*configs(block_size=256, n_embd=256, n_head=4, batch_size=rows), limit)
    shorter = int(re.search(r"--block-size (\d+)", str(error.value))[1])
    check_memory(*configs(block_size=shorter, n_embd=256, n_head=4, batch_size=4096), limit)


def test_bfloat16_takes_less_and_muon_too():
    model, train = configs()
    assert estimate(model, train).activations > estimate(*configs("bfloat16")).activations
    muon = TrainConfig(data="x", out="y", steps=1, optimizer="muon")
    assert estimate(model, muon).optimizer < estimate(model, train).optimizer


def test_the_least_limit_of_all_cgroups_above_counts(tmp_path):
    (tmp_path / "membership").write_text("0::/user/job\n")
    for name, limit in [("user/job", "max\n"), ("user", "5000000\n"), (".", "9000000\n")]:
        (tmp_path / "cgroup" / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "cgroup" / name / "memory.max").write_text(limit)
    found = memory._cgroup_limits(tmp_path / "membership", tmp_path / "cgroup")
    assert sorted(found) == [5_000_000, 9_000_000]


def test_cgroups_of_version_1(tmp_path):
    (tmp_path / "membership").write_text("4:memory:/job\n3:cpu,cpuacct:/job\n")
    (tmp_path / "cgroup/memory/job").mkdir(parents=True)
    (tmp_path / "cgroup/memory/job/memory.limit_in_bytes").write_text("7000000\n")
    found = memory._cgroup_limits(tmp_path / "membership", tmp_path / "cgroup")
    assert found == [7_000_000]


def test_no_cgroups_no_limits(tmp_path):
    assert memory._cgroup_limits(tmp_path / "none", tmp_path) == []
    assert memory.memory_limit() > 0
