"""A sweep on a tiny text: its runs, what failed, what goes on after a stop, and the time."""

import math

import pytest

from weft.checkpoint import RunFolder
from weft.config import read_toml
from weft.errors import ConfigError, WeftError
from weft.training.sweep import Record, Sweep, sweep

TINY = {"n_layer": 1, "n_head": 2, "n_embd": 8, "block_size": 8, "batch_size": 2,
        "precision": "float32"}  # fmt: skip


@pytest.fixture
def new(text, tmp_path):
    """`new(points, **record)`: a sweep of the small text, in steps unless minutes are given."""

    def make(points, fixed=TINY, eta=3.0, rungs=2, folder="sweep", **record):
        record = {"steps": 6, **record} if "minutes" not in record else record
        return Sweep(
            tmp_path / folder, Record(str(text), points, eta, rungs, fixed=fixed, **record)
        )

    return make


POINTS = [{"learning_rate": rate} for rate in (1e-5, 3e-2, 1e-3)]


def test_the_best_third_trains_three_times_as_long(new):
    made = new(POINTS)
    said = []
    made.tell = said.append
    made.run()
    trials = made.record.trials
    assert [(t.point, t.rung, t.budget) for t in trials[:3]] == [(0, 0, 2), (1, 0, 2), (2, 0, 2)]
    best = min(trials[:3], key=lambda t: t.loss)
    assert (trials[3].point, trials[3].rung, trials[3].budget) == (best.point, 1, 6)
    assert len(trials) == 4 and made.ranking()[0] is trials[3]
    assert [t.score for t in made.ranking()[1:]] == sorted(t.score for t in made.ranking()[1:])
    stored = read_toml(made.place(best.point, 1) / "config.toml")
    assert stored["train"]["steps"] == 6 and stored["model"]["n_embd"] == 8
    assert stored["train"]["learning_rate"] == POINTS[best.point]["learning_rate"]
    assert said[0] == "rung 1 of 2, run 1 of 3, 2 steps: learning_rate=1e-05"
    assert said[-1] == f"  {trials[3].loss:.4f} nats per token"


def test_a_run_that_cannot_be_is_reported_and_dropped(new):
    made = new([{"n_embd": 8}, {"n_embd": 9}, {"n_embd": 16}], eta=1.5)
    made.run()
    failed = made.ranking()[-1]
    assert (failed.point, failed.loss) == (1, None) and "n_embd 9" in failed.failure
    assert made.ranking()[0].rung == 1
    with pytest.raises(WeftError, match="every run failed, the last one so: n_embd 9"):
        new([{"n_embd": 7}, {"n_embd": 9}], folder="other").run()


def test_a_run_that_diverges_is_dropped(new):
    fixed = {
        **TINY,
        "grad_clip": 0.0,
        "schedule": "constant",
        "warmup_steps": 0,
        "optimizer": "adamw",
    }
    made = new([{"learning_rate": 1000.0}, {"learning_rate": 1e-3}], fixed=fixed, steps=30, rungs=1)
    made.run()
    first = made.record.trials[0]
    assert first.failure is not None or first.loss > made.record.trials[1].loss
    assert made.ranking()[0].point == 1


def test_a_stop_loses_nothing(new, monkeypatch):
    whole = new(POINTS, folder="whole")
    whole.run()
    stopped = new(POINTS, folder="stopped")
    real, calls = sweep.train, []

    def train(*data, **options):
        calls.append(options["out"])
        if len(calls) == 2:
            real(*data, **{**options, "steps": 1})  # what a run leaves that is cut short
            raise KeyboardInterrupt
        return real(*data, **options)

    monkeypatch.setattr(sweep, "train", train)
    with pytest.raises(KeyboardInterrupt):
        stopped.run()
    assert len(stopped.record.trials) == 1
    again = Sweep(stopped.folder, sweep_record(stopped.folder))
    again.run()
    assert calls.count(calls[0]) == 1 and calls.count(calls[1]) == 2  # it goes on, not anew
    done = [(t.point, t.rung, t.budget) for t in again.record.trials]
    assert done == [(t.point, t.rung, t.budget) for t in whole.record.trials]
    assert again.record.trials[0].loss == whole.record.trials[0].loss


