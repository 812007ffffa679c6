"""`--minutes`: how many steps still fit into the time, asked again after every step.

The first guess comes from a few timed steps. From then on the run's own steps, evaluations and
saves say what the rest will cost: when the machine becomes slower or faster, the schedule takes
another pace (`weft.schedule.Pace`) and still comes to its end. The steps that come of it are in
the checkpoint, so what a run did is a function of them; the clock itself is not.
"""

from __future__ import annotations

import math
import statistics
import time
from collections import deque

from weft.schedule import Pace
from weft.training.journal import Journal
from weft.training.optimization import Optimization
from weft.training.session import Session, resolve
from weft.training.step import clip, gradients

TIMED_SHARE = 0.01  # of the time, for the steps that are timed before the run
MOST_TIMED_SECONDS, MOST_TIMED_STEPS = 2.0, 50
EVALUATING_SHARE = 0.05  # of the time, for evaluations, samples and saves on the way
CLOSING_SHARE = 0.04  # of the time, for the last evaluation
MOST_EVALUATIONS = 25
FORWARD_SHARE = 0.4  # of a training step's time a token takes that is only read
WRITTEN_PER_SECOND = 2e8  # bytes of a checkpoint, before the first one was timed
SAVE_SECONDS = 0.05  # more, for a save's files and their fsyncs
SPARE_SHARE = 0.01  # of the time, for what the machine does beside this
RECENT = 32  # steps whose mean is the pace
DRIFT = 0.01  # of the steps that are left: a plan that is nearer than that stays
PLANS = 50  # at most, until the last twentieth of the time, in which every step counts
LARGE_DRIFT = 0.1  # one that is worth a line in the journal
SAMPLE_TOKENS = 4  # timed before the run


