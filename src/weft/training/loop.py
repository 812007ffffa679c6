"""The training loop: step, log, evaluate, save; every number in it a function of (config, step).

No random or iterator state is kept anywhere, so that a run taken up from a checkpoint goes on to
the same bits as one that was never interrupted.
"""

from __future__ import annotations

import logging
import math
import time
from typing import Any

import numpy as np

from weft.checkpoint import best_checkpoint, save_checkpoint
from weft.config import to_dict
from weft.errors import MalformedFileError, NonFiniteError, WeftError
from weft.random import manual_seed
from weft.runlog import MetricsLog, read_metrics
from weft.training.experts import expert_figures
from weft.training.nonfinite import Forward, check_finite, check_weights
from weft.training.result import TrainResult
from weft.training.session import Session, state_of
from weft.training.signals import StopRequest
from weft.training.step import clip, gradients, step_seed

logger = logging.getLogger("weft")
SAVE_ATTEMPTS = 3  # failed saves in a row that end a run; its last save must not fail
AVERAGED_STEPS = 100  # logged steps in the final train_loss


class Loop:
    """One process' part of a run, from `session.step` to the end or to a signal."""

    def __init__(self, session: Session, log: MetricsLog, stop: StopRequest) -> None:
        self.session, self.log, self.stop = session, log, stop
        self.config, self.model = session.config, session.model
        self.start = time.monotonic() - float(session.state.get("seconds", 0.0))
        self.busy = 0.0  # seconds in training steps, without evaluations and saves
        self.first = session.step
        self.saved: int | None = session.step or None
        self.failures = 0

    def run(self) -> TrainResult:
        """Train to the last step, then evaluate on the whole validation split.

        After a signal: saves, then raises KeyboardInterrupt (SIGINT) or SystemExit (SIGTERM).
        """
        steps = self.steps
        self.session.progress.start(self.first, steps)
        for step in range(self.first, steps):
            record = self._train_step(step)
            val_loss = self._evaluate(record) if self._is_due(step + 1) else None
            self._log(record)
            if val_loss is not None or self.stop.received:
                self._save(step + 1, val_loss, last=step + 1 == steps)
            self.stop.check()
        return self._finish()

    @property
    def steps(self) -> int:
        """Length of the run; a resumed one may be past it already."""
        assert self.config.steps is not None
        return max(self.config.steps, self.first)

    @property
    def seconds(self) -> float:
        """Wall time of the run, over all its processes."""
        return time.monotonic() - self.start

    @property
    def step_tokens(self) -> int:
        """Targets in one step."""
        return self.session.step_tokens

    def _is_due(self, done: int) -> bool:
        return done % self.config.eval_interval == 0 or done == self.steps

    def _train_step(self, step: int) -> dict[str, Any]:
        """One update; returns its line of the log."""
        config, begin = self.config, time.monotonic()
        seed, batches = step_seed(config.seed, step), self.session.batches(step)
        forward = Forward(self.model, batches, self.session.dtype, seed)
        manual_seed(seed)  # dropout
        with np.errstate(over="ignore", invalid="ignore"):  # checked below, with names
            loss = gradients(self.model, batches, self.session.dtype)
            norm, scale = clip(self.model, config.grad_clip)
        check_finite(self.model, loss, norm, step + 1, str(self.session.run.path), forward)
        rate = self.session.optimization.step(step, scale)
        self.model.zero_grad()
        duration = time.monotonic() - begin
        self.busy += duration
        return {
            "step": step + 1,
            "tokens": self.tokens(step + 1),
            "train_loss": loss,
            "lr": rate,
            "grad_norm": norm,
            "tokens_per_second": self.step_tokens / max(duration, 1e-9),
            "seconds": self.seconds,
            "step_seconds": duration,
            **expert_figures(self.model),
        }

    def tokens(self, done: int) -> int:
        """Training tokens after `done` steps; a changed batch size counts from its change on."""
        before = int(self.session.state.get("tokens", 0))
        return before + (done - self.first) * self.step_tokens

    def _evaluate(self, record: dict[str, Any]) -> float:
        session = self.session
        result = session.evaluate(self.config.eval_batches)
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

    def _log(self, record: dict[str, Any]) -> None:
        step, due = record["step"], "val_loss" in record
        if due or step % self.config.log_interval == 0:
            line = {k: v for k, v in record.items() if k != "step_seconds"}
            self.log.append({**line, "seconds": self.seconds} if due else line)
        self.session.progress.step(record)
        if due:
            sample = self.session.sample(step_seed(self.config.seed, step))
            self.session.progress.evaluated(record, sample)

    def _save(self, step: int, val_loss: float | None, last: bool) -> None:
        """Save; a disk that is full for a while does not end the run, three failures do."""
        check_weights(self.model, step, str(self.session.run.path))
        self.log.sync()
        try:
            self._write(step, val_loss)
            self.saved, self.failures = step, 0
        except WeftError as error:
            self.failures += 1
            if last or self.stop.received or self.failures >= SAVE_ATTEMPTS:
                raise
            self.session.progress.message(f"warning: {error}; the run goes on and tries again")

    def _write(self, step: int, val_loss: float | None) -> None:
        session = self.session
        figures = {"tokens": self.tokens(step), "seconds": self.seconds, "val_loss": val_loss}
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
        session, seconds = self.session, self.seconds
        session.progress.message("evaluating on the whole validation split")
        final = self._whole_split()
        best = self._best_on_whole_split(final)
        done = self.steps - self.first
        return TrainResult(
            steps=self.steps,
            tokens=self.tokens(self.steps),
            seconds=seconds,
            train_loss=self._last_losses(),
            val_loss=final,
            best_val_loss=best,
            tokens_per_second=done * self.step_tokens / self.busy if done else 0.0,
            checkpoint=str(session.run.checkpoint_path(self.steps)),
        )

    def _whole_split(self) -> float:
        """Loss on every validation token. Everything is saved by now, so a signal ends it."""
        return self.session.evaluate(check=self.stop.check).loss

    def _best_on_whole_split(self, final: float) -> float:
        """The best checkpoint's loss on the whole split; the model has its weights afterwards."""
        best = best_checkpoint(self.session.run, optimizer=False)
        if best is None or best.step == self.steps:
            return final
        self.model.load_state_dict(best.model)
        return min(final, self._whole_split())

    def _last_losses(self) -> float:
        try:
            lines = read_metrics(self.session.run.metrics_path)[-AVERAGED_STEPS:]
        except (OSError, MalformedFileError):
            lines = []
        losses = [line["train_loss"] for line in lines if line.get("train_loss") is not None]
        return math.fsum(losses) / len(losses) if losses else math.nan
