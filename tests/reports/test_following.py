"""A run that is followed: what is new is read, what was cut is forgotten, how it ended is said."""

import json
import os

import pytest
from folders import CONFIG, line, lines, write_run
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.errors import ConfigError, MalformedFileError
from weft.reports.following import Followed, Tail
from weft.reports.reading import LARGEST_LINE

BEGIN = {"kind": "begin", "step": 0, "seconds": 0.0}


def append(path, *records):
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)


def looked(folder):
    followed = Followed(folder)
    followed.look()
    return followed


@given(st.lists(st.integers(0, 10**9), max_size=30), st.data())
@settings(max_examples=15, deadline=None)
def test_a_tail_reads_each_line_once_however_it_is_written(tmp_path_factory, numbers, data):
    path = tmp_path_factory.mktemp("tail") / "log.jsonl"
    whole = "".join(json.dumps({"step": n}) + "\n" for n in numbers).encode()
    tail, found, at = Tail(path), [], 0
    while at < len(whole):
        size = data.draw(st.integers(1, 200))
        with path.open("ab") as file:
            file.write(whole[at : at + size])
        at += size
        assert not tail.was_rewritten()
        found += [record["step"] for record in tail.more()]
    assert found == numbers


@given(st.lists(st.integers(0, 99), min_size=1, max_size=20), st.data())
@settings(max_examples=15, deadline=None)
def test_a_tail_sees_that_what_it_read_was_rewritten(tmp_path_factory, numbers, data):
    path = tmp_path_factory.mktemp("tail") / "log.jsonl"
    append(path, *({"step": n, "seconds": n / 7} for n in numbers))
    tail = Tail(path)
    assert len(list(tail.more())) == len(numbers) and not tail.was_rewritten()
    kept = data.draw(st.integers(0, len(numbers) - 1))
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:kept]))
    more = data.draw(st.integers(0, 30))
    append(path, *({"step": 100 + n, "seconds": 0.5} for n in range(more)))
    assert tail.was_rewritten()


def test_the_figures_grow_with_the_files(tmp_path):
    folder = write_run(tmp_path / "run", lines(20), [BEGIN])
    followed = looked(folder)
    assert followed.figures.step == 20 and followed.figures.steps == 60
    assert followed.figures.best == (pytest.approx(lines(20)[-1]["val_loss"]), 20)
    append(folder / "metrics.jsonl", *lines(60)[20:])
    append(folder / "events.jsonl", {"kind": "sample", "step": 40, "seconds": 4, "text": "so"})
    followed.look()
    assert followed.figures.step == 60 and followed.figures.tokens == 128 * 60
    assert (followed.figures.sample, followed.figures.sample_step) == ("so", 40)
    assert len(followed.figures.train_curve.points()) == 60
    assert followed.figures.facts["model"] == "llama" and followed.figures.facts["weights"] > 0


def test_a_log_that_was_cut_and_grew_again_is_read_anew(tmp_path):
    folder = write_run(tmp_path / "run", lines(50), [BEGIN])
    followed = looked(folder)
    write_run(folder, lines(30) + [line(step, train_loss=1.0) for step in range(31, 60)])
    followed.look()
    points = followed.figures.train_curve.points()
    assert [x for x, _ in points] == list(range(1, 60)) and followed.figures.step == 59


def test_samples_that_were_dropped_are_not_shown(tmp_path):
    sample = {"kind": "sample", "step": 40, "seconds": 4, "text": "later"}
    folder = write_run(tmp_path / "run", lines(50), [BEGIN, sample])
    followed = looked(folder)
    (folder / "new").write_text(json.dumps(BEGIN) + "\n")
    os.replace(folder / "new", folder / "events.jsonl")
    followed.look()
    assert followed.figures.sample == ""


@pytest.mark.parametrize(
    ("event", "state", "said"),
    [
        ({"kind": "end", "result": {"steps": 50}}, "ended", "the run has ended"),
        ({"kind": "stop", "signal": "SIGINT"}, "stopped", "stopped: SIGINT"),
        ({"kind": "failure", "message": "no space"}, "failed", "failed: no space"),
        ({"kind": "failure", "message": None}, "failed", "failed: it does not say why"),
        (BEGIN, "gone", "no process works at it any more; go on with weft train --resume"),
    ],
)
def test_how_a_run_ended(tmp_path, event, state, said):
    folder = write_run(tmp_path / "run", lines(50), [BEGIN, {"step": 50, "seconds": 5.0, **event}])
    followed = looked(folder)
    assert (followed.state, followed.said) == (state, said)
    assert followed.figures.status == said and not followed.figures.is_running
    assert followed.figures.seconds_left() is None
    assert followed.figures.seconds() == pytest.approx(5.0)