class Clock:
    """The time of one process of a run by the clock; `minutes` are those of all its processes."""

    def __init__(self, session: Session, journal: Journal) -> None:
        assert session.config.minutes is not None
        self.session, self.journal = session, journal
        self.total = 60 * session.config.minutes
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._planned_at = 0.0
        self._end: int | None = None  # steps, where the run is to end before its time
        epochs = session.config.epochs
        self._most = math.inf if epochs is None else session.steps_of(epochs)
        self._noted = 0  # steps of the last plan that was worth a line; the first one counts
        step, self._sample = _measure(session, TIMED_SHARE * self.total)
        self._recent.append(step)
        self._read = FORWARD_SHARE * step / session.step_tokens  # seconds of a token
        weights = sum(p.array.nbytes for p in session.model.parameters())
        self._save: float = SAVE_SECONDS + 3 * weights / WRITTEN_PER_SECOND
        self._fix_interval()

    def begin(self, anew: bool) -> None:
        """Fix the number of steps from what is known before the first one.

        A run that goes on keeps the place of its schedule, or, with time that is new (`anew`),
        takes the one that a run of that length has after as much time.
        """
        session, step = self.session, self.session.step
        steps = max(step + 1, self._fitting(step))
        if step and session.config.steps is not None:
            share = min(1.0, self.journal.seconds / self.total)
            now = share if anew else session.optimization.progress(step)
            session.optimization.paces.append(Pace(step, now, steps))
        session.set_steps(steps)
        self._noted = steps

    def observe(self, what: str, seconds: float, tokens: int = 0) -> None:
        """A step, evaluation (of so many tokens), sample or save took this long."""
        if what == "step":
            self._recent.append(seconds)
        elif what == "evaluate":
            self._read = seconds / max(tokens, 1)
        elif what == "sample":
            self._sample = seconds
        elif what == "save":
            self._save = seconds

    def plan(self, done: int) -> None:
        """After `done` steps: keep the length of the run, or change it and the schedule's pace."""
        optimization, steps = self.session.optimization, self._steps
        seconds = self.journal.seconds
        soon = seconds - self._planned_at < self.total / PLANS
        if done == steps or (soon and seconds < (1 - 1 / 20) * self.total):
            return
        fitting = self._fitting(done)
        if abs(fitting - steps) <= max(DRIFT * (steps - done), 0.5):
            return
        self._planned_at = seconds
        now = optimization.progress(done)
        optimization.paces.append(Pace(done, now, fitting))
        self._note(fitting)
        self.session.set_steps(fitting)
        self.session.progress.length(fitting)

    def bring_to_an_end(self, done: int) -> bool:
        """Begin the last part of the schedule now, and make it short; False if it has begun.

        The part is as long as it would have been for a run that had been planned to end here.
        """
        config, optimization = self.session.config, self.session.optimization
        now = optimization.progress(done)
        part = config.decay_fraction if config.schedule == "wsd" else 1 - now
        if done < (config.warmup_steps or 0) or (config.schedule == "wsd" and now >= 1 - part):
            return False
        ahead = max(1, round(done * part / max(1 - part, 0.5)))
        end = min(done + ahead, self._fitting(done))
        if end >= self._steps:
            return False
        optimization.paces.append(Pace(done, 1 - part, end))
        self._end = end
        self.journal.event("replan", before=self._steps, after=end, why="it over-fits")
        self.session.set_steps(end)
        self.session.progress.length(end)
        return True

    def last_batches(self) -> int | None:
        """Batches of the last evaluation: None, the whole validation split, if time allows."""
        rows, block_size = self.session.config.batch_size, self.session.model_config.block_size
        affordable = CLOSING_SHARE * self.total
        if self._read * self.session.validation_tokens <= affordable:
            return None
        return max(1, int(affordable / (self._read * rows * block_size)))

    @property
    def ends_early(self) -> bool:
        """Whether the run comes to its end before the time: of its passes, or as it over-fits."""
        return self._end is not None or self._steps >= self._most

    def length(self, done: int) -> float:
        """Seconds that the run will have taken; less than its time where it ends early."""
        if not self.ends_early:
            return self.total
        rest = (self._steps - done) * statistics.fmean(self._recent)
        return min(self.total, self.journal.seconds + rest + self._closing())

    @property
    def _steps(self) -> int:
        assert self.session.config.steps is not None
        return self.session.config.steps

    def _fitting(self, done: int) -> int:
        """Steps in all that fit, if what comes costs what it has cost."""
        if self._end is not None:
            return max(done, self._end)
        left = (1 - SPARE_SHARE) * self.total - self.journal.seconds - self._closing()
        step = statistics.fmean(self._recent)
        interval = self.session.config.eval_interval or MOST_EVALUATIONS
        fitting = done + max(0, math.floor(left / (step + self._evaluation() / interval)))
        return fitting if fitting <= self._most else max(done, int(self._most))

    def _evaluation(self) -> float:
        """Seconds of an evaluation on the way, with its sample and its save."""
        return (
            self._read * self._tokens(self.session.config.eval_batches) + self._sample + self._save
        )

    def _closing(self) -> float:
        """Seconds after the last step: evaluations, sample, save, and the report."""
        last, origin = self._tokens(self.last_batches()), self.session.origin
        old = origin.seconds if origin is not None else 0.0  # the other run's text once more
        return self._evaluation() + self._read * last + self._save + old

    def _tokens(self, batches: int | None) -> int:
        whole = self.session.validation_tokens
        if batches is None:
            return whole
        rows, block_size = self.session.config.batch_size, self.session.model_config.block_size
        return min(batches * rows * block_size, whole)

    def _fix_interval(self) -> None:
        """Where no interval is given: as many evaluations as their share of the time pays for."""
        config = self.session.config
        if config.eval_interval is not None:
            return
        count = int(EVALUATING_SHARE * self.total / self._evaluation())
        count = min(max(count, 1), MOST_EVALUATIONS)
        step = statistics.fmean(self._recent)
        steps = (self.total - self.journal.seconds - self._closing()) / step
        self.session.set_interval(max(1, math.ceil(steps / count)))

    def is_due(self, done: int) -> bool:
        """Whether to evaluate on the way now: not so soon before the last time."""
        interval = self.session.config.eval_interval or 1
        return done % interval == 0 and self._steps - done > interval // 3

    def _note(self, after: int) -> None:
        """An event, where the plan is far from the last one that was noted."""
        before = self._noted
        if abs(after - before) > LARGE_DRIFT * before:
            why = f"the machine is {'slower' if after < before else 'faster'}"
            self.journal.event("replan", before=before, after=after, why=why)
            self._noted = after


def _measure(session: Session, most: float) -> tuple[float, float]:
    """Seconds of a step, and of a sample.

    The steps are real but for a learning rate of zero, on optimisers that are thrown away: the
    weights stay as they are, bit for bit, and so do the states of streams.
    """
    optimization = session.optimization
    carried = session.carried()
    session.optimization = _standing_still(session)
    begin, times = time.monotonic(), [_timed_step(session, 0)]
    while (
        time.monotonic() - begin < min(most, MOST_TIMED_SECONDS) and len(times) < MOST_TIMED_STEPS
    ):
        times.append(_timed_step(session, len(times)))
    session.optimization = optimization
    if session.streams is not None:
        session.streams.load(carried)
    return statistics.median(times[1:] or times), _timed_sample(session)


def _standing_still(session: Session) -> Optimization:
    """Optimisers of the same kind with weight decay and learning rate zero."""
    optimization = Optimization(session.model, session.config)
    optimization.config = resolve(session.config)
    optimization.learning_rate = lambda step: 0.0  # type: ignore[method-assign]
    return optimization


def _timed_step(session: Session, step: int) -> float:
    config, begin = session.config, time.monotonic()
    gradients(session.model, session.batches(step), session.dtype)
    _, scale = clip(session.optimization.parameters, config.grad_clip)
    session.optimization.step(step, scale)
    session.optimization.zero_grad()
    return time.monotonic() - begin


def _timed_sample(session: Session) -> float:
    length = session.config.sample_tokens
    begin = time.monotonic()
    session.sample(0, min(length, SAMPLE_TOKENS))
    return (time.monotonic() - begin) * length / max(1, min(length, SAMPLE_TOKENS))
