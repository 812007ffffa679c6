"""A run, ready to train: begun in a new folder, or taken up from its last good checkpoint."""

from __future__ import annotations

import dataclasses
import functools
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from weft.checkpoint import Checkpoint, RunFolder, latest_checkpoint
from weft.config import (
    AnyModelConfig,
    EncoderDecoderConfig,
    RecurrentConfig,
    TrainConfig,
    from_dict,
    model_from_dict,
    read_toml,
    to_dict,
    write_toml,
)
from weft.data import Dataset, check_long_enough
from weft.errors import CheckpointError, ConfigError
from weft.models import build
from weft.random import Generator
from weft.schedule import Pace
from weft.training import precision
from weft.training.continuation import Origin, stored_origin
from weft.training.evaluation import Evaluation, evaluate
from weft.training.memory import check_memory
from weft.training.optimization import Optimization, default_learning_rate, width
from weft.training.pairs import Pairs
from weft.training.planning import Planner
from weft.training.preparation import Source, check_same_data, fingerprint, reopen
from weft.training.progress import Progress
from weft.training.sample import sample_text
from weft.training.step import MicroBatch, micro_batches
from weft.training.streams import Streams, split_carried

# What decides the data and its order cannot change half-way; the rest of the options can.
FIXED = ("data", "tokenizer", "vocab_size", "val_fraction", "duplicates", "seed")


@dataclass
class Session:
    """Everything a loop needs; `state` is what the last checkpoint noted (empty at the start)."""

    run: RunFolder
    config: TrainConfig
    model_config: AnyModelConfig
    tokenizer: Any
    dataset: Dataset
    model: Any
    optimization: Optimization
    progress: Progress
    step: int = 0
    state: dict[str, Any] = field(default_factory=dict)
    changes: list[dict[str, Any]] = field(default_factory=list)
    origin: Origin | None = None
    facts: dict[str, Any] = field(default_factory=dict)  # of the text, at the beginning of a run

    def __post_init__(self) -> None:
        self.model.checkpoint_gradients = self.config.checkpoint_gradients

    @functools.cached_property
    def fingerprint(self) -> dict[str, Any]:
        """What checkpoints note of the data."""
        return fingerprint(self.dataset)

    @functools.cached_property
    def streams(self) -> Streams | None:
        """What a recurrent model reads, and its state; None for a model without one."""
        if not isinstance(self.model_config, RecurrentConfig):
            return None
        return Streams(self.model, self.dataset.train.tokens, self.config.seed, self._sizes)

    @functools.cached_property
    def pairs(self) -> Pairs | None:
        """What an encoder-decoder reads; None for the others."""
        if not isinstance(self.model_config, EncoderDecoderConfig):
            return None
        return Pairs(self.model, self.tokenizer, self.dataset, self.config.seed, self._sizes)

    def batches(self, step: int) -> Sequence[MicroBatch]:
        """The micro-batches of a step; of streams, that of the one after the step before."""
        if self.pairs is not None:
            return self.pairs.batches(step)
        if self.streams is not None:
            return self.streams.batches(step)
        return micro_batches(self.dataset.train.tokens, step, self.config.seed, *self._sizes)

    @property
    def step_tokens(self) -> int:
        """Targets in one step; of pairs, their average."""
        rows, accumulate, block_size = self._sizes
        return rows * accumulate * block_size if self.pairs is None else self.pairs.step_tokens

    def steps_of(self, epochs: float) -> int:
        """Steps in which the training split is read so many times."""
        rows, accumulate, block_size = self._sizes
        passage = rows * accumulate * (block_size if self.pairs is None else 1)
        whole: int = len(self.dataset.train if self.pairs is None else self.pairs.train)
        return max(1, math.ceil(epochs * whole / passage))

    @property
    def validation_tokens(self) -> int:
        """Targets in the validation split."""
        return len(self.dataset.val) - 1 if self.pairs is None else self.pairs.validation_tokens

    def evaluate(
        self, max_batches: int | None = None, check: Callable[[], object] | None = None
    ) -> Evaluation:
        """Loss on the validation split, or on `max_batches` of it, spread evenly."""
        if self.pairs is not None:
            return self.pairs.evaluate(max_batches, self.dtype, check)
        return evaluate(
            self.model,
            self.dataset.val.tokens,
            block_size=self.model_config.block_size,
            batch_size=self.config.batch_size,
            max_batches=max_batches,
            dtype=self.dtype,
            check=check,
        )

    def sample(self, seed: int, length: int | None = None) -> str:
        """A text from the model, `sample_tokens` long unless given; nothing where that is 0."""
        length = self.config.sample_tokens if length is None else length
        if not length:
            return ""
        if self.pairs is not None:
            return self.pairs.sample(seed, length, self.dtype)
        block_size = self.model_config.block_size
        return sample_text(self.model, self.tokenizer, length, block_size, seed, self.dtype)

    def carried(self) -> dict[str, Any]:
        """What a checkpoint holds beside weights and optimiser: the states of the streams."""
        return {} if self.streams is None else self.streams.arrays()

    @property
    def _sizes(self) -> tuple[int, int, int]:
        return self.config.batch_size, self.config.accumulate, self.model_config.block_size

    @property
    def dtype(self) -> Any:
        """The compute precision; None for float32."""
        return precision.dtype_of(self.config.precision)

    def check_data(self) -> None:
        """Raise `DataError` unless each split holds what a step reads."""
        if self.pairs is None:  # they have checked themselves
            check_long_enough(self.dataset, self.model_config.block_size)

    def set_steps(self, steps: int) -> None:
        """Set the length of the run, and what follows from it where it is still open."""
        warmup = self.config.warmup_steps
        if warmup is not None:
            warmup = min(warmup, steps)
        config = dataclasses.replace(self.config, steps=steps, warmup_steps=warmup)
        self._configure(resolve(config))

    def set_minutes(self, minutes: float) -> None:
        """Set the time of the run, over all its processes."""
        self._configure(dataclasses.replace(self.config, minutes=minutes))

    def set_interval(self, steps: int) -> None:
        """Set the steps between evaluations."""
        self._configure(dataclasses.replace(self.config, eval_interval=steps))

    def _configure(self, config: TrainConfig) -> None:
        self.config = self.optimization.config = config

    def write_config(self) -> None:
        """config.toml: all options, resolved, and what was changed when resuming."""
        from weft import __version__

        values: dict[str, Any] = {"weft": __version__, "train": to_dict(self.config)}
        values["model"] = to_dict(self.model_config)
        if self.origin is not None:
            values["from"] = self.origin.to_dict()
        if self.changes:
            values["changes"] = self.changes
        write_toml(self.run.config_path, values)


