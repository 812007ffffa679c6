"""`train`: the options of the command as keyword arguments, in; a trained run folder, out."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Iterator, Sequence
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
from weft.errors import ConfigError, NonFiniteError, WeftError
from weft.kernels import active
from weft.machine import machine
from weft.random import default_generator
from weft.training import counting
from weft.training.clock import Clock
from weft.training.continuation import (
    Origin,
    check_same_origin,
    find_origin,
    measure_old_loss,
    options_from,
    with_old_losses,
)
from weft.training.counting import Counting
from weft.training.journal import Journal, open_journal
from weft.training.loop import Loop
from weft.training.memory import most_resident
from weft.training.planning import Planner
from weft.training.progress import Progress, choose_progress
from weft.training.result import TrainResult
from weft.training.session import Session, begin, take_up
from weft.training.signals import StopRequest
from weft.training.work import flop_per_token, peak

DEFAULT_STEPS = 2000
PEAK_FROM = 20.0  # seconds of a run by the clock, from where on measuring the peak pays
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
    data: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
    *,
    out: str,
    resume: bool = False,
    progress: Progress | None = None,
    begun: float | None = None,
    init_from: str | None = None,
    **options: Any,
) -> TrainResult:
    """Train a model on `data` into the run folder `out`, or go on with the run that is there.

    `data` is what DATA may be on the command line, or a list of these.
    `options` are the fields of `TrainConfig` and of the configuration of `model`, the family
    ("gpt" unless it is given; see `weft.config.FAMILIES`); `vocab_size` is the one of a bpe
    tokenizer. With `resume`, only what is to change has to be given: length, learning rate
    and batch may, the model and the data may not; a folder without a run begins one.
    `progress` shows the run (default: on stderr; `Progress()` is silent). Minutes count from
    `begun`, a time of `time.monotonic()` (default: now).

    `init_from` is another run's folder, or a checkpoint's: the model and its tokenizer come from
    there, and what is forgotten of its text is measured (continuation.py). It is not changed.

    After SIGINT or SIGTERM the step is finished and saved, and KeyboardInterrupt or
    SystemExit(143) raised. Errors: `ConfigError`, `DataError`, `RunLockedError`,
    `NonFiniteError`, `CheckpointError`, or `WeftError` for a full disk or too little memory.
    """
    train_options, model_options = split_options({**options, "out": str(out)})
    if data is not None:
        several = [data] if isinstance(data, str | os.PathLike) else data
        train_options["data"] = tuple(map(str, several))
    progress = choose_progress() if progress is None else progress
    run = RunFolder(out)
    if run.is_used() and not resume:
        raise ConfigError(
            f"there is a run already; {run.path}; go on with --resume, or choose another --out"
        )
    begun = time.monotonic() if begun is None else begun
    continuing = resume and run.config_path.exists()
    origin: Origin | None = None
    if init_from is not None:
        origin, found = find_origin(str(init_from))
        if not continuing:
            train_options, model_options = options_from(found, train_options, model_options)
    config = None if continuing else _new_config(train_options, resume, model_options.get("model"))
    run.create()
    with _finished(progress), run.lock(), _own_randomness():
        if config is None:
            session = take_up(run, train_options, model_options, progress)
            check_same_origin(session, origin)
        else:
            planner = _planner(train_options, model_options, begun)
            session = begin(run, config, model_options, progress, planner, origin)
            if planner is not None:
                progress.message(planner.plan.summary())
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
    for name in ("minutes", "epochs"):
        if "steps" in given and name in given:
            raise ConfigError(f"both steps and {name}; train; give one of them")
    return (
        {name: value for name, value in given.items() if name in TRAIN_OPTIONS},
        {name: value for name, value in given.items() if name in MODEL_OPTIONS},
    )


def _new_config(options: dict[str, Any], resume: bool, family: str | None) -> TrainConfig:
    if "data" not in options:
        what = "there is no run to go on with" if resume else "no DATA given"
        raise ConfigError(f"{what}; {options['out']}; name a text file, a folder or `stories`")
    if family == "ngram":
        counting.check_options(options)
        options = {**options, "steps": counting.STEPS}
    if not {"steps", "minutes", "epochs"} & options.keys():
        options = {**options, "steps": DEFAULT_STEPS}
    return from_dict(TrainConfig, options, "train")


def _planner(
    train_options: dict[str, Any], model_options: dict[str, Any], begun: float
) -> Planner | None:
    """Who chooses what was not given, for a GPT that is trained by the clock."""
    if "minutes" not in train_options or model_options.get("model", "gpt") != "gpt":
        return None
    return Planner(train_options, model_options, train_options["minutes"], begun)


def _go(session: Session, minutes: bool, begun: float) -> TrainResult:
    """Open the journal, fix the length, write config.toml, and train."""
    spent = float(session.state.get("seconds", 0.0))
    _announce(session)
    with open_journal(session.run, session.step, begun, spent) as journal:
        journal.add("prepare", time.monotonic() - begun)
        with _told(journal), StopRequest() as stop:
            return _train(session, journal, stop, minutes)


def _train(session: Session, journal: Journal, stop: StopRequest, minutes: bool) -> TrainResult:
    from weft import __version__

    facts = {"weft": __version__, "machine": machine(), "resumed": bool(session.step)}
    journal.event("begin", **facts, planned=session.run.plan_path.exists())
    splits = len(session.dataset.train), len(session.dataset.val)
    journal.event("data", train_tokens=splits[0], val_tokens=splits[1], **session.facts)
    session.model.train()
    peak = None
    if isinstance(session.model_config, NGramConfig):
        session.write_config()
        result = Counting(session, journal, stop).run()
    else:
        with journal.phase("evaluate"):
            measure_old_loss(session, stop.check)
        with journal.phase("measure"):
            clock = _clock(session, journal, minutes)
            peak = _peak(session, clock)
        session.write_config()
        result = Loop(session, journal, stop, clock).run()
        with journal.phase("evaluate"):
            result = with_old_losses(session, result, stop.check)
        session.write_config()  # the clock may have changed the number of steps
    flop = _flop(session, result)
    share = {"peak_fraction": flop / (1e9 * peak)} if peak and flop else {}
    memory = {"memory_bytes": most_resident()}
    journal.event("end", result=result.to_dict(), times=journal.times, **memory, **share)
    return result


@contextlib.contextmanager
def _told(journal: Journal) -> Iterator[None]:
    """Write down how the process ended, if not by coming to the end of the run."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as stop:
        name = "SIGINT" if isinstance(stop, KeyboardInterrupt) else "SIGTERM"
        journal.event("stop", signal=name)
        raise
    except WeftError as error:
        known = {name: getattr(error, name, None) for name in ("where", "what")}
        facts: dict[str, Any] = {n: str(value) for n, value in known.items() if value is not None}
        if isinstance(error, NonFiniteError) and error.step is not None:
            facts["at"] = error.step  # that one was not finished
        journal.event("failure", message=str(error), **facts)
        raise


