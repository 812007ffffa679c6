"""A run by the clock: its length follows the machine's speed, its schedule comes to its end."""

import itertools
import math
import types

import pytest

from weft.checkpoint import RunFolder, latest_checkpoint
from weft.config import read_toml
from weft.errors import WeftError
from weft.runlog import read_events, read_metrics
from weft.training import Progress, clock, evaluation, journal, loop, run


class Time:
    """A clock that goes on by what each step is said to take."""

    def __init__(self):
        self.now, self.step_seconds = 100.0, lambda done: 0.1

    def monotonic(self):
        return self.now


@pytest.fixture
def watch(monkeypatch):
    """The time that training sees; a step takes `watch.step_seconds(seconds so far)`.

    A batch that is only read takes a hundredth of a second.
    """
    time, begun = Time(), 100.0
    for module in (clock, evaluation, journal, loop, run):
        monkeypatch.setattr(module, "time", types.SimpleNamespace(monotonic=time.monotonic))
    for module in (clock, loop):

        def gradients(*arguments, real=module.gradients):
            time.now += time.step_seconds(time.now - begun)
            return real(*arguments)

        monkeypatch.setattr(module, "gradients", gradients)

    def loss_sum(*arguments, real=evaluation.loss_sum):
        time.now += 0.01
        return real(*arguments)

    monkeypatch.setattr(evaluation, "loss_sum", loss_sum)
    return time


class Times(Progress):
    """Notes what it is told of the time."""

    def __init__(self):
        self.shown = []

    def time(self, done_seconds, total_seconds):
        self.shown.append((done_seconds, total_seconds))


BY_THE_CLOCK = {"steps": None, "eval_interval": None, "schedule": "wsd", "decay_fraction": 0.5}
SPEEDS = {
    "steady": lambda done: 0.1,
    "slower": lambda done: 0.1 if done < 30 else 0.3,
    "faster": lambda done: 0.3 if done < 30 else 0.1,
    "stalls": lambda done: 5.0 if 20 < done < 24 else 0.1,
    "slower at the end": lambda done: 0.1 if done < 54 else 0.4,
    "ever slower": lambda done: 0.1 + 0.2 * done / 60,
}


@pytest.mark.parametrize("speed", SPEEDS)
def test_the_time_is_kept_and_the_schedule_ends(quick, tmp_path, watch, speed):
    watch.step_seconds = SPEEDS[speed]
    result = quick(minutes=1.0, **BY_THE_CLOCK)
    assert 57 <= watch.now - 100 <= 60.0
    records = read_metrics(tmp_path / "run/metrics.jsonl")
    config = read_toml(tmp_path / "run/config.toml")["train"]
    assert config["steps"] == result.steps == len(records) and config["minutes"] == 1.0
    peak, floor = config["learning_rate"], config["min_learning_rate"]
    rates = [record["lr"] for record in records]
    # half of the time at the peak, half on the way down, whatever the steps cost
    assert max(rates) == peak
    held = max(record["seconds"] for record in records if record["lr"] == peak)
    assert 26 <= held <= 36
    assert rates[-1] - floor <= 0.1 * (peak - floor)
    down = rates[rates.index(peak) :]
    assert all(a >= b for a, b in itertools.pairwise(down))


@pytest.mark.parametrize("speed", ["slower", "ever slower"])
def test_a_change_of_the_speed_is_noted(quick, tmp_path, watch, speed):
    watch.step_seconds = SPEEDS[speed]
    quick(minutes=1.0, **BY_THE_CLOCK)
    events = read_events(tmp_path / "run/events.jsonl")
    kinds = [event["kind"] for event in events]
    assert kinds[:2] == ["begin", "data"] and kinds[-1] == "end"
    replan = next(event for event in events if event["kind"] == "replan")
    assert replan["after"] < replan["before"] and replan["why"] == "the machine is slower"
    end = events[-1]
    assert {"train", "evaluate", "save", "prepare", "measure"} <= set(end["times"])
    assert end["times"]["train"] == pytest.approx(60, abs=6) and end["memory_bytes"] > 1e7


