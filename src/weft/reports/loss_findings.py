"""What the loss curves say: over-fitting, a spike, nothing learnt, still falling, another text.

Thresholds are of two kinds: multiples of the curve's own noise, so that luck is no finding, and a
share of the loss, below which a finding would be of no use to anyone.
"""

from __future__ import annotations

import math

import numpy as np

from weft.reports.finding import (
    Curve,
    Finding,
    curve_of,
    facts_of,
    figure,
    go_on,
    has_ended,
    option,
    percent,
    vocabulary_of,
)
from weft.reports.record import RunRecord
from weft.reports.robust import levels, noise, slope, smooth
from weft.training.optimization import default_learning_rate

# Over-fitting: the rise of the validation loss after its minimum. Of n noisy values the lowest is
# two to three deviations low; medians of three are compared, and six deviations left for the rest.
# Evaluations of one run read the same batches, so their noise is small (0.1 to 0.5 % of the loss
# on our runs); with fewer than ten it cannot be measured, and 2 % of the loss decides.
RISE_IN_NOISE = 6.0
FEWEST_FOR_NOISE = 10
RISE_SHARE = 0.02
FALL_SHARE = 0.005  # of the training loss meanwhile

LONGEST_MESSAGE = 400  # characters of the log's that are shown

# A spike: a running median of at least five lines above the lowest before. Of a flat curve it is
# up to four deviations above its minimum, by luck and because the minimum is lucky.
SPIKE_IN_NOISE = 8.0
SPIKE_SHARE = 0.05
SPIKE_NATS = 0.1
RECOVERED_SHARE = 0.02

# Under-trained: what a quarter more of the time would bring, if the loss went on as it was going.
WORTHWHILE = 0.01  # of the loss; twice as much where the learning rate was falling

# Another text: validation above training before any text was read twice. A chapter differs from
# the others by a few per cent.
GAP_SHARE = 0.10
GAP_NATS = 0.2


def over_fitting(record: RunRecord) -> Finding | None:
    """The validation loss rises from some evaluation on while the training loss goes on falling."""
    evaluations, curve = record.evaluations, curve_of(record)
    values = np.array([float(line["val_loss"]) for line in evaluations])
    best = int(np.argmin(values)) if len(values) else 0
    after = len(values) - 1 - best
    if len(values) < 4 or after < 2:
        return None
    last = float(np.median(values[-min(3, after) :]))
    rise = last - float(np.median(values[max(0, best - 1) : best + 2]))
    sigma = noise(values) if len(values) >= FEWEST_FOR_NOISE else 0.0
    if rise <= max(RISE_IN_NOISE * sigma, RISE_SHARE * values[best]):
        return _seen_on_the_way(record, int(evaluations[best]["step"]))
    begin, end = int(evaluations[best]["step"]), int(evaluations[-1]["step"])
    before, now = (_trained(curve, evaluations, at) for at in (best, len(values) - 1))
    if before is None or now is None or before - now <= FALL_SHARE * abs(before):
        return None
    kept = begin in record.checkpoints
    return Finding(
        "over-fitting",
        "warning",
        f"over-fitting since step {begin:,}: the validation loss rose from {figure(values[best])} "
        f"there to {figure(values[-1])} at step {end:,} (+{figure(values[-1] - values[best])}), "
        f"while the training loss fell from {figure(before)} to {figure(now)}",
        ("the best checkpoint is kept and used by default; " if kept else "")
        + _against_over_fitting(record, begin),
        begin,
    )


def _seen_on_the_way(record: RunRecord, best: int) -> Finding | None:
    """What the run said itself, which takes a smaller rise for over-fitting."""
    said = [event for event in record.of_kind("warning") if event.get("about") == "overfitting"]
    message = said[-1].get("message") if said else None
    if not isinstance(message, str):
        return None
    advice = _against_over_fitting(record, best)
    return Finding("over-fitting", "note", message[:LONGEST_MESSAGE], advice, best)


def _trained(curve: Curve, evaluations: list[dict[str, object]], at: int) -> float | None:
    """The median training loss since the evaluation before that one."""
    previous = float(str(evaluations[at - 1]["step"])) if at else 0.0
    this = float(str(evaluations[at]["step"]))
    inside = curve.losses[(curve.steps > previous) & (curve.steps <= this)]
    return float(np.median(inside)) if len(inside) else None


def _against_over_fitting(record: RunRecord, best: int) -> str:
    dropout = option(record, "dropout")
    more = [f"--steps {best} on the same schedule"]
    if dropout is not None and dropout < 0.2:
        more.append(f"--dropout 0.2 (is {dropout:g})")
    return f"for a better one: {', '.join(more)}, a smaller model, or more text"