def begin(
    run: RunFolder,
    config: TrainConfig,
    model_options: Mapping[str, Any],
    progress: Progress,
    planner: Planner | None = None,
    origin: Origin | None = None,
) -> Session:
    """A new run. The caller holds the lock; config.toml is not written yet.

    A `planner` chooses what was not given. The weights are those of `origin`, if there is one.
    """
    source = Source(config)
    if planner is not None:
        config = source.config = planner.tokens(source)
    tokenizer = source.tokenizer()
    if planner is not None:
        config, model_options = planner.rest(source, tokenizer)
        if origin is not None:
            planner.plan.expected = None  # that is of a model that begins with nothing
        planner.write(run)
    model_config = model_from_dict({**model_options, "vocab_size": tokenizer.vocab_size})
    config = resolve(config, width(model_config))
    check_memory(model_config, config)
    in_pairs = isinstance(model_config, EncoderDecoderConfig)
    dataset = source.dataset(tokenizer, run, progress, in_pairs)
    model = build(model_config, Generator(config.seed))
    optimization = Optimization(model, config)
    session = Session(run, config, model_config, tokenizer, dataset, model, optimization, progress)
    session.check_data()
    if origin is not None:
        origin.load(model)
        session.origin = origin
    session.facts = source.look(progress)
    if config.epochs is not None and config.minutes is None:
        session.set_steps(session.steps_of(config.epochs))
    return session


def take_up(
    run: RunFolder,
    changes: Mapping[str, Any],
    model_options: Mapping[str, Any],
    progress: Progress,
) -> Session:
    """The run in its folder, from its last good checkpoint, or from step 0 if it has none."""
    stored = read_toml(run.config_path)
    before = from_dict(TrainConfig, stored.get("train", {}), f"{run.config_path} [train]")
    model_config = model_from_dict(stored.get("model", {}), f"{run.config_path} [model]")
    _refuse_changes(model_options, to_dict(model_config), "the model", run)
    config = _changed(before, changes, run)
    checkpoint = latest_checkpoint(run)
    if checkpoint is not None:
        _refuse_changes(to_dict(model_config), _stored_model(checkpoint), "the model", run)
    check_memory(model_config, config)
    tokenizer, dataset = reopen(config, run)
    model = build(model_config, Generator(config.seed))
    session = Session(
        run, config, model_config, tokenizer, dataset, model, Optimization(model, config), progress
    )
    session.check_data()
    if "epochs" in changes and config.minutes is None:
        session.set_steps(session.steps_of(changes["epochs"]))
    session.changes = list(stored.get("changes", []))
    session.origin = stored_origin(stored.get("from"), str(run.config_path))
    if checkpoint is not None:
        _load(session, checkpoint)
    elif session.origin is not None:
        session.origin.load(model)
    _check_length(session)
    _note_changes(session, before)
    return session