def sweep_record(folder):
    from weft.training.sweep import read_record

    return read_record(folder)


def test_tokenizers_compare_by_the_byte(new):
    made = new([{"tokenizer": "char"}, {"tokenizer": "bpe", "vocab_size": 270}], rungs=1)
    made.run()
    for trial in made.record.trials:
        assert trial.bits_per_byte == trial.score != trial.loss
    # Characters of a text of ASCII are its bytes.
    char = made.record.trials[0]
    assert char.bits_per_byte == pytest.approx(char.loss / math.log(2), rel=1e-12)
    # Untrained, both find all tokens about equally likely; longer tokens cost less by the byte.
    assert made.record.trials[1].bits_per_byte < made.record.trials[1].loss / math.log(2)


def test_a_tokenizer_is_learnt_once(new):
    made = new(POINTS, fixed={**TINY, "tokenizer": "bpe", "vocab_size": 270}, rungs=1)
    made.run()
    first, second = (RunFolder(made.place(p, 0)).path / "data/tokenizer.json" for p in (0, 1))
    assert first.read_bytes() == second.read_bytes()
    stored = read_toml(made.place(1, 0) / "config.toml")["train"]["tokenizer"]
    assert stored == str(first)


@pytest.fixture
def slowly(monkeypatch):
    """`slowly(3, 2)`: on a made-up clock the first run takes three times what it is given, the
    second twice, all others what they are given; (the clock, the seconds given)."""

    def make(*times):
        return made_up(monkeypatch, times)

    return make


def made_up(monkeypatch, times):
    now, given = [100.0], []

    class Result:
        best_val_loss, seconds = 2.0, 0.0

    def train(data=None, *, minutes, out, **options):
        given.append(60 * minutes)
        now[0] += 60 * minutes * (times[len(given) - 1] if len(given) <= len(times) else 1)
        return Result

    monkeypatch.setattr(sweep.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(sweep, "train", train)
    return now, given


def test_minutes_are_planned_once_and_shared(new, slowly):
    now, given = slowly(2)
    made = new(POINTS, minutes=1.0)
    made.record.planned = {"n_layer": 2, "n_head": 3, "vocab_size": 99}
    made.run()
    assert now[0] == pytest.approx(160)  # the last rung gave back what the first run took
    assert given == pytest.approx([10, 10, 10, 20])
    assert made.options(0) == {"sample_tokens": 0, "vocab_size": 99, **TINY, **POINTS[0]}


def test_time_that_is_over_ends_the_sweep(new, slowly):
    """Rather than to take longer than was allowed, or to compare runs that are too short."""
    said = []
    cases = [
        ((3.5,), 3, "no time is left for rung 2: its runs would be no longer"),
        ((5, 2), 2, "the time is over; left out: 1 of 3 runs"),
    ]
    for times, runs, last in cases:
        now, given = slowly(*times)
        made = new(POINTS, minutes=1.0, folder=f"slow-{runs}")
        made.tell, made.record.planned = said.append, {}
        made.run()
        assert len(given) == len(made.record.trials) == runs and said[-1] == last
        assert now[0] <= 100 + 70


def test_options_that_cannot_be(new, text, tmp_path):
    for values in ({"minutes": None, "steps": None}, {"minutes": 1.0, "steps": 3},
                   {"minutes": -1.0}, {"steps": 0, "minutes": None}):  # fmt: skip
        with pytest.raises(ConfigError, match=r"sweep; (give|minutes)"):
            new(POINTS, **values)
    with pytest.raises(ConfigError, match="unknown option 'n_layers'"):
        new([{"n_layers": 2}])
    record = Record("-", POINTS, 3.0, 1, steps=2)
    with pytest.raises(ConfigError, match="reads its text many times; stdin"):
        Sweep(tmp_path / "x", record).run()
