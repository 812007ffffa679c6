"""The report of a run: one well-formed file without a network, whatever the run folder holds."""

import json

import pytest
from folders import CONFIG, line, lines, write_run
from html_checks import checked

from weft.errors import ConfigError, WeftError
from weft.reports import read_run, write_report
from weft.reports.diagnosis import diagnose
from weft.reports.report import report

HOSTILE = "</script></pre><img src=x onerror=alert(1)>\x00\x1b[31m\ud800\u202eabc & \"'`"
EVENTS = [
    {
        "kind": "data",
        "documents": 3,
        "skipped": {"binary": 2, "empty": HOSTILE},
        "duplicates": {"exact": 1, "near": 0},
        "overlap": 0.137,
    },
    {"kind": "begin", "step": 0, "seconds": 0.0, "machine": {"processor": "A CPU", "threads": 2}},
    {"kind": "sample", "step": 20, "seconds": 2.0, "text": "first words"},
    {
        "kind": "warning",
        "step": 30,
        "seconds": 3.0,
        "message": "the disk was full",
        "about": "save",
    },
    {
        "kind": "replan",
        "step": 40,
        "seconds": 4.0,
        "before": 90,
        "after": 60,
        "why": "it is slower",
    },
    {"kind": "sample", "step": 60, "seconds": 6.0, "text": "last words"},
    {
        "kind": "end",
        "step": 60,
        "seconds": 6.0,
        "result": {"steps": 60, "tokens": 7680, "val_loss": 2.25, "best_val_loss": 2.125},
        "times": {"train": 4.0, "evaluate": 1.0, "sample": 0.5, "save": 0.25},
        "memory_bytes": 200_000_000,
        "peak_fraction": 0.42,
    },
]
PLAN = {
    "minutes": 0.1,
    "text": {"bytes": 1_115_394, "documents": 1, "kind": "dialogue"},
    "choices": [
        {"name": "batch_size", "value": 8, "reason": "the cores are full", "given": False},
        {"name": "n_layer", "value": 2, "reason": "", "given": True},
        {"name": "averaging", "value": "none", "reason": "too few steps", "given": False},
    ],
    "expected": {"low": 2.0, "high": 3.0, "unit": "bits per byte"},
}


def page_of(folder, **parts):
    return checked(report(read_run(write_run(folder, **parts))))


def test_everything_is_there(tmp_path):
    page = page_of(tmp_path / "run", metrics=lines(), events=EVENTS, plan=PLAN)
    for said in (
        "run finished", "llama model, ", "trained on book.txt, A CPU, 2 threads",
        "2.1250 validation loss, best", "7,680 tokens", "42 % of peak", "Loss nats per token",
        "Learning rate", "Gradient norm",
        "Speed tokens per second", "Step 20 , validation loss 2.836 first words", "last words",
        "Where the time went: 6 s", "train 4 s, 67%", "other 0.2 s", "200 MB at the peak",
        "the disk was full",
        "90 steps are now 60: it is slower", "Planned for 0.1 minutes. Expected 2.00 to 3.00",
        "batch_size 8 the cores are full", "averaging none too few steps", "at their defaults",
        "weft train --resume --out", "1.1 MB of text; in 3 documents; taken for dialogue",
        "skipped: 2 binary; duplicates: 1 exact; 13.7% of the validation text's 20-grams",
    ):  # fmt: skip
        assert page.says(said), said
    assert len(page.of("svg")) == 4 and len(page.of("polyline")) == 8


def test_findings_say_what_to_try_next(tmp_path):
    assert page_of(tmp_path / "a", metrics=lines(200)).says("Nothing seems wrong with this run")
    spiked = lines(200)
    for record in spiked[120:126]:
        record["train_loss"] = 9.0
    page = page_of(tmp_path / "b", metrics=spiked)
    found = diagnose(read_run(tmp_path / "b"))
    assert found and all(page.says(f.message) and page.says(f.advice) for f in found)


def test_nothing_but_a_configuration(tmp_path):
    page = page_of(tmp_path / "run")
    assert page.says("unfinished") and page.says("after step 0 of 60")
    assert not page.of("svg")


def test_one_point_and_losses_that_are_not_there(tmp_path):
    assert not page_of(tmp_path / "a", metrics=[line(1, val_loss=3.0)]).of("svg")
    nothing = [line(n, train_loss=None, grad_norm=None, lr=None) for n in range(1, 5)]
    assert not page_of(tmp_path / "b", metrics=nothing).of("svg")
    same = [line(n, train_loss=1.0, grad_norm=0.0, lr=0.0, seconds=1.0) for n in range(1, 5)]
    assert len(page_of(tmp_path / "c", metrics=same).of("svg")) == 4
    huge = [line(n, train_loss=10.0 ** (6 * n - 12), grad_norm=-1e18) for n in range(1, 6)]
    assert page_of(tmp_path / "d", metrics=huge).says("log scale")
    run = write_run(tmp_path / "e", metrics=lines(5))
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 6, "train_loss": NaN, "lr": Infinity, "seconds": -Infinity}\n')
    assert len(checked(report(read_run(run))).of("svg")) == 4