def _stored_model(checkpoint: Checkpoint) -> dict[str, Any]:
    """The model's options in a checkpoint, with those that its version did not write yet."""
    values = {name: value for name, value in checkpoint.config.items() if name != "format"}
    return to_dict(model_from_dict(values, str(checkpoint.path / "config.json")))


def _check_length(session: Session) -> None:
    steps = session.config.steps
    if steps is not None and steps < session.step:
        raise ConfigError(
            f"steps {steps} is less than the {session.step} that are done; {session.run.path}; "
            f"give more than {session.step}, or train a new run in another --out"
        )


def resolve(config: TrainConfig, n_embd: int | None = None) -> TrainConfig:
    """The configuration with nothing left open, as far as it can be known now."""
    values: dict[str, Any] = {"precision": precision.resolve(config.precision)}
    if config.learning_rate is None and n_embd is not None:
        values["learning_rate"] = default_learning_rate(n_embd)
    if config.steps is not None and config.warmup_steps is None:
        values["warmup_steps"] = min(100, config.steps // 10)
    return dataclasses.replace(config, **values)


def _changed(before: TrainConfig, changes: Mapping[str, Any], run: RunFolder) -> TrainConfig:
    """`before` with `changes`; a value that was derived from a changed one is derived again."""
    stored = to_dict(before)
    fixed = {key: changes[key] for key in FIXED if key in changes}
    if _same_path(fixed.get("data"), before.data):
        fixed["data"] = before.data
    _refuse_changes(fixed, {**dict.fromkeys(FIXED), **stored}, "the data", run)
    values = {**stored, **changes, "data": before.data}
    if "steps" in changes:  # from here on it is a run of so many
        values = {**values, "minutes": None, "epochs": None}
    if "learning_rate" in changes and "min_learning_rate" not in changes:
        values.pop("min_learning_rate", None)
    return resolve(from_dict(TrainConfig, values, "train"))


def _same_path(data: Any, before: str | tuple[str, ...]) -> bool:
    return data is not None and _real_paths(data) == _real_paths(before)


def _real_paths(data: Any) -> list[str]:
    several = data if isinstance(data, list | tuple) else [data]
    return [os.path.realpath(str(one)) for one in several]


def _refuse_changes(
    wanted: Mapping[str, Any], stored: Mapping[str, Any], what: str, run: RunFolder
) -> None:
    differences = [
        f"{key} {stored.get(key)} is now {value}"
        for key, value in wanted.items()
        if stored.get(key) != value
    ]
    if differences:
        raise ConfigError(
            f"{what} of a run cannot change: {', '.join(differences)}; {run.path}; "
            "leave these options out, or train a new run in another --out"
        )


def _load(session: Session, checkpoint: Checkpoint) -> None:
    check_same_data(session.dataset, checkpoint.state.get("data"), session.run)
    try:
        session.model.load_state_dict(checkpoint.model)
    except RuntimeError as error:
        reason = " ".join(line.strip() for line in str(error).splitlines()[1:])[:200]
        raise CheckpointError(
            f"the weights do not fit the model: {reason}; {checkpoint.path}; use another checkpoint"
        ) from error
    optimizer, carried = split_carried(checkpoint.optimizer)
    session.optimization.load_state(optimizer)
    session.step, session.state = checkpoint.step, checkpoint.state
    if session.config.steps == session.state.get("train", {}).get("steps"):
        session.optimization.paces = _paces(checkpoint)
    if session.streams is not None and not session.streams.load(carried):
        session.progress.message("another number of streams: their states begin anew")


def _paces(checkpoint: Checkpoint) -> list[Pace]:
    """The paces of a run by the clock, as its checkpoint has noted them."""
    try:
        rows = checkpoint.state.get("paces", [])
        return [Pace(int(step), float(done), int(steps)) for step, done, steps in rows]
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"the paces are not lists of step, progress and steps; {checkpoint.path}/state.json; "
            "use another checkpoint"
        ) from error


def _note_changes(session: Session, before: TrainConfig) -> None:
    """Write down and show which options are not what they were."""
    old, new = to_dict(before), to_dict(session.config)
    for key in {**old, **new}:
        if old.get(key) != new.get(key) and key != "out":
            change = {"step": session.step, "option": key}
            change |= {"old": old.get(key, "none"), "new": new.get(key, "none")}
            session.changes.append(change)
            session.progress.message(
                f"changed at step {session.step}: {key} {change['old']} -> {change['new']}"
            )


def state_of(session: Session, step: int, **figures: Any) -> dict[str, Any]:
    """state.json of a checkpoint at `step`."""
    from weft import __version__

    paces = [dataclasses.astuple(pace) for pace in session.optimization.paces]
    return {
        "step": step,
        **figures,
        **({"paces": paces} if paces else {}),
        "train": to_dict(session.config),
        "data": session.fingerprint,
        "weft": __version__,
    }