def test_the_paces_of_a_checkpoint_give_the_same_bits(quick, tmp_path, watch, monkeypatch):
    watch.step_seconds = SPEEDS["slower"]
    result = quick("timed", minutes=0.2, **BY_THE_CLOCK)
    state = latest_checkpoint(RunFolder(tmp_path / "timed")).state
    assert len(state["paces"]) >= 1

    def replay(session, journal, minutes):
        session.optimization.paces = [clock.Pace(*pace) for pace in state["paces"]]
        session.set_interval(result.steps)
        session.set_steps(result.steps)

    monkeypatch.setattr(run, "_clock", replay)
    quick("again", minutes=0.2, warmup_steps=state["train"]["warmup_steps"], **BY_THE_CLOCK)
    for name in ("model.safetensors", "optimizer.safetensors"):
        files = [f"{run}/checkpoints/step-{result.steps:08d}/{name}" for run in ("timed", "again")]
        one, two = ((tmp_path / file).read_bytes() for file in files)
        assert one == two, name


def test_an_interrupted_run_has_the_rest_of_its_time(quick, tmp_path, watch, crash):
    with pytest.raises(crash[0]):
        quick(minutes=1.0, progress=crash[1](300), **BY_THE_CLOCK)
    saved = latest_checkpoint(RunFolder(tmp_path / "run")).state["seconds"]
    watch.now += 1000  # nobody trained
    before = watch.now
    quick(resume=True)
    assert 57 <= saved + watch.now - before <= 60.0
    assert quick(resume=True).steps == read_metrics(tmp_path / "run/metrics.jsonl")[-1]["step"]


def test_more_minutes_plan_the_rest(quick, tmp_path, watch):
    first = quick(minutes=0.5, **BY_THE_CLOCK)
    before = watch.now
    second = quick(resume=True, minutes=1.0)
    assert 57 <= watch.now - before <= 60.0 and second.steps > 2 * first.steps
    records = read_metrics(tmp_path / "run/metrics.jsonl")
    config = read_toml(tmp_path / "run/config.toml")["train"]
    assert config["minutes"] == pytest.approx(1.5, abs=0.05)
    peak = config["learning_rate"]
    assert records[first.steps - 1]["lr"] < 0.2 * peak  # it had come to its end
    assert records[first.steps + 5]["lr"] == peak  # a third of the new time is over
    assert records[-1]["lr"] < 0.2 * peak


def test_more_steps_end_the_clock(quick, tmp_path, watch):
    first = quick(minutes=0.2, **BY_THE_CLOCK)
    second = quick(resume=True, steps=first.steps + 10)
    assert second.steps == first.steps + 10
    assert "minutes" not in read_toml(tmp_path / "run/config.toml")["train"]


def test_passes_over_the_text_end_it_before_the_time(quick, tmp_path, watch):
    begun, tokens = watch.now, 8 * 4  # of a step
    progress = Times()
    result = quick(minutes=10.0, epochs=0.5, progress=progress, **BY_THE_CLOCK)
    done, total = progress.shown[-1]
    assert done <= total < 1.2 * done < 60  # and nobody is told to wait for ten minutes
    whole = next(e for e in read_events(tmp_path / "run/events.jsonl") if e["kind"] == "data")
    assert result.steps == math.ceil(0.5 * whole["train_tokens"] / tokens)
    assert watch.now - begun < 60
    records = read_metrics(tmp_path / "run/metrics.jsonl")
    peak = read_toml(tmp_path / "run/config.toml")["train"]["learning_rate"]
    assert records[len(records) // 4]["lr"] == peak and records[-1]["lr"] < 0.2 * peak
    more = quick(resume=True, epochs=1.0, minutes=10.0)
    assert more.steps == math.ceil(whole["train_tokens"] / tokens)


def test_a_failure_is_noted(quick, tmp_path):
    with pytest.raises(WeftError):
        quick(learning_rate=900.0, grad_clip=0.0, min_learning_rate=900.0, warmup_steps=0)
    last = read_events(tmp_path / "run/events.jsonl")[-1]
    assert last["kind"] == "failure" and "learning-rate" in last["message"]
