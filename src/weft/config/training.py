"""`TrainConfig`: how a model is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from weft.config.fields import (
    DERIVED,
    LARGEST_INT,
    check_choice,
    check_range,
    check_types,
    derive,
)
from weft.errors import ConfigError

Schedule = Literal["constant", "linear", "cosine", "wsd"]
OptimizerName = Literal["adamw", "muon"]
Precision = Literal["auto", "float32", "bfloat16"]
Duplicates = Literal["keep", "remove-exact", "remove"]


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One training run: data, length, optimisation, evaluation. Paths are kept as given."""

    data: str | tuple[str, ...]
    """Text, gzip, zip, table, folder, `-`, token shard, or stories, pydocs, shakespeare, dates; or
    several of them."""
    out: str
    """Run folder; made if it is not there."""
    steps: int | None = None
    """Optimiser steps: 2,000 without `minutes`; with it, measured at the start and written here."""
    minutes: float | None = None
    """Wall-clock minutes to aim for, instead of `steps`."""
    epochs: float | None = None
    """Passes over the training text, instead of `steps`; with `minutes`, after which a run ends
    before its time."""
    batch_size: int = 12
    """Sequences in a micro-batch (B)."""
    accumulate: int = 1
    """Micro-batches in one step; exactly equal to one batch of batch_size x accumulate."""
    checkpoint_gradients: bool = False
    """Keep each block's input alone and compute its inside again in the backward pass: less memory
    for about a third more time. Changes no bit."""
    optimizer: OptimizerName = "adamw"
    """`muon` takes the matrices of the blocks, and AdamW the rest."""
    learning_rate: float = DERIVED
    """Peak learning rate of AdamW: 3e-3 up to width 128, falling as 1/sqrt(n_embd) above it."""
    min_learning_rate: float = DERIVED
    """Learning rate at the end of the decay: a tenth of the peak."""
    muon_learning_rate: float = 0.02
    """Peak learning rate of Muon's matrices; it follows the same schedule."""
    muon_momentum: float = 0.95
    """Decay of Muon's mean of gradients; 0.9 is better for runs of under a thousand steps."""
    schedule: Schedule = "cosine"
    """Learning rate after the warm-up; `wsd` stays at the peak and decays linearly at the end."""
    warmup_steps: int | None = None
    """Steps of linear warm-up: 100, or a tenth of a run shorter than 1,000 steps."""
    decay_fraction: float = 0.2
    """Last part of the run in which `wsd` decays, in (0, 1]."""
    weight_decay: float = 0.1
    """Decoupled weight decay of parameters with two or more dimensions."""
    beta1: float = 0.9
    """Decay of AdamW's mean of gradients."""
    beta2: float = 0.99
    """Decay of AdamW's mean of squared gradients."""
    grad_clip: float = 1.0
    """Largest global norm of the gradient; 0 turns clipping off."""
    precision: Precision = "auto"
    """Compute precision; auto is bfloat16 where the CPU multiplies it natively."""
    threads: int | None = None
    """Threads of the kernels; by default what the machine or its cgroup gives. Changes no bit."""
    seed: int = 1337
    """Seed of the initial weights, the order of the data, dropout and samples."""
    eval_interval: int = DERIVED
    """Steps between evaluations, samples and checkpoints: 250, or a fifth of a shorter run."""
    eval_batches: int = 40
    """Validation batches of an evaluation on the way; the last one always reads the whole split."""
    log_interval: int = 1
    """Steps between lines of metrics.jsonl."""
    sample_tokens: int = 160
    """Length of the sample shown at each evaluation; 0 for none."""
    tokenizer: str = "char"
    """char, bpe, gpt2, or the path of a tokenizer."""
    vocab_size: int | None = None
    """Vocabulary to train a bpe tokenizer to."""
    field: str | None = None
    """DATA is JSON lines: the field with the text of each."""
    column: str | None = None
    """DATA is CSV or TSV: the column with the text of each row."""
    duplicates: Duplicates = "keep"
    """Documents that occur again: `keep` only counts them, `remove-exact` leaves copies out,
    `remove` near copies too."""
    val_fraction: float = 0.1
    """Last part of the text that is kept for validation, in (0, 1)."""

    def __post_init__(self) -> None:
        if isinstance(self.data, list | tuple):  # a list in config.toml; one alone is a string
            several = tuple(self.data)
            object.__setattr__(self, "data", several[0] if len(several) == 1 else several)
        check_types(self)
        for name in ("data", "out"):
            if not getattr(self, name):
                raise ConfigError(f"{name} is empty; train; give a path")
        for name, choice in (
            ("optimizer", OptimizerName),
            ("schedule", Schedule),
            ("precision", Precision),
            ("duplicates", Duplicates),
        ):
            check_choice(self, name, choice)
        self._check_lengths()
        self._derive()
        self._check_rates()

    def _check_lengths(self) -> None:
        for name in ("batch_size", "accumulate", "eval_batches", "log_interval"):
            check_range(self, name, 1, LARGEST_INT)
        for name in ("steps", "threads", "vocab_size"):
            if getattr(self, name) is not None:
                check_range(self, name, 1, LARGEST_INT)
        if self.warmup_steps is not None:
            check_range(self, "warmup_steps", 0, LARGEST_INT)
        if self.minutes is not None:
            check_range(self, "minutes", 0, math.inf, above=True, below=True)
        if self.epochs is not None:
            check_range(self, "epochs", 0, math.inf, above=True, below=True)
        for name in ("seed", "sample_tokens"):
            check_range(self, name, 0, LARGEST_INT)
        if self.steps is not None and (self.warmup_steps or 0) > self.steps:
            raise ConfigError(
                f"warmup_steps {self.warmup_steps} is more than steps {self.steps}; train; "
                "shorten the warm-up or train longer"
            )

    def _derive(self) -> None:
        if self.learning_rate is not None:
            check_range(self, "learning_rate", 0, 1e3, above=True)
            derive(self, "min_learning_rate", self.learning_rate / 10)
        if self.steps is not None:
            derive(self, "eval_interval", max(1, min(250, self.steps // 5)))
        if self.eval_interval is not None:
            check_range(self, "eval_interval", 1, LARGEST_INT)

    def _check_rates(self) -> None:
        if self.min_learning_rate is not None:
            top = math.inf if self.learning_rate is None else self.learning_rate
            check_range(self, "min_learning_rate", 0, top)
        check_range(self, "muon_learning_rate", 0, 1e3, above=True)
        check_range(self, "weight_decay", 0, 1e3)
        check_range(self, "grad_clip", 0, 1e9)
        for name in ("beta1", "beta2", "muon_momentum"):
            check_range(self, name, 0, 1, below=True)
        check_range(self, "val_fraction", 0, 1, above=True, below=True)
        check_range(self, "decay_fraction", 0, 1, above=True)
