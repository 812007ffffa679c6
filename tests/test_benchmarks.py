"""The peers of benchmarks/ do what Weft does, and the benchmarks run."""

import importlib
import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from weft.cli import bench_turns
from weft.cli.bench_compare import compare, ratios, torch_sides, weft_sides
from weft.config import ModelConfig
from weft.errors import WeftError
from weft.training.memory import count_parameters

FOLDER = Path(__file__).parents[1] / "benchmarks"
SMALL = ModelConfig(vocab_size=11, block_size=8, n_layer=1, n_head=2, n_embd=16)


@pytest.fixture
def load(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


def need(*names):
    for name in names:
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")


def run(script, *words):
    command = [sys.executable, str(FOLDER / script), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=280)


@pytest.mark.parametrize("size", ["tiny", "blog"])
def test_pytorch_trains_a_model_of_the_same_size(load, size):
    need("torch")
    from weft.cli.peer_torch import GPT

    model = load("configurations").CONFIGURATIONS[size].model
    assert sum(p.numel() for p in GPT(model).parameters()) == count_parameters(model)


def test_keras_trains_a_model_of_the_same_size(load):
    need("keras", "tensorflow")
    configurations = load("configurations")
    options = configurations.keras_sides(configurations.CONFIGURATIONS["tiny"], "")[0].options
    step = load("keras_step").make_step(**options)
    weights = step.model.trainable_variables
    expected = count_parameters(configurations.CONFIGURATIONS["tiny"].model)
    assert sum(math.prod(w.shape) for w in weights) == expected
    assert step() == pytest.approx(math.log(65), rel=0.1)


def test_pytorch_starts_at_the_loss_of_a_guess_and_learns():
    need("torch")
    from weft.cli.peer_torch import make_step

    config = {**vars(SMALL), "dropout": 0.1}
    for variant in ({}, {"bf16": True}, {"nanogpt": True}):
        step = make_step(config, 2, **variant)
        losses = [step() for _ in range(20)]
        assert losses[0] == pytest.approx(math.log(11), rel=0.05)
        assert losses[-1] < losses[0]


def test_sides_take_turns():
    need("torch")
    sides = weft_sides(SMALL, 2, ("float32",)) + torch_sides(SMALL, 2)[:1]
    result = compare(SMALL, 2, sides, turns=2, threads=1, seconds=0.01)
    assert list(result["sides"]) == ["weft float32", "torch float32"]
    ours, theirs = (side["milliseconds"] for side in result["sides"].values())
    assert result["ratios"] == {"torch float32": {"weft float32": theirs / ours}}
    assert all(side["steps"] >= 2 for side in result["sides"].values())


def test_a_ratio_says_how_many_times_faster_weft_is():
    milliseconds = {"weft float32": 2.0, "weft bfloat16": 1.0, "Keras float32": 6.0}
    assert ratios(milliseconds) == {"Keras float32": {"weft float32": 3.0, "weft bfloat16": 6.0}}


def test_turns_go_round_and_a_side_that_ends_is_named(tmp_path):
    peer, order = tmp_path / "peer.py", tmp_path / "order"
    peer.write_text(
        "def make_step(name, stop=99):\n"
        "    steps = []\n"
        "    def step():\n"
        f"        open({str(order)!r}, 'a').write(name)\n"
        "        steps.append(name)\n"
        "        if len(steps) > stop: raise SystemExit(5)\n"
        "        print('not an answer')\n"
        "        return 1.0\n"
        "    return step\n"
    )
    sides = [bench_turns.Side(name, peer, {"name": name}) for name in "ab"]
    outcomes = bench_turns.take_turns(sides, turns=2, threads=1, seconds=0)
    assert order.read_text() == "aaabbb" + 2 * "aabb"  # a turn of a short step begins with another
    assert outcomes["a"].steps == 2 and len(outcomes["b"].milliseconds) == 2
    sides[1] = bench_turns.Side("b", peer, {"name": "b", "stop": 3})
    with pytest.raises(WeftError, match="b ended with code 5"):
        bench_turns.take_turns(sides, turns=2, threads=1, seconds=0)


def test_a_missing_peer_is_one_line():
    ran = run("training.py", "tiny", "--peers", "keras", "--keras", "/nonexistent/python")
    assert ran.returncode == 1
    assert ran.stderr.splitlines() == [
        "training.py: error: no Keras with TensorFlow in /nonexistent/python; --keras; "
        "give one that has both"
    ]


@pytest.mark.slow
def test_the_ratio_is_printed():
    need("torch")
    ran = run("training.py", "tiny", "--turns", "1", "--seconds", "0.1", "--json")
    assert ran.returncode == 0, ran.stderr
    result = json.loads(ran.stdout)
    assert set(result["ratios"]) == {"torch float32", "torch bfloat16"}
    assert min(side["milliseconds"] for side in result["sides"].values()) > 0


def test_the_overhead_is_printed():
    ran = run("overhead.py", "--steps", "3", "--turns", "1")
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[1].split()[0] == "sigmoid" and float(lines[3].split()[1]) > 0
    assert "XOR program, 18 training steps" in lines