def _clock(session: Session, journal: Journal, minutes: bool) -> Clock | None:
    """The clock of a run with minutes; it has fixed the number of steps. None for the others.

    `minutes`: they were given to this process, beyond what a run that goes on had.
    """
    given, before = session.config.minutes, journal.spent
    if given is None or (session.step and not minutes and session.step == session.config.steps):
        return None
    if session.step and minutes:
        session.set_minutes(given + before / 60)
    clock = Clock(session, journal)
    clock.begin(anew=minutes)
    length = f"{session.config.minutes:g} minutes are about {session.config.steps} steps"
    if clock.ends_early:
        length = (
            f"about {session.config.steps} steps: {session.config.epochs:g} passes over the text "
            "need less than the time (--epochs asks for more)"
        )
    session.progress.message(length)
    return clock


def _peak(session: Session, clock: Clock | None) -> float | None:
    """GFLOP/s of the machine, measured where the run is long enough for it."""
    config = session.model_config
    if clock is None or clock.total < PEAK_FROM or not isinstance(config, ModelConfig):
        return None
    found = peak(session.config.precision)
    if found is not None:
        rate = 1e9 * found / flop_per_token(config)
        session.progress.describe({"peak_tokens_per_second": rate})
    return found


def _flop(session: Session, result: TrainResult) -> float | None:
    """Floating-point operations a second in the training steps."""
    if not isinstance(session.model_config, ModelConfig):
        return None
    return result.tokens_per_second * flop_per_token(session.model_config)


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
def _finished(progress: Progress) -> Iterator[None]:
    """Leave the terminal as it was, also where a run ends before it begins."""
    try:
        yield
    finally:
        progress.finish()


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