def test_a_hostile_run_is_only_text(tmp_path):
    events = [
        {"kind": "begin", "machine": {"processor": HOSTILE, "threads": HOSTILE}},
        {"kind": "sample", "step": 20, "text": HOSTILE},
        {"kind": "sample", "step": 40, "text": [HOSTILE]},
        {"kind": "warning", "step": 1, "message": HOSTILE},
        {"kind": "replan", "step": 1, "before": HOSTILE, "after": {}, "why": HOSTILE},
        {"kind": "stop", "signal": HOSTILE},
        {"kind": "data", "documents": HOSTILE, "skipped": {HOSTILE: 1}, "duplicates": [HOSTILE]},
        {
            "kind": "end",
            "result": {"val_loss": HOSTILE, "steps": []},
            "times": {HOSTILE: 3, "a": HOSTILE},
        },
        {"kind": "failure", "message": HOSTILE},
    ]
    choices = [{"name": HOSTILE, "value": HOSTILE, "reason": HOSTILE, "given": HOSTILE}, 3, {}]
    plan = {
        "choices": choices,
        "minutes": HOSTILE,
        "text": {"bytes": 1, "kind": HOSTILE},
        "expected": [HOSTILE],
    }
    quoted = json.dumps(HOSTILE.replace("\ud800", ""))
    config = CONFIG.replace('"book.txt"', quoted).replace('"llama"', quoted)
    config += f"\n[[changes]]\nstep = 3\noption = {quoted}\nold = {quoted}\nnew = [{quoted}]\n"
    folder = tmp_path / "<img src=x onerror=alert(1)> & co"
    page = page_of(folder, metrics=lines(), events=events, config=config, plan=plan)
    assert page.says("failed") and "".join(page.texts).count("<img src=x onerror=alert(1)>") >= 10


def test_other_families(tmp_path):
    for family in ("ngram", "rnn", "encoder-decoder", "of the future"):
        config = CONFIG.replace('model = "gpt"', f'model = "{family}"').replace(
            'arch = "llama"', ""
        )
        steps = lines()
        if family == "ngram":
            steps, config = [line(1, val_loss=2.0)], config.replace("steps = 60", "steps = 1")
        page = page_of(tmp_path / family, metrics=steps, config=config)
        assert page.says(f"{family} model")
        assert page.says("--resume") == (family != "ngram")


def test_sizes_that_nobody_has_are_not_tried(tmp_path):
    config = CONFIG.replace("n_layer = 2", "n_layer = 2000000000").replace('"gpt"', '"rnn"')
    assert not page_of(tmp_path / "run", config=config.replace("arch", "#")).says("weights")


def test_a_long_run_is_less_than_a_megabyte(tmp_path):
    samples = [{"kind": "sample", "step": n, "text": "<" * 30_000} for n in range(1, 300)]
    config = CONFIG.replace("n_head", "\n".join(f'x{n} = "{"&" * 400}"\nn_head' for n in (1,)))
    run = write_run(tmp_path / "run", metrics=lines(9_000, 20), events=samples, config=config)
    (run / "data").mkdir()
    content = report(read_run(run))
    assert len(content.encode()) < 1_000_000 and len(checked(content).of("pre")) == 40


def test_how_runs_end(tmp_path):
    def ended(name, *events, steps=60):
        return page_of(tmp_path / name, metrics=lines(steps), events=events)

    assert ended("a", steps=30).says("a unfinished") and ended("b").says("b finished")
    stopped = ended("c", {"kind": "begin"}, {"kind": "stop", "signal": "SIGINT"}, steps=30)
    assert stopped.says("c stopped") and stopped.says("after step 30 of 60")
    failed = ended("d", {"kind": "failure", "message": "the loss is nan; run; lower it"})
    assert failed.says("d failed") and failed.says("the loss is nan; run; lower it")
    assert ended("e", {"kind": "stop"}, {"kind": "begin"}).says("e unfinished")


def test_it_is_written_at_once_into_the_run(tmp_path):
    run = write_run(tmp_path / "run", metrics=lines())
    (run / "report.html").write_text("old")
    assert write_report(run) == run / "report.html"
    assert checked((run / "report.html").read_text(encoding="utf-8"))
    assert sorted(p.name for p in run.iterdir()) == ["config.toml", "metrics.jsonl", "report.html"]
    with pytest.raises(ConfigError, match=r"no run"):
        write_report(tmp_path)
    (run / "report.html").unlink()
    (run / "report.html").mkdir()
    with pytest.raises(WeftError, match=r"cannot write the page"):
        write_report(run)
    assert not list(run.glob("*.tmp-*"))
