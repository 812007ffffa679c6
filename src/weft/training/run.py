"""`train`: the options of the command as keyword arguments, in; a trained run folder, out."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator
from typing import Any

from weft.checkpoint import RunFolder
from weft.config import (
    FAMILIES,
    ModelConfig,
    NGramConfig,
    TrainConfig,
    from_dict,
    unknown_key_message,
)
from weft.errors import ConfigError
from weft.kernels import active
from weft.random import default_generator
from weft.runlog import MetricsLog, drop_after
from weft.training import counting
from weft.training.counting import Counting
from weft.training.duration import steps_for
from weft.training.loop import Loop
from weft.training.progress import Progress, choose_progress
from weft.training.result import TrainResult
from weft.training.session import Session, begin, take_up
from weft.training.signals import StopRequest

DEFAULT_STEPS = 2000
MODEL_OPTIONS = list(
    dict.fromkeys(
        field.name
        for family in FAMILIES.values()
        for field in dataclasses.fields(family)
        if field.name != "vocab_size"
    )
)
TRAIN_OPTIONS = [f.name for f in dataclasses.fields(TrainConfig)]


def train(
    data: str | None = None,
    *,
    out: str,
    resume: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> TrainResult:
    """Train a model on `data` into the run folder `out`, or go on with the run that is there.

    `options` are the fields of `TrainConfig` and of the configuration of `model`, the family
    ("gpt" unless it is given; see `weft.config.FAMILIES`); `vocab_size` is the one of a bpe
    tokenizer. With `resume`, only what is to change has to be given: length, learning rate
    and batch may, the model and the data may not; a folder without a run begins one.
    `progress` shows the run (default: on stderr; `Progress()` is silent).

    After SIGINT or SIGTERM the step is finished and saved, and KeyboardInterrupt or
    SystemExit(143) raised. Errors: `ConfigError`, `DataError`, `RunLockedError`,
    `NonFiniteError`, `CheckpointError`, or `WeftError` for a full disk or too little memory.
    """
    train_options, model_options = split_options({**options, "out": str(out)})
    if data is not None:
        train_options["data"] = str(data)
    progress = choose_progress() if progress is None else progress
    run = RunFolder(out)
    if run.is_used() and not resume:
        raise ConfigError(
            f"there is a run already; {run.path}; go on with --resume, or choose another --out"
        )
    begun = time.monotonic()
    continuing = resume and run.config_path.exists()
    config = None if continuing else _new_config(train_options, resume, model_options.get("model"))
    run.create()
    with run.lock(), _own_randomness():
        if config is None:
            session = take_up(run, train_options, model_options, progress)
        else:
            session = begin(run, config, model_options, progress)
        with _thread_count(session.config.threads):
            if isinstance(session.model_config, NGramConfig):
                counting.check_options(train_options)
            return _go(session, "minutes" in train_options, begun)


def split_options(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options of the training and of the model; those that are None count as not given."""
    for name in options:
        if name not in TRAIN_OPTIONS and name not in MODEL_OPTIONS:
            known = list(dict.fromkeys(TRAIN_OPTIONS + MODEL_OPTIONS))
            raise ConfigError(unknown_key_message(name, known, "train"))
    given = {name: value for name, value in options.items() if value is not None}
    return (
        {name: value for name, value in given.items() if name in TRAIN_OPTIONS},
        {name: value for name, value in given.items() if name in MODEL_OPTIONS},
    )


def _new_config(options: dict[str, Any], resume: bool, family: str | None) -> TrainConfig:
    if "data" not in options:
        what = "there is no run to go on with" if resume else "no DATA given"
        raise ConfigError(f"{what}; {options['out']}; name a text file, a folder or `stories`")
    if "steps" in options and "minutes" in options:
        raise ConfigError("both steps and minutes; train; give one of them")
    if family == "ngram":
        counting.check_options(options)
        options = {**options, "steps": counting.STEPS}
    if "steps" not in options and "minutes" not in options:
        options = {**options, "steps": DEFAULT_STEPS}
    return from_dict(TrainConfig, options, "train")


def _go(session: Session, measure: bool, begun: float) -> TrainResult:
    """Fix the length, write config.toml, cut the log at the checkpoint, and train."""
    progress = session.progress
    _announce(session)
    try:
        if measure or session.config.steps is None:
            session.fix_steps(session.step + steps_for(session, begun))
            progress.message(
                f"{session.config.minutes:g} minutes are about {session.config.steps} steps"
            )
        else:
            session.write_config()
        drop_after(session.run.metrics_path, session.step)
        session.model.train()
        with MetricsLog(session.run.metrics_path) as log, StopRequest() as stop:
            counted = isinstance(session.model_config, NGramConfig)
            return (Counting if counted else Loop)(session, log, stop).run()
    finally:
        progress.finish()


def _announce(session: Session) -> None:
    config, model = session.config, session.model_config
    if isinstance(model, NGramConfig):
        session.progress.describe({"run": str(session.run.path), "model": f"{model.order}-grams"})
        session.progress.message(f"{session.run.path}: {model.order}-grams, {model.smoothing}")
        return
    count = sum(p.numel() for p in session.model.parameters())
    tokens = session.step_tokens
    kind = model.arch if isinstance(model, ModelConfig) else model.model
    facts = {"run": str(session.run.path), "model": kind, "weights": count}
    session.progress.describe({**facts, "precision": config.precision})
    begin = f"going on after step {session.step}" if session.step else "new run"
    session.progress.message(
        f"{begin} in {session.run.path}: {kind}, {count:,} weights, {tokens:,} tokens/step, "
        f"{len(session.dataset.train):,} training tokens, {config.precision}"
    )


@contextlib.contextmanager
def _thread_count(threads: int | None) -> Iterator[None]:
    """Run the kernels on `threads` inside the block, and then on as many as before."""
    native = active.native
    before = native.num_threads() if native is not None else 0
    if native is not None and threads is not None:
        native.set_num_threads(threads)
    try:
        yield
    finally:
        if native is not None:
            native.set_num_threads(before)


@contextlib.contextmanager
def _own_randomness() -> Iterator[None]:
    """Give the caller's random stream back as it was: steps reseed it."""
    state = default_generator().get_state()
    try:
        yield
    finally:
        default_generator().set_state(state)