def spike(record: RunRecord) -> Finding | None:
    """The training loss leaps up, and comes down again or does not."""
    curve = curve_of(record)
    if len(curve.losses) < 20:
        return None
    width = 5 + 2 * (len(curve.losses) // 200)
    course = smooth(curve.losses, width)
    lowest = np.minimum.accumulate(course)
    excess = course - lowest
    quiet = [noise(piece) for piece in np.array_split(curve.losses, max(1, len(course) // 20))]
    sigma = float(np.percentile(quiet, 25))  # a curve that has broken down is all noise
    limits = np.maximum(SPIKE_IN_NOISE * sigma, np.maximum(SPIKE_NATS, SPIKE_SHARE * lowest))
    peak = int(np.argmax(excess))
    if excess[peak] <= limits[peak]:
        return None
    lowest_at = peak - int(np.argmax(course[peak::-1] <= lowest[peak]))
    begin = lowest_at + int(np.argmax(excess[lowest_at : peak + 1] > excess[peak] / 2))
    final = float(np.median(curve.losses[-max(5, len(course) // 20) :]))
    room = max(3 * sigma, RECOVERED_SHARE * lowest[peak])
    recovered = final <= lowest[peak] + room
    if recovered and peak < max(10, len(course) // 100):
        return None  # the first steps of any run
    step = int(curve.steps[begin])
    came_back = (
        "and came down again" if recovered else f"and stayed high ({figure(final)} at the end)"
    )
    return Finding(
        "spike",
        "warning" if recovered else "error",
        f"learning rate too high: the training loss spiked at step {step:,} (from "
        f"{figure(lowest[peak])} to {figure(course[peak])}) {came_back}",
        lower_rate(record),
        step,
    )


def lower_rate(record: RunRecord) -> str:
    """Advice for a learning rate that is too high: a third, or the usual one if that is lower."""
    rate, clipping = option(record, "learning_rate"), option(record, "grad_clip")
    words = "a lower --learning-rate"
    if rate:
        lower = min(rate / 3, default_learning_rate(int(max(1, option(record, "n_embd") or 128))))
        words = f"--learning-rate {lower:.2g} (is {rate:g})"
    if record.train.get("optimizer") == "muon":
        muon = option(record, "muon_learning_rate") or 0.02
        words += f" and --muon-learning-rate {min(muon / 3, 0.02):.2g} (is {muon:g})"
    warmup = option(record, "warmup_steps")
    longer = min(max(100.0, 2 * (warmup or 0)), (option(record, "steps") or math.inf) // 4)
    if warmup is not None and longer > warmup:
        words += f", or --warmup-steps {longer:.0f} (is {warmup:g})"
    return words + (", and --grad-clip 1 (is off)" if clipping == 0 else "")


def no_better_than_guessing(record: RunRecord) -> Finding | None:
    """No loss was ever below log V, what guessing all tokens alike gives."""
    vocabulary, losses = vocabulary_of(record), curve_of(record).losses
    if vocabulary < 2 or len(losses) < 10:
        return None
    uniform = math.log(vocabulary)
    values = [float(line["val_loss"]) for line in record.evaluations]
    lowest = min([float(smooth(losses, 9).min()), *values])
    if lowest < 0.99 * uniform:
        return None
    final = float(np.median(losses[-10:]))
    blown_up = final > 1.1 * uniform
    return Finding(
        "no-better-than-guessing",
        "error",
        f"the loss never went below {figure(uniform)}, what guessing all {vocabulary:,.0f} tokens "
        f"alike gives (log V); it ended at {figure(final)}",
        lower_rate(record) if blown_up else "more --steps, or another --learning-rate",
    )


def still_falling(record: RunRecord) -> Finding | None:
    """The loss was falling at the end so fast that a little more time would have been worth it."""
    curve = curve_of(record)
    if not has_ended(record) or len(curve.losses) < 20 or _past_best(record):
        return None
    if option(record, "epochs"):
        return None  # it was to read the text so often and no more
    begin, end, falling_rate, steady = _window(curve)
    found = _slope_between(record, curve, curve.steps[begin], curve.steps[end - 1])
    minutes = float(curve.seconds[-1]) / 60
    if found is None or not minutes > 0:
        return None
    what, per_second, level = found
    per_minute = -60 * per_second
    worth = WORTHWHILE * level * (2 if falling_rate else 1)
    inside = [x for x in record.evaluations if curve.steps[begin] <= x["step"]]
    inside = [x for x in inside if x["step"] <= curve.steps[end - 1]]
    stuck = len(inside) > 1 and inside[0]["val_loss"] - inside[-1]["val_loss"] < worth
    if per_minute * minutes / 4 <= worth or stuck:
        return None
    where = "before the learning rate's decay" if steady else "at the end"
    known = (
        ", in part because the learning rate was falling, when a loss always does"
        if falling_rate
        else ""
    )
    return Finding(
        "under-trained",
        "note",
        f"under-trained: the {what} was still falling {figure(per_minute)} per minute {where}"
        f"{known}",
        f"more --steps or --minutes: {go_on(record)} goes on",
        int(curve.steps[begin]),
    )


def _past_best(record: RunRecord) -> bool:
    """Whether the validation loss has turned, so that longer is not better."""
    values = [float(line["val_loss"]) for line in record.evaluations]
    return bool(values) and values[-1] > 1.005 * min(values)


def _window(curve: Curve) -> tuple[int, int, bool, bool]:
    """[begin, end) of the lines to judge by, whether the rate falls there, whether it will."""
    n, peak = len(curve.losses), float(np.nanmax(curve.rates, initial=0.0))
    at_peak = np.flatnonzero(curve.rates >= 0.95 * peak) if peak > 0 else np.array([n - 1])
    steady = int(at_peak[-1]) + 1
    if steady >= 0.95 * n:  # no decay
        return n - n // 3, n, False, False
    if steady - int(at_peak[0]) >= 0.4 * n:  # a decay at the end
        return steady - max(20, n // 4), steady, False, True
    return n - n // 3, n, True, False  # all of it


def _slope_between(
    record: RunRecord, curve: Curve, first: float, last: float
) -> tuple[str, float, float] | None:
    """Which loss, its slope per second and its level there; None where it is not surely falling.

    The validation loss, where six evaluations lie there; else the training loss.
    """
    inside = [line for line in record.evaluations if first <= line["step"] <= last]
    times = [line.get("seconds") for line in inside]
    if len(inside) >= 6 and all(isinstance(time, int | float) for time in times):
        what, x = "validation loss", np.array(times, np.float64)
        y = np.array([float(line["val_loss"]) for line in inside])
    else:
        chosen = (curve.steps >= first) & (curve.steps <= last) & np.isfinite(curve.seconds)
        what, x, y = "training loss", curve.seconds[chosen], curve.losses[chosen]
    found = slope(levels(x, 64), levels(y, 64)) if len(y) else None
    if found is None or found.high >= 0:
        return None
    return what, found.value, float(np.median(y[-max(1, len(y) // 10) :]))


def another_text(record: RunRecord) -> Finding | None:
    """Validation far above training before any of the text was seen twice."""
    tokens = facts_of(record).get("train_tokens")
    curve, early = curve_of(record), []
    for line in record.evaluations:
        seen = line.get("tokens")
        near = (curve.steps > 0.8 * line["step"]) & (curve.steps <= line["step"])
        once = isinstance(tokens, int | float) and seen is not None and seen < tokens
        if once and near.sum() >= 5:
            early.append((line, float(np.median(curve.losses[near])), int(near.sum())))
    if not early:
        return None
    gaps = [float(line["val_loss"]) - trained for line, trained, _ in early]
    line, trained, count = early[-1]
    luck = 4 * noise(curve.losses) / math.sqrt(count)  # a median's deviation is 1.25 / √n
    if min(float(np.median(gaps)), gaps[-1]) <= max(GAP_SHARE * trained, GAP_NATS, luck):
        return None
    return Finding(
        "another-text",
        "warning",
        f"the validation loss was much worse than the training loss from the start "
        f"({figure(float(line['val_loss']))} against {figure(trained)} at step {line['step']:,}, "
        "before anything was read twice): the last part of the text is of another kind",
        "mix the texts, so that the last part is like the rest, or judge by a validation text of "
        "your own with weft eval",
        int(line["step"]),
    )


def clipped(record: RunRecord) -> Finding | None:
    """Nearly every gradient was scaled down, so the clipping is a learning rate of its own."""
    limit, curve = option(record, "grad_clip"), curve_of(record)
    if not limit or len(curve.losses) < 20:
        return None
    warm = curve.steps[len(curve.steps) // 10]  # the first tenth is large in any run
    norms = np.array(
        [
            line["grad_norm"]
            for line in record.metrics
            if line["step"] >= warm and line.get("grad_norm") is not None
        ]
    )
    share = float((norms > limit).mean()) if len(norms) else 0.0
    if share < 0.9:
        return None
    return Finding(
        "clipped",
        "note",
        f"the gradient was clipped in {percent(share)} of the steps (its norm is "
        f"{figure(float(np.median(norms)))} at the median, and {limit:g} allowed)",
        f"--grad-clip {figure(2 * float(np.median(norms)))}, or a lower --learning-rate",
    )
