"""Counting instead of training: an n-gram model is one pass over the tokens and one checkpoint.

`Counting` stands where `Loop` does for the families that learn by gradients: the same run folder,
log and result, with a single step.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.checkpoint import durable, save_checkpoint
from weft.checkpoint.tensors import mapping_of, release
from weft.config import NGramConfig, to_dict
from weft.errors import ConfigError
from weft.models import NGram
from weft.models.ngram_counts import CHUNK, FOLDER
from weft.training.journal import Journal
from weft.training.result import TrainResult
from weft.training.sample import sample_text
from weft.training.session import Session, state_of
from weft.training.signals import StopRequest
from weft.training.step import step_seed

STRETCH = 1 << 16  # tokens that are scored together
SCORED = 1 << 20  # first tokens of the training text that its loss is of
STEPS = 1
# The options of `TrainConfig` that mean something here.
OPTIONS = (
    "data",
    "out",
    "tokenizer",
    "vocab_size",
    "field",
    "column",
    "duplicates",
    "val_fraction",
    "seed",
    "threads",
    "sample_tokens",
    "steps",
)


def check_options(options: dict[str, Any]) -> None:
    """Raise `ConfigError` for an option that is for training by gradients."""
    for name, value in options.items():
        if name not in OPTIONS or (name == "steps" and value != STEPS):
            raise ConfigError(
                f"{name} {value} with an n-gram model; train; its text is counted once, from end "
                f"to end: leave --{name.replace('_', '-')} out"
            )


class Counting:
    """The run of an n-gram model: counts all of the training tokens, evaluates, saves."""

    def __init__(self, session: Session, journal: Journal, stop: StopRequest) -> None:
        self.session, self.journal, self.stop = session, journal, stop
        assert isinstance(session.model_config, NGramConfig)
        self.config = session.model_config
        self.start = time.monotonic()

    def run(self) -> TrainResult:
        """Count, unless that is done. A signal ends it: until then there is nothing to save."""
        session = self.session
        if session.step:
            session.progress.message(f"nothing left to do: all is counted in {session.run.path}")
            return self._result(session.state, 0.0)
        with self.journal.phase("train"):
            record = self._count()
        self.journal.step = STEPS
        self.journal.record(record)
        session.progress.start(0, STEPS)
        session.progress.step({**record, "step_seconds": record["seconds"]})
        with self.journal.phase("sample"):
            sample = self._sample()
        if sample:
            self.journal.event("sample", text=sample)
        session.progress.evaluated(record, sample)
        self.journal.sync()
        with self.journal.phase("save"):
            self._save(record)
        return self._result(record, record["tokens_per_second"])

    def _count(self) -> dict[str, Any]:
        """Make the model; returns its line of the log."""
        session = self.session
        train, val = session.dataset.train.tokens, session.dataset.val.tokens
        session.progress.message(f"counting {len(train):,} tokens")
        folder = session.run.data_path
        with durable.one_line_errors("count the n-grams", folder):
            for left in folder.glob(f"{FOLDER}*"):  # by a process that was killed
                shutil.rmtree(left)
            session.model = NGram.count(self._chunks(train), self.config, folder=folder)
        seconds = time.monotonic() - self.start
        sizes = " + ".join(f"{size:,}" for size in session.model.sizes)
        session.progress.message(f"n-grams of 1 to {len(session.model.sizes)} tokens: {sizes}")
        return {
            "step": STEPS,
            "tokens": len(train),
            "train_loss": self._loss(train[:SCORED]),
            "val_loss": self._loss(val),
            "tokens_per_second": len(train) / max(seconds, 1e-9),
            "seconds": time.monotonic() - self.start,
        }

    def _chunks(self, tokens: NDArray[Any]) -> Iterator[NDArray[Any]]:
        """All tokens in order; what was read of a mapped file does not stay in memory."""
        mapping = mapping_of(tokens)
        for begin in range(0, len(tokens), CHUNK):
            self.stop.check()
            yield tokens[begin : begin + CHUNK]
            if mapping is not None:
                release(mapping)

    def _loss(self, tokens: NDArray[Any]) -> float:
        """Nats per token of a text read as one piece; infinite where a token is impossible."""
        state, total, targets = self.session.model.start(1), 0.0, len(tokens) - 1
        for begin in range(0, targets, STRETCH):
            self.stop.check()
            part = np.asarray(tokens[begin : begin + STRETCH + 1], np.int64)[None]
            logs = self.session.model.log_probabilities(part[:, :-1], part[:, 1:], state)
            total -= float(logs.sum())
        return total / targets

    def _sample(self) -> str:
        session, length = self.session, self.session.config.sample_tokens
        if not length or self.config.unseen == "zero":  # there may be no next token
            return ""
        seed, block_size = step_seed(session.config.seed, STEPS), self.config.block_size
        return sample_text(session.model, session.tokenizer, length, block_size, seed)

    def _save(self, record: dict[str, Any]) -> None:
        session = self.session
        figures = {key: value for key, value in record.items() if key != "step"}
        for key in ("train_loss", "val_loss"):  # JSON has no infinity
            figures[key] = figures[key] if math.isfinite(figures[key]) else None
        save_checkpoint(
            session.run,
            STEPS,
            config=to_dict(session.model_config),
            tokenizer_json=session.tokenizer.to_json(),
            model={name: tensor.array for name, tensor in session.model.state_dict().items()},
            optimizer={},
            state=state_of(session, STEPS, **figures),
        )

    def _result(self, figures: dict[str, Any], tokens_per_second: float) -> TrainResult:
        losses = [figures.get(key) for key in ("train_loss", "val_loss")]
        train_loss, val_loss = (math.inf if loss is None else loss for loss in losses)
        return TrainResult(
            steps=STEPS,
            tokens=figures["tokens"],
            seconds=figures["seconds"],
            train_loss=train_loss,
            val_loss=val_loss,
            best_val_loss=val_loss,
            val_tokens=self.session.validation_tokens,
            tokens_per_second=tokens_per_second,
            checkpoint=str(self.session.run.checkpoint_path(STEPS)),
        )
