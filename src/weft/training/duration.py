"""`--minutes`: from a wall-clock time to a number of steps, by timing some at the start.

Once fixed, the number is in config.toml and the run is one of `steps` like any other: its schedule
does not depend on the clock, and resuming it is exact.
"""

from __future__ import annotations

import time

from weft.training.optimization import Optimization
from weft.training.session import Session, resolve
from weft.training.step import clip, gradients

WARM_UP_STEPS = 2
TIMED_SECONDS = 2.0
TIMED_STEPS = (3, 50)  # at least, at most
SHARE = 0.97  # of the time; the rest is for saving and for what else the machine does
MOST_EVALUATIONS_EVERY = 250  # the default eval_interval; shorter runs have five


def steps_for(session: Session, begun: float) -> int:
    """Steps that fill the minutes since `begun`, evaluations and the last one included; from 1."""
    assert session.config.minutes is not None
    step, evaluation, whole = _measure(session)
    left = 60 * session.config.minutes * SHARE - (time.monotonic() - begun) - whole
    interval = session.config.eval_interval or MOST_EVALUATIONS_EVERY
    steps = left / (step + evaluation / interval)
    if session.config.eval_interval is None and steps < 5 * interval:
        steps = (left - 5 * evaluation) / step
    return max(1, int(steps))


def _measure(session: Session) -> tuple[float, float, float]:
    """Seconds of a step, of an evaluation with its sample, and of the whole validation split.

    The steps are real but for a learning rate of zero, on optimisers that are thrown away: the
    weights stay as they are, bit for bit, and so do the states of streams.
    """
    optimization, config = session.optimization, session.config
    carried = session.carried()
    session.optimization = _standing_still(session)
    for i in range(WARM_UP_STEPS):
        _timed_step(session, i)
    times: list[float] = []
    while len(times) < TIMED_STEPS[0] or (
        sum(times) < TIMED_SECONDS and len(times) < TIMED_STEPS[1]
    ):
        times.append(_timed_step(session, len(times)))
    session.optimization = optimization
    if session.streams is not None:
        session.streams.load(carried)
    batches = min(4, config.eval_batches)
    result = session.evaluate(batches)
    rate, tokens = result.seconds / result.tokens, session.validation_tokens
    evaluated = min(config.eval_batches * result.tokens / batches, tokens)
    sample = _timed_sample(session)
    return sum(times) / len(times), rate * evaluated + sample, rate * tokens


def _standing_still(session: Session) -> Optimization:
    """Optimisers of the same kind with weight decay and learning rate zero."""
    optimization = Optimization(session.model, session.config)
    optimization.config = resolve(session.config)
    optimization.learning_rate = lambda step: 0.0  # type: ignore[method-assign]
    return optimization


def _timed_step(session: Session, step: int) -> float:
    config, begin = session.config, time.monotonic()
    gradients(session.model, session.batches(step), session.dtype)
    _, scale = clip(session.model, config.grad_clip)
    session.optimization.step(step, scale)
    session.model.zero_grad()
    return time.monotonic() - begin


def _timed_sample(session: Session) -> float:
    begin = time.monotonic()
    session.sample(0)
    return time.monotonic() - begin