def test_a_run_without_events_has_ended_with_its_last_step(tmp_path):
    assert looked(write_run(tmp_path / "one", lines(60))).state == "ended"
    assert looked(write_run(tmp_path / "two", lines(59))).state == "gone"


def test_who_holds_the_lock_is_training(tmp_path):
    folder = write_run(tmp_path / "run", lines(30), [BEGIN])
    followed = Followed(folder)
    with followed.run.lock():
        followed.look()
        assert followed.state == "training" and followed.said.startswith(
            f"training: pid {os.getpid()}"
        )
        assert followed.figures.is_running and followed.figures.seconds_left() > 0
    followed.look()
    assert followed.state == "gone"


def test_a_run_that_prepares_has_only_a_lock(tmp_path):
    followed = Followed(tmp_path / "run")
    followed.run.create()
    with followed.run.lock():
        followed.look()
    assert followed.state == "preparing"


def test_a_run_by_the_clock_has_its_time(tmp_path):
    config = CONFIG.replace("steps = 60", "steps = 60\nminutes = 2.0")
    folder = write_run(tmp_path / "run", lines(30), [BEGIN], config)
    followed = Followed(folder)
    with followed.run.lock():
        followed.look()
        left = followed.figures.seconds_left()
    assert 57 < left <= 117  # two minutes less three seconds, and what the test takes


def test_a_warning_and_a_new_plan_are_shown(tmp_path):
    more = [
        {"kind": "warning", "step": 5, "seconds": 1, "message": "the disk is full"},
        {"kind": "replan", "step": 9, "seconds": 2, "before": 60, "after": 45},
    ]
    followed = looked(write_run(tmp_path / "run", lines(30), [BEGIN, *more]))
    assert followed.said.endswith("; warning: the disk is full") and followed.figures.steps == 45


@pytest.mark.parametrize(
    "config",
    ["", "train = 3\nmodel = []", "[train]\nsteps = -1\nminutes = 'x'\n[model]\nmodel = 'later'"],
)
def test_a_configuration_of_another_kind_is_no_failure(tmp_path, config):
    followed = looked(write_run(tmp_path / "run", lines(10), [BEGIN], config))
    assert followed.figures.step == 10 and followed.figures.steps is None


def test_an_n_gram_model_is_followed_as_well(tmp_path):
    config = '[train]\nsteps = 1\n[model]\nmodel = "ngram"\norder = 3\nvocab_size = 9\n'
    one = {"step": 1, "tokens": 900, "train_loss": 1.5, "val_loss": 2.0, "seconds": 0.2}
    followed = looked(write_run(tmp_path / "run", [one], config=config))
    assert (followed.state, followed.figures.best) == ("ended", (2.0, 1))
    assert followed.figures.facts["model"] == "ngram" and followed.figures.facts["weights"] is None


@pytest.mark.parametrize(
    "bad",
    [b"nothing\n", b"[1]\n", b"[" * 100_000 + b"\n", b" " * (LARGEST_LINE + 1), b'{"step": \n'],
)
def test_a_damaged_log_is_one_clear_error(tmp_path, bad):
    folder = write_run(tmp_path / "run", lines(3))
    with (folder / "metrics.jsonl").open("ab") as file:
        file.write(bad)
    with pytest.raises(MalformedFileError, match=r"^line 4 is .*; .*metrics\.jsonl; "):
        looked(folder)


def test_a_pipe_in_place_of_a_log_is_refused_and_not_waited_for(tmp_path):
    folder = write_run(tmp_path / "run")
    os.mkfifo(folder / "metrics.jsonl")
    with pytest.raises(MalformedFileError, match="not a plain file"):
        looked(folder)


def test_no_run_is_said(tmp_path):
    with pytest.raises(ConfigError, match="no such run folder"):
        looked(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="no run"):
        looked(tmp_path)
