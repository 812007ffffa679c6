"""A run that learns by heart: it is said once, and a run by the clock comes to its end."""

from hypothesis import given
from hypothesis import strategies as st

from weft.checkpoint import RunFolder
from weft.runlog import read_events, read_metrics
from weft.training.overfitting import PATIENCE, Rise, rise


@given(st.lists(st.floats(0.5, 5.0), max_size=20).map(lambda x: sorted(x, reverse=True)))
def test_a_loss_that_falls_is_no_rise(losses):
    assert rise(list(enumerate(losses))) is None


@given(st.integers(1, 10), st.integers(PATIENCE, 6), st.floats(0.01, 0.5))
def test_a_rise_is_found(before, after, by):
    losses = [3.0 - 0.1 * i for i in range(before)]
    losses += [losses[-1] * (1 + by * (i + 1)) for i in range(after)]
    found = rise(list(enumerate(losses)))
    assert found == Rise(before - 1, losses[before - 1], losses[-1])


def test_one_bad_evaluation_is_no_rise():
    assert rise([(1, 3.0), (2, 2.0), (3, 2.5), (4, 2.1), (5, 2.02)]) is None
    assert rise([(1, 2.0), (2, 2.001), (3, 2.002), (4, 2.003)]) is None


LEARN = {"n_embd": 32, "learning_rate": 2e-2, "schedule": "wsd", "decay_fraction": 0.5}


def test_a_run_of_steps_says_so_once(quick, tmp_path):
    path = tmp_path / "little.txt"
    path.write_text("the cat sat on a mat, and so did the dog. " * 3 + "A bird flew over it! " * 2)
    quick(data=path, steps=300, eval_interval=10, val_fraction=0.3, **LEARN)
    events = read_events(tmp_path / "run/events.jsonl")
    said = [e for e in events if e["kind"] == "warning" and e["about"] == "overfitting"]
    assert len(said) == 1 and said[0]["message"].startswith("over-fitting since step")
    assert len(read_metrics(tmp_path / "run/metrics.jsonl")) == 300


def test_a_run_by_the_clock_ends_early_and_anneals(quick, tmp_path):
    path = tmp_path / "little.txt"
    path.write_text("the cat sat on a mat, and so did the dog. " * 3 + "A bird flew over it! " * 2)
    options = {"steps": None, "minutes": 1.0, "eval_interval": 10, "val_fraction": 0.3, **LEARN}
    result = quick(data=path, **options, dropout=0.0, warmup_steps=5)
    lines = read_metrics(tmp_path / "run/metrics.jsonl")
    assert result.seconds < 40 and result.steps == len(lines)
    rates = [line["lr"] for line in lines]
    assert rates[-1] < 0.2 * max(rates)
    best = min((line for line in lines if "val_loss" in line), key=lambda line: line["val_loss"])
    assert best["step"] in RunFolder(tmp_path / "run").checkpoints()
    assert result.best_val_loss <= result.val_loss
