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


def side(milliseconds, share=None):
    return {
        "milliseconds": milliseconds, "fastest_turn": 0.9 * milliseconds,
        "slowest_turn": 1.1 * milliseconds, "steps": 5, "gflops": 7.0, "peak_fraction": share,
        "memory_bytes": 2_000_000,
    }  # fmt: skip


def compared(others=0.01, commit="abc"):
    milliseconds = {"weft float32": 4.0, "weft bfloat16": 2.0, "torch float32": 12.0}
    milliseconds["torch bfloat16"] = 7.0
    return {
        "date": "2026-01-02 03:04 UTC", "commit": commit, "command": "python x", "others": others,
        "memory_gbs": 60.0, "versions": {"torch": "2.13"},
        "machine": {
            "processor": "A processor", "processors": 2, "memory_bytes": 24e9, "platform": "P",
            "python": "3.11", "threads": 2, "isa": "amx", "isas": ["avx2", "amx"],
        },
        "result": {
            "configuration": {**vars(SMALL), "batch_size": 2}, "turns": 3,
            "sides": {name: side(ms, 0.5) for name, ms in milliseconds.items()},
            "peak_gflops": {"float32": 460.0}, "ratios": ratios(milliseconds),
        },
    }  # fmt: skip


def test_the_results_name_the_fastest_peer_and_the_machine(load):
    page = load("results_document").document({"tiny-torch": compared()})
    best = "| tiny-torch | any precision | weft bfloat16 | 2.00 | 50 % | torch bfloat16 | 7.00 | "
    assert best + "**3.50** |" in page
    single = (
        "| tiny-torch | float32 | weft float32 | 4.00 | 50 % | torch float32 | 12.00 | **3.00** |"
    )
    assert single in page
    assert "| torch float32 | 12.00 | 10.8–13.2 | 7 | 50 % | 2.0 MB | 3.00 | 6.00 |" in page
    assert "float32 460 GFLOP/s; memory 60 GB/s" in page and "A processor, 2 processors" in page
    assert "Others used" not in page
    page = load("results_document").document({"tiny-torch": compared(others=0.35)})
    assert "Others used 35 % of the processors meanwhile" in page


def test_the_results_pair_a_kernel_s_precisions(load):
    def row(precision, microseconds):
        one = {"name": "add", "size": "2 x 3", "microseconds": microseconds, "rate": 5.0,
               "unit": "GB/s", "peak_fraction": 0.25}  # fmt: skip
        result = {"peaks": {}, "kernels": [one]}
        return {**compared(), "command": f"bench --precision {precision}", "result": result}

    rows = {f"kernels-{p}": row(p, us) for p, us in (("float32", 4.0), ("bfloat16", 3.0))}
    line = "| add | 2 x 3 | 4.0 | 5.0 GB/s | 25 % | 3.0 | 5.0 GB/s | 25 % |"
    assert line in load("results_document").document(rows)


def test_a_comparison_replaces_its_row_and_keeps_the_others(load, tmp_path, monkeypatch):
    results = load("results")
    (tmp_path / "results.json").write_text(json.dumps({"tiny-torch": compared(commit="old1")}))
    monkeypatch.setattr(results, "run", lambda *words: compared(commit="new2"))
    monkeypatch.setattr(sys, "argv", ["results.py", "--only", "blog-t", "--out", str(tmp_path)])
    assert results.main() == 0
    rows = json.loads((tmp_path / "results.json").read_text())
    assert {name: row["commit"] for name, row in rows.items()} == {
        "tiny-torch": "old1", "blog-torch": "new2",
    }  # fmt: skip
    assert "## blog-torch" in (tmp_path / "RESULTS.md").read_text()
    monkeypatch.setattr(sys, "argv", ["results.py", "--only", "blob", "--out", str(tmp_path)])
    assert results.main() == 1


@pytest.mark.parametrize(
    ("data", "page", "module"),
    [
        ("benchmarks/results.json", "benchmarks/RESULTS.md", "results_document"),
        ("docs/scaling.json", "docs/scaling.md", "scaling_document"),
    ],
)
def test_the_page_is_what_its_figures_render(load, data, page, module):
    root = FOLDER.parent
    if not (root / data).exists():
        pytest.skip(f"{data} is not there yet: its command writes it")
    figures = json.loads((root / data).read_text(encoding="utf-8"))
    assert load(module).document(figures) == (root / page).read_text(encoding="utf-8")


def test_exponents(load):
    document = load("scaling_document")
    assert document.slope([(x, 3 * x**1.5) for x in (1, 2, 4, 8)]) == pytest.approx(1.5)
    one = [{"value": x, "float32": {"microseconds": x**2, "flop": x}} for x in (1, 2, 4)]
    assert document.steeper(one, "float32") == [0, 1]
    one = [{"value": x, "float32": {"microseconds": x**1.2, "flop": x}} for x in (1, 2, 4)]
    assert document.steeper(one, "float32") == []


def test_scaling_measures_and_writes_its_page(load, tmp_path, monkeypatch):
    need("matplotlib")
    scaling = load("scaling")
    monkeypatch.setattr(scaling, "BASE", {"vocab_size": 11, "block_size": 8, "n_layer": 1,
                                          "n_embd": 16, "batch_size": 2})  # fmt: skip
    sweeps = {
        "depth": scaling.Sweep("n_layer", (1, 2)),
        "context": scaling.Sweep("block_size", (4, 8)),
    }
    monkeypatch.setattr(scaling, "TOKENS", 16)
    monkeypatch.setattr(scaling, "SWEEPS", sweeps)
    words = ["scaling.py", "--only", "depth", "context", "--seconds", "0", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", words)
    scaling.main()
    page = (tmp_path / "scaling.md").read_text()
    assert "B 2, T 8, C 16, V 11, heads of 64" in page
    assert "L 1, C 16, V 11, heads of 64, B T = 16" in page
    assert "| 2 | " in page and "Measured: in float32" in page
    plots = {path.name for path in tmp_path.glob("*.svg")}
    assert plots == {"scaling-depth.svg", "scaling-context.svg"}
    before = page, (tmp_path / "scaling-depth.svg").read_bytes()
    monkeypatch.setattr(sys, "argv", [*words, "--render"])
    scaling.main()
    after = (tmp_path / "scaling.md").read_text(), (tmp_path / "scaling-depth.svg").read_bytes()
    assert before == after


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
