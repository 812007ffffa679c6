"""The training loop: step, log, evaluate, save; every number in it a function of (config, step).

No random or iterator state is kept anywhere, so that a run taken up from a checkpoint goes on to
the same bits as one that was never interrupted. A run by the clock changes its number of steps on
the way (clock.py), and all else follows from that number.
"""

from __future__ import annotations

import logging
import math
import time
from typing import Any

import numpy as np

from weft.checkpoint import best_checkpoint, save_checkpoint
from weft.config import TrainConfig, to_dict
from weft.errors import MalformedFileError, NonFiniteError, WeftError
from weft.random import manual_seed
from weft.runlog import read_metrics
from weft.training.clock import Clock
from weft.training.evaluation import Evaluation
from weft.training.experts import expert_figures
from weft.training.journal import Journal
from weft.training.nonfinite import Forward, check_finite, check_weights
from weft.training.overfitting import rise
from weft.training.result import TrainResult
from weft.training.session import Session, state_of
from weft.training.signals import StopRequest
from weft.training.step import clip, gradients, step_seed

logger = logging.getLogger("weft")
SAVE_ATTEMPTS = 3  # failed saves in a row that end a run; its last save must not fail
AVERAGED_STEPS = 100  # logged steps in the final train_loss


class Loop:
    """One process' part of a run, from `session.step` to the end or to a signal."""

    def __init__(
        self, session: Session, journal: Journal, stop: StopRequest, clock: Clock | None = None
    ) -> None:
        self.session, self.journal, self.stop, self.clock = session, journal, stop, clock
        self.model = session.model
        self.first = session.step
        self.saved: int | None = session.step or None
        self.failures = 0
        self._evaluations: list[tuple[int, float]] = []
        self._warned = False
        self._final: Evaluation | None = None  # of the last weights, where it is known

    def run(self) -> TrainResult:
        """Train to the last step, then evaluate on the whole validation split.

        After a signal: saves, then raises KeyboardInterrupt (SIGINT) or SystemExit (SIGTERM).
        """
        self.session.progress.start(self.first, self.steps)
        step = self.first
        while step < self.steps:
            begin = time.monotonic()
            record = self._train_step(step)
            self.journal.step = step = step + 1
            if self.clock is not None:
                self.clock.observe("step", time.monotonic() - begin)
                self.clock.plan(step)
                self.session.progress.time(self.journal.seconds, self.clock.length(step))
            val_loss = self._evaluate(record) if self._is_due(step) else None
            self._log(record)
            if val_loss is not None:
                self._meet_overfitting(step, val_loss)
            if val_loss is not None or self.stop.received:
                self._save(step, val_loss, last=step == self.steps)
            self.stop.check()
        return self._finish()

    @property
    def config(self) -> TrainConfig:
        """How the run is trained, as far as it is known now."""
        return self.session.config

    @property
    def steps(self) -> int:
        """Length of the run; a resumed one may be past it already."""
        assert self.config.steps is not None
        return max(self.config.steps, self.first)

    @property
    def step_tokens(self) -> int:
        """Targets in one step."""
        return self.session.step_tokens

    def _is_due(self, done: int) -> bool:
        if done == self.steps:
            return True
        if self.clock is not None:
            return self.clock.is_due(done)
        return done % self.config.eval_interval == 0

    def _train_step(self, step: int) -> dict[str, Any]:
        """One update; returns its line of the log."""
        config, begin = self.config, time.monotonic()
        seed, batches = step_seed(config.seed, step), self.session.batches(step)
        forward = Forward(self.model, batches, self.session.dtype, seed)
        manual_seed(seed)  # dropout
        with np.errstate(over="ignore", invalid="ignore"):  # checked below, with names
            loss = gradients(self.model, batches, self.session.dtype)
            norm, scale = clip(self.session.optimization.parameters, config.grad_clip)
        check_finite(self.model, loss, norm, step + 1, str(self.session.run.path), forward)
        rate = self.session.optimization.step(step, scale)
        self.session.optimization.zero_grad()
        duration = time.monotonic() - begin
        self.journal.add("train", duration)
        return {
            "step": step + 1,
            "tokens": self.tokens(step + 1),
            "train_loss": loss,
            "lr": rate,
            "grad_norm": norm,
            "tokens_per_second": self.step_tokens / max(duration, 1e-9),
            "seconds": self.journal.seconds,
            "step_seconds": duration,
            **expert_figures(self.model),
        }

    def tokens(self, done: int) -> int:
        """Training tokens after `done` steps; a changed batch size counts from its change on."""
        before = int(self.session.state.get("tokens", 0))
        return before + (done - self.first) * self.step_tokens

    def _evaluate(self, record: dict[str, Any]) -> float:
        session = self.session
        with self.journal.phase("evaluate"):
            result = session.evaluate(self.config.eval_batches)
        self._observe("evaluate", result.seconds, result.tokens)
        self._final = result if result.tokens == session.validation_tokens else None
        if not math.isfinite(result.loss):
            check_weights(self.model, record["step"], str(session.run.path))
            raise NonFiniteError(
                f"the validation loss is {result.loss:g} after step {record['step']}; "
                f"{session.run.path}; the last checkpoint is good: lower --learning-rate, "
                "and --resume",
                what=f"the validation loss is {result.loss:g}",
                step=record["step"],
            )
        record["val_loss"] = result.loss
        return result.loss

    def _meet_overfitting(self, step: int, val_loss: float) -> None:
        """Say that the run over-fits, once; by the clock, bring it to its end."""
        self._evaluations.append((step, val_loss))
        found = rise(self._evaluations)
        if found is None or self._warned or step == self.steps:
            return
        self._warned = True
        text = (
            f"over-fitting since step {found.best_step:,}: the validation loss rose from "
            f"{found.best:.4f} to {found.last:.4f}; the best checkpoint is kept"
        )
        if self.clock is not None and self.clock.bring_to_an_end(step):
            text += f", and the run ends after step {self.steps:,}"
        self.session.progress.message(text)
        self.journal.event("warning", about="overfitting", message=text)

    def _observe(self, what: str, seconds: float, tokens: int = 0) -> None:
        if self.clock is not None:
            self.clock.observe(what, seconds, tokens)

    def _log(self, record: dict[str, Any]) -> None:
        step, due = record["step"], "val_loss" in record
        if due or step % self.config.log_interval == 0:
            line = {k: v for k, v in record.items() if k != "step_seconds"}
            self.journal.record({**line, "seconds": self.journal.seconds} if due else line)
        self.session.progress.step(record)
        if due:
            begin = time.monotonic()
            sample = self.session.sample(step_seed(self.config.seed, step))
            self._observe("sample", time.monotonic() - begin)
            self.journal.add("sample", time.monotonic() - begin)
            if sample:
                self.journal.event("sample", text=sample)
            self.session.progress.evaluated(record, sample)

    def _save(self, step: int, val_loss: float | None, last: bool) -> None:
        """Save; a disk that is full for a while does not end the run, three failures do."""
        check_weights(self.model, step, str(self.session.run.path))
        self.journal.sync()
        begin = time.monotonic()
        try:
            self._write(step, val_loss)
            self.saved, self.failures = step, 0
            self._observe("save", time.monotonic() - begin)
            self.journal.add("save", time.monotonic() - begin)
        except WeftError as error:
            self.failures += 1
            if last or self.stop.received or self.failures >= SAVE_ATTEMPTS:
                raise
            self.session.progress.message(f"warning: {error}; the run goes on and tries again")
            self.journal.event("warning", about="save", message=str(error))

    def _write(self, step: int, val_loss: float | None) -> None:
        session, seconds = self.session, self.journal.seconds
        figures = {"tokens": self.tokens(step), "seconds": seconds, "val_loss": val_loss}
        save_checkpoint(
            session.run,
            step,
            config=to_dict(session.model_config),
            tokenizer_json=session.tokenizer.to_json(),
            model={name: tensor.array for name, tensor in self.model.state_dict().items()},
            optimizer=session.optimization.state() | session.carried(),
            state=state_of(session, step, **figures),
        )

    def _finish(self) -> TrainResult:
        session = self.session
        if self._final is None and self.clock is None:
            session.progress.message("evaluating on the whole validation split")
        with self.journal.phase("evaluate"):
            final = self._final or self._last_evaluation()
            best = self._best(final)
        done, busy = self.steps - self.first, self.journal.times.get("train", 0.0)
        return TrainResult(
            steps=self.steps,
            tokens=self.tokens(self.steps),
            seconds=self.journal.seconds,
            train_loss=self._last_losses(),
            val_loss=final.loss,
            best_val_loss=best,
            val_tokens=final.tokens,
            tokens_per_second=done * self.step_tokens / busy if done else 0.0,
            checkpoint=str(session.run.checkpoint_path(self.steps)),
        )

    def _last_batches(self) -> int | None:
        """Batches of the last evaluation; None for the whole split."""
        return None if self.clock is None else self.clock.last_batches()

    def _last_evaluation(self) -> Evaluation:
        """As long as the last one is. Everything is saved by now, so a signal ends it."""
        return self.session.evaluate(self._last_batches(), check=self.stop.check)

    def _best(self, final: Evaluation) -> float:
        """The best checkpoint's loss on the same; the model has its weights afterwards."""
        best = best_checkpoint(self.session.run, optimizer=False)
        if best is None or best.step == self.steps:
            return final.loss
        self.model.load_state_dict(best.model)
        return min(final.loss, self._last_evaluation().loss)

    def _last_losses(self) -> float:
        try:
            lines = read_metrics(self.session.run.metrics_path)[-AVERAGED_STEPS:]
        except (OSError, MalformedFileError):
            lines = []
        losses = [line["train_loss"] for line in lines if line.get("train_loss") is not None]
        return math.fsum(losses) / len(losses) if losses else math.nan
