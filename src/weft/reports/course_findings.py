"""How the run itself went: ended by an error, never finished, slowed down, where its time went."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from weft.checkpoint import RunFolder
from weft.reports.finding import (
    Finding,
    figure,
    go_on,
    has_ended,
    last_step,
    lines_of,
    option,
    percent,
)
from weft.reports.loss_findings import LONGEST_MESSAGE, lower_rate
from weft.reports.record import RunRecord
from weft.reports.robust import levels, longest_period, smooth

# The speed of single steps varies with whatever else the machine does: it is compared in a hundred
# pieces of the run, and slow must be ten of them together, so a tenth of the run or more.
PIECES = 100
FEWEST_SLOW = 10
SLOWER = 1.5
# Options that change a step's work: what is slower after one of them is no fault of the machine.
WORK = ("batch_size", "accumulate", "checkpoint_gradients", "precision", "threads", "optimizer")

OVERHEAD = 0.25  # of the time, for all that is not training
SHORTEST = 10.0  # seconds of a run whose shares mean something


def ended_by_an_error(record: RunRecord) -> Finding | None:
    """The last process of the run failed; a loss that was not finite is said with its place."""
    failures = record.of_kind("failure")
    if not failures:
        lost = next(
            (x for x in record.metrics if "train_loss" in x and x["train_loss"] is None), {}
        )
        return _not_finite(record, int(lost["step"]), "the loss", "") if lost else None
    failure = failures[-1]
    kinds = [event.get("kind") for event in record.events]
    resumed = "begin" in kinds[len(kinds) - kinds[::-1].index("failure") :]
    at = failure.get("at")  # the step in which it was; "step" is the last one that was finished
    step = at if isinstance(at, int) else int(failure.get("step") or 0)
    if failure.get("where") or failure.get("what"):
        return _not_finite(
            record, step, _words(failure.get("what")), _words(failure.get("where")), resumed
        )
    return Finding(
        "failed",
        "note" if resumed else "error",
        f"the run ended by an error at step {step:,}: {_words(failure.get('message'))}"
        + ("; it was resumed after that" if resumed else ""),
        "mend what the message names" + ("" if resumed else f", then {go_on(record)}"),
        step,
    )


def _not_finite(
    record: RunRecord, step: int, what: str, where: str, resumed: bool = False
) -> Finding:
    value = next((word for word in ("nan", "inf") if word in what.split()), "")
    name = {"nan": "NaN", "inf": "infinite"}.get(value, "NaN or infinite")
    subject = "gradient" if "gradient" in what else "validation loss" if "valid" in what else "loss"
    float32 = record.train.get("precision") == "bfloat16"
    return Finding(
        "not-finite",
        "note" if resumed else "error",
        f"the {subject} became {name} at step {step:,}"
        + (f", first in {where}" if where else "")
        + ("; the run was resumed after that" if resumed else ""),
        lower_rate(record)
        + (", or --precision float32 (is bfloat16)" if float32 else "")
        + f"; {go_on(record)} goes on from {_begin(record)}",
        step,
    )


def interrupted(record: RunRecord) -> Finding | None:
    """The run stopped before its end, by a signal or without a word, and nobody trains it now."""
    if has_ended(record) or RunFolder(record.path).is_held():
        return None
    kinds = [event.get("kind") for event in record.events]
    ended = max((i for i, kind in enumerate(kinds) if kind in ("stop", "failure")), default=-1)
    if ended >= 0 and kinds[ended] == "failure" and "begin" not in kinds[ended:]:
        return None  # that is said with its reason
    steps, done = option(record, "steps"), last_step(record)
    of = f" of {steps:,.0f}" if steps is not None else ""
    signal = _words(record.events[ended].get("signal")) if ended >= 0 else ""
    how = f"by {signal}" if "begin" not in kinds[ended:] and signal else "without a word"
    return Finding(
        "interrupted",
        "warning",
        f"interrupted at step {done:,}{of} ({how}) and never finished",
        f"{go_on(record)} goes on from {_begin(record)}",
        done,
    )


def _begin(record: RunRecord) -> str:
    """Where a resumed run begins."""
    return f"step {record.checkpoints[-1]:,}" if record.checkpoints else "the beginning"


def nothing_logged(record: RunRecord) -> Finding | None:
    """There is a configuration, and not one step."""
    if record.metrics or RunFolder(record.path).is_held():
        return None
    return Finding(
        "nothing-logged",
        "warning",
        "no step was logged: the run ended before its first",
        f"{go_on(record)}",
    )


def slower(record: RunRecord) -> Finding | None:
    """For a part of the run the machine did much less in the same time."""
    lines = [line for line in lines_of(record) if line.get("tokens_per_second")]
    speeds = levels([float(line["tokens_per_second"]) for line in lines], PIECES)
    if len(speeds) < 3 * FEWEST_SLOW:
        return None
    usual = float(np.percentile(speeds, 75))
    begin, end = longest_period(smooth(speeds, 5) < usual / math.sqrt(SLOWER))
    rest = np.concatenate([speeds[:begin], speeds[end:]])
    if end - begin < FEWEST_SLOW or not len(rest):
        return None
    ratio = float(np.median(rest) / np.median(speeds[begin:end]))
    steps = levels([float(line["step"]) for line in lines], PIECES)
    first, to_the_end = int(steps[begin]), end == len(speeds)
    changed = any(
        change.get("option") in WORK and abs(_number(change.get("step")) - first) <= steps[-1] / 20
        for change in record.changes
    )
    if ratio < SLOWER or changed or begin == 0:
        return None
    until = "to the end" if to_the_end else f"until step {int(steps[end]):,}"
    return Finding(
        "slower",
        "note",
        f"the machine became {ratio:.1f}x slower at step {first:,}, {until}: "
        f"{figure(float(np.median(speeds[begin:end])))} tokens per second instead of "
        f"{figure(float(np.median(rest)))}",
        "look for another program, power saving or heat; --threads, if others need the cores",
        first,
    )


def overhead(record: RunRecord) -> Finding | None:
    """Much of the time went into evaluations, samples and saves."""
    times = record.last("end").get("times")
    if not isinstance(times, dict):
        return None
    seconds = {name: max(0.0, _number(value)) for name, value in times.items()}
    total = sum(seconds.values())
    besides = {name: seconds.get(name, 0.0) for name in ("evaluate", "sample", "save")}
    share = sum(besides.values()) / total if total else 0.0
    if total < SHORTEST or share < OVERHEAD:
        return None
    most = max(besides, key=lambda name: besides[name])
    advice = {
        "evaluate": f"fewer --eval-batches (is {record.train.get('eval_batches', 40)})",
        "sample": f"fewer --sample-tokens (is {record.train.get('sample_tokens', 160)})",
        "save": "a faster disk",
    }
    parts = ", ".join(f"{name} {figure(value)} s" for name, value in besides.items() if value > 0)
    return Finding(
        "overhead",
        "warning",
        f"evaluating, sampling and saving took {percent(share)} of the time ({parts} of "
        f"{figure(total)} s)",
        f"a longer --eval-interval (is {record.train.get('eval_interval', 'derived')}), or "
        + advice[most],
    )


def saves_failed(record: RunRecord) -> Finding | None:
    """Checkpoints that could not be written on the way."""
    failed = [event for event in record.of_kind("warning") if event.get("about") == "save"]
    if not failed:
        return None
    return Finding(
        "saves-failed",
        "warning",
        f"{len(failed)} checkpoints could not be saved: {_words(failed[-1].get('message'))}",
        "free some space on the disk of the run folder",
        int(failed[0].get("step") or 0),
    )


def forgotten(record: RunRecord) -> Finding | None:
    """A run on another text lost what it had learnt from the first one."""
    result: dict[str, Any] = record.result or {}
    before, after = (result.get(f"old_val_loss_{when}") for when in ("before", "after"))
    if not isinstance(before, int | float) or not isinstance(after, int | float):
        return None
    if after <= 1.1 * before:
        return None
    return Finding(
        "forgotten",
        "note",
        f"much of the old text was forgotten: its validation loss went from {figure(before)} to "
        f"{figure(after)}",
        "a lower --learning-rate, fewer --steps, or the old text mixed into the new one",
    )


def _words(value: Any) -> str:
    """What a log says, of a length that can be shown."""
    return value[:LONGEST_MESSAGE] if isinstance(value, str) else ""


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
