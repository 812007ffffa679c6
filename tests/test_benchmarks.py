"""The peers of benchmarks/ do what Weft does, and the benchmarks run."""

import importlib
import importlib.util
import json
import math
import os
import subprocess
import sys
import types
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


@pytest.fixture(autouse=True)
def subnormals_again():
    """The peer's steps flush subnormals, in this process too; other tests count on them."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


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
        ("docs/overfitting.json", "docs/overfitting.md", "overfitting"),
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


@pytest.fixture
def small_files(load, tmp_path, monkeypatch):
    models = load("inference_models")
    config = ModelConfig(vocab_size=300, block_size=64, n_layer=2, n_head=2, n_embd=64)
    monkeypatch.setitem(models.MODELS, "gpt2", config)
    return models.make_files(tmp_path / "models", "gpt2", None)


def test_all_sides_of_inference_choose_the_same_tokens(load, small_files):
    need("transformers")
    make_step = load("inference_step").make_step
    sides = {"weft": small_files.folder, "transformers": small_files.folder}
    for count, prompt, new in ((1, 7, 9), (3, 5, 4), (1, 20, 0)):
        work = {"count": count, "prompt": prompt, "new": new, "vocab_size": 300, "threads": 1}
        steps = {n: make_step(n, path=str(path), **work) for n, path in sides.items()}
        checksums = {name: [step(), step()] for name, step in steps.items()}
        assert len(set(map(tuple, checksums.values()))) == 1, checksums
        assert len(set(checksums["weft"])) == 1 and checksums["weft"][0] > 0


def test_llama_cpp_chooses_the_same_tokens(load, small_files, monkeypatch):
    inference = load("inference")
    pythons, missing = inference.find_peers(["llama.cpp"], os.environ.get("WEFT_LLAMA_PYTHON"))
    if missing:
        pytest.skip("no llama-cpp-python here; WEFT_LLAMA_PYTHON names a Python that has it")
    for work in (inference.Work("gpt2", 3, 5, 4), inference.Work("gpt2", 1, 20, 0)):
        monkeypatch.setattr(inference, "WORKS", {"it": work})
        found = inference.entries("it", small_files, pythons, 1, ["float32"])
        outcomes = bench_turns.take_turns([entry.side for entry in found], 1, 1, seconds=0)
        ours, theirs = (outcomes[name].losses for name in ("weft float32", "llama.cpp f32"))
        assert ours == theirs and ours[0] > 0


def test_models_are_made_once_and_in_all_precisions(load, small_files, monkeypatch):
    sizes = [small_files.bytes_of(p) for p in ("float32", "bfloat16", "int8", "int4")]
    assert sorted(sizes, reverse=True) == sizes and small_files.llama == small_files.gguf
    models = load("inference_models")
    monkeypatch.setattr(models, "_write", None)
    assert models.make_files(small_files.folder.parent, "gpt2", None) == small_files


def test_a_whole_process_to_the_first_token(load, small_files):
    inference = load("inference")
    options = {"peer": "weft", "path": str(small_files.folder), "threads": 1, "count": 1,
               "prompt": 5, "new": 0, "vocab_size": 300}  # fmt: skip
    side = bench_turns.Side("weft", FOLDER / "inference_step.py", options)
    row = inference.first_tokens([side], turns=1, threads=1)["weft"]
    assert 0 < row["fastest_turn"] <= row["seconds"] <= row["slowest_turn"]
    step = load("inference_step").make_step(**options)
    assert row["checksum"] == step() and row["memory_bytes"] > 1e7


def timed(owner, precision, rate, **more):
    return {
        "side": f"{owner} {precision}", "owner": owner, "precision": precision, "checksum": 5.0,
        "weight_bytes": 1e8, "tokens_per_second": rate, "slowest_turn": 0.9 * rate,
        "fastest_turn": 1.1 * rate, "memory_bytes": 150_000_000, **more,
    }  # fmt: skip


def inferred(**more):
    rows = [timed("weft", "int8", 300.0), timed("weft", "float32", 90.0),
            timed("llama.cpp", "int8", 150.0), timed("llama.cpp", "float32", 100.0)]  # fmt: skip
    result = {
        "work": "decode", "model": "gpt2", "streams": 1, "prompt": 64, "new": 128, "threads": 2,
        "turns": 7, "rows": rows, "missing": ["transformers"], "memory_gbs": 60.0,
    }  # fmt: skip
    return {**compared(), "result": {**result, **more}}


def test_the_results_of_inference(load):
    page = load("results_document").document({"inference-decode": inferred()})
    assert (
        "| decode | int8 | weft int8 | 300 tokens/s | llama.cpp int8 | 150 tokens/s | **2.00** |"
        in page
    )
    assert (
        "| decode | any precision | weft int8 | 300 tokens/s | llama.cpp int8 | 150 tokens/s |"
        in page
    )
    assert "| llama.cpp float32 | 100 | 90–110 | 150.0 MB | 1.50 | 17 % | 0.90 |" in page
    assert "128 new tokens behind 1 x 64; 2 threads, 7 turns." in page
    assert "Not installed, not measured: transformers." in page and "same tokens in" not in page
    other = [timed("weft", "float32", 9.0), timed("llama.cpp", "float32", 9.0, checksum=6.0)]
    page = load("results_document").document({"inference-decode": inferred(rows=other)})
    assert "did not choose the same tokens in float32" in page


def test_the_results_of_loading_count_seconds(load):
    rows = [timed("weft", "float32", 0), timed("transformers", "float32", 0)]
    for row, seconds in zip(rows, (0.5, 2.0), strict=True):
        del row["tokens_per_second"]
        row["seconds"] = seconds
    page = load("results_document").document({"x": inferred(work="load", rows=rows, new=0)})
    assert "| weft float32 | 0.50 s | transformers float32 | 2.00 s | **4.00** |" in page


def test_n_grams_of_a_large_text(load):
    done = run("ngram.py", "--megabytes", "0.2", "--order", "3", "--json")
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout)
    assert 200_000 <= values["text_bytes"] < 210_000 and values["tokens"] > 170_000
    assert len(values["n_grams"]) == 3 and values["n_grams"] == sorted(values["n_grams"])
    assert values["file_bytes"] > 2 * sum(values["n_grams"]) > 0
    assert 0 < values["bits_per_byte"] < 4 and values["counting_seconds"] <= values["seconds"]
    shown = load("ngram").table(values)
    assert f"{values['file_bytes']:,} bytes" in shown and "MB" in shown


def test_stories_are_judged(load):
    from weft.data.stories.checker.page import read_page
    from weft.data.stories.corpus import story

    benchmark = load("stories")
    told = [story(seed).text for seed in range(3)]
    told.append(f"{told[0]}\n{told[1]}")  # one that goes on after its end
    values = benchmark.judge(told)
    assert (values["stories"], values["obey"], values["share"]) == (4, 3, 0.75)
    assert values["different"] == 4 and len(values["wrong"]) == 1 <= values["plots"]
    assert values["right_sentences"] == len(read_page(told[0]).sentences())
    shown = benchmark.table(values, show=1)
    assert shown.startswith("3 of 4 stories obey") and told[1] in shown


def test_a_peer_that_is_missing_is_named(load):
    inference = load("inference")
    assert inference.find_peers(["transformers"], None)[1] in ([], ["transformers"])
    there, missing = inference.find_peers(["llama.cpp"], "/bin/false")
    assert (there, missing) == ({}, ["llama.cpp"])
    with pytest.raises(WeftError, match="cannot run /nonexistent"):
        inference.find_peers(["llama.cpp"], "/nonexistent")


def test_random_search_and_plan_meet_in_one_table(load, tmp_path):
    text = tmp_path / "little.txt"
    text.write_text("A bird sat on the hill, and a cat ran over the mat.\n" * 200)
    search = load("search")
    for what in ("plan", "random"):
        arguments = types.SimpleNamespace(
            what=what, text=[text], minutes=[0.02], repeats=1, out=tmp_path
        )
        search.POINTS = 2
        search.work(arguments)
        search.work(arguments)  # all of it is there
    rows = search.known(tmp_path / "search.jsonl")
    assert [(row["what"], row["point"]) for row in rows] == [
        ("plan", 0), ("random", 0), ("random", 1),
    ]  # fmt: skip
    last = search.table(tmp_path / "search.jsonl").splitlines()[-1]
    assert last.startswith("| little | 0.02 |")
    points = [search.point(search.Random(i)) for i in range(20)]
    assert points[0] == search.point(search.Random(0)) and points[0] != points[1]
    for options in points:
        assert options["n_embd"] % options["n_head"] == 0


def test_recipe_measures_each_change_once(tmp_path):
    text, out = tmp_path / "text.txt", tmp_path / "runs.jsonl"
    text.write_text("the quick brown fox jumps over the lazy dog\n" * 200)
    base = ["n_embd=16", "n_head=2", "n_layer=1", "block_size=16", "batch_size=4"]
    words = ["recipe.py", "--texts", str(text), "--seconds", "0.05", "--out", str(out)]
    words += ["--base", *base, "--only", "recipe"]
    first = run(*words)
    assert first.returncode == 0, first.stderr
    (row,) = map(json.loads, out.read_text().splitlines())
    assert row["options"]["n_embd"] == 16 and row["steps"] >= 30
    assert 0 < row["loss"] < math.log(30)
    assert f"| {row['loss']:.4f} |" in first.stdout
    second = run(*words, "decay over all", "averaged weights", "windows at line starts")
    assert second.returncode == 0, second.stderr
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert rows[0] == row and rows[1]["options"]["decay_fraction"] == 1.0
    assert len({row["loss"] for row in rows}) == len(rows) == 4
    assert second.stdout.count("| recipe |") == 1
