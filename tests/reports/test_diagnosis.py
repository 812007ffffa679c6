"""The diagnosis as a whole: order, what is said once only, real runs, and any record at all."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_runs import decay, kinds, record

from weft.errors import NonFiniteError
from weft.reports import RunRecord, diagnose, read_run, verdict
from weft.training import Progress, train

SMALL = {
    "n_layer": 2, "n_head": 2, "n_embd": 32, "block_size": 32, "batch_size": 8,
    "eval_batches": 4, "sample_tokens": 0, "precision": "float32", "threads": 1,
}  # fmt: skip


def make_text(count):
    """Letters at random: there is nothing to learn in them but the letters themselves."""
    return "".join(np.random.default_rng(0).choice(list("abcdefghij klmnop\n"), count))


def test_errors_come_first_and_nothing_is_said_twice():
    losses = np.linspace(4.3, 20, 300)
    norms = np.full(300, 50.0)
    run = record(losses, lines={"grad_norm": norms}, events=[], train_options={"steps": 900})
    found = diagnose(run)
    assert [f.severity for f in found] == ["error", "warning"]
    assert [f.kind for f in found] == ["no-better-than-guessing", "interrupted"]
    assert verdict(run, found) == "found: 1 error, 1 warning"


def test_nothing_wrong_is_said_with_figures():
    run = record(decay(100, scale=0.05), decay(100, scale=0.05)[19::20])
    assert diagnose(run) == []
    assert verdict(run, []) == "nothing wrong: 100 steps, best validation loss 1.5 at step 100"


def test_a_run_with_too_high_a_rate(tmp_path):
    (tmp_path / "t.txt").write_text(make_text(2000))
    options = {"steps": 60, "learning_rate": 10.0, "warmup_steps": 0, **SMALL}
    with contextlib.suppress(NonFiniteError):  # it may, and that is said too
        train(tmp_path / "t.txt", out=tmp_path / "r", progress=Progress(), **options)
    found = {f.kind: f for f in diagnose(read_run(tmp_path / "r"))}
    chosen = next(k for k in ("not-finite", "no-better-than-guessing", "spike") if k in found)
    assert found[chosen].severity == "error" and "--learning-rate 0.003 (is 10)" in (
        found[chosen].advice
    )


def test_a_small_text_trained_for_long(tmp_path):
    """Nothing but learning by heart lowers the training loss."""
    (tmp_path / "t.txt").write_text(make_text(600))
    options = {
        "model": "mlp", "steps": 100, "learning_rate": 1e-2, "eval_interval": 10, "n_embd": 16,
        "block_size": 4, "batch_size": 16, "sample_tokens": 0, "precision": "float32", "threads": 1,
    }  # fmt: skip
    train(tmp_path / "t.txt", out=tmp_path / "r", progress=Progress(), **options)
    run = read_run(tmp_path / "r")
    found = {f.kind: f for f in diagnose(run)}
    assert found["over-fitting"].step == run.best["step"] < 100
    assert "tiny-text" in found and "under-trained" not in found


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(
                ["train_loss", "val_loss", "lr", "grad_norm", "tokens_per_second", "seconds"]
            ),
            st.none() | st.floats(-1e18, 1e18) | st.integers(-5, 5),
        ),
        max_size=40,
    ),
    st.lists(
        st.dictionaries(
            st.sampled_from(["overlap", "times", "where", "what", "message", "train_tokens"]),
            st.none() | st.integers(-9, 9) | st.sampled_from(["", "nan"]) | st.lists(st.integers()),
        ),
        max_size=5,
    ),
    st.sampled_from(["begin", "data", "failure", "stop", "end", "warning"]),
    st.dictionaries(
        st.sampled_from(["steps", "learning_rate", "grad_clip", "warmup_steps", "eval_batches"]),
        st.sampled_from([None, "", "x"]) | st.floats(-1e9, 1e9) | st.booleans(),
    ),
)
def test_no_record_is_too_odd(metrics, events, kind, options):
    """Whatever finite numbers a folder holds: findings, no exception, no warning."""
    lines = [{"step": i + 1, **line} for i, line in enumerate(metrics)]
    logged = [{"kind": kind, "step": 0, "seconds": 0, **event} for event in events]
    run = RunRecord(
        Path("nowhere"), train=options, model=dict(options), metrics=lines, events=logged
    )
    with np.errstate(all="raise"):
        assert isinstance(kinds(run), list) and verdict(run, diagnose(run))


@pytest.mark.parametrize("size", [0, 1, 2, 5, 9])
def test_runs_of_few_steps(size):
    assert "spike" not in kinds(record(decay(size)))
