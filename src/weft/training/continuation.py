"""A new run that goes on from another one's model, on another text; what it forgets is measured.

The model, its tokenizer, batch and optimiser are the other run's; the optimiser's state, the
warm-up and the length are new. The peak learning rate is a third of the other's unless it is given:
the weights have been annealed, so a rate as high as the first one would undo much of what they
learnt before it teaches them anything (Gupta et al. 2023, arXiv:2308.04014: a lower peak forgets
less of the old text and learns a little less of the new one).
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weft.checkpoint import Checkpoint, RunFolder, best_checkpoint, load_checkpoint
from weft.config import NGramConfig, model_from_dict, to_dict
from weft.data import TokenShard
from weft.data.documents import printable
from weft.errors import CheckpointError, ConfigError, MalformedFileError
from weft.training.result import TrainResult

if TYPE_CHECKING:
    from weft.training.session import Session

Check = Callable[[], object]
LOWER = 1 / 3  # of the other run's peak learning rates
INHERITED = (
    "batch_size", "accumulate", "optimizer", "muon_momentum", "beta1", "beta2", "weight_decay",
    "grad_clip",
)  # fmt: skip
RATES = ("learning_rate", "muon_learning_rate")
FREE = ("dropout",)  # of the model's options: no weight depends on them


@dataclass(frozen=True)
class Origin:
    """What a run began from. Kept in [from] of its config.toml."""

    path: str
    """As it was given."""
    checkpoint: str
    """Folder of the weights."""
    validation: str = ""
    """Token shard of the text that is not to be forgotten; empty where it is not known."""
    val_loss: float | None = None
    """Of the weights on that text, before the first step."""
    seconds: float = 0.0
    """That measuring it took."""

    def load(self, model: Any) -> None:
        """Give `model` the weights. Raises `CheckpointError` if they are gone or do not fit."""
        found = load_checkpoint(self.checkpoint, optimizer=False)
        try:
            model.load_state_dict(found.model)
        except RuntimeError as error:
            reason = " ".join(line.strip() for line in str(error).splitlines()[1:])[:200]
            raise CheckpointError(
                f"the weights do not fit the model: {reason}; {found.path}; use another checkpoint"
            ) from error

    def to_dict(self) -> dict[str, Any]:
        """What is known, for config.toml."""
        values = dataclasses.asdict(self)
        return {name: value for name, value in values.items() if value not in ("", None)}


def stored_origin(values: Any, where: str) -> Origin | None:
    """The origin in a config.toml's [from]; None without one."""
    if values is None:
        return None
    kinds = {"path": str, "checkpoint": str, "validation": str, "val_loss": float, "seconds": float}
    if not isinstance(values, dict) or any(
        not isinstance(value, kinds.get(name, ())) for name, value in values.items()
    ):
        raise MalformedFileError(f"[from] is damaged; {where}; restore it from a copy")
    if not values.get("checkpoint"):
        raise MalformedFileError(f"[from] names no checkpoint; {where}; restore it from a copy")
    return Origin(**{"path": values["checkpoint"], **values})


def find_origin(path: str) -> tuple[Origin, Checkpoint]:
    """The checkpoint at `path`, a run folder (its best) or a checkpoint folder.

    Raises `CheckpointError` if there is none that can be read.
    """
    folder = Path(path)
    if (folder / "MANIFEST.json").exists():
        found: Checkpoint | None = load_checkpoint(folder, optimizer=False)
    else:
        found = best_checkpoint(RunFolder(folder), optimizer=False) if folder.is_dir() else None
    if found is None:
        raise CheckpointError(
            f"no checkpoint to go on from; {printable(folder)}; give a run that weft train has "
            "made, or convert a foreign model: weft convert MODEL FOLDER --to weft"
        )
    run = found.path.resolve().parent.parent
    shard = RunFolder(run).data_path / "val.bin"
    known = str(shard) if shard.is_file() else ""
    return Origin(path, str(found.path.resolve()), known), found


def options_from(
    found: Checkpoint, train: Mapping[str, Any], model: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of a run that goes on from `found`: what was given, and the rest from there.

    Raises `ConfigError` for options of the model or tokenizer that would change it.
    """
    where = str(found.path / "config.json")
    values = {name: value for name, value in found.config.items() if name != "format"}
    config = model_from_dict(values, where)
    if isinstance(config, NGramConfig):
        raise ConfigError(
            f"an n-gram model is counted, not trained on; {where}; count both texts together"
        )
    stored = to_dict(config)
    _refuse(model, stored, train, where)
    before = found.state.get("train")
    before = before if isinstance(before, dict) else {}
    same = train.get("optimizer", before.get("optimizer")) == before.get("optimizer")
    inherited = {name: before[name] for name in INHERITED if name in before}
    if same:
        rates = {name: before[name] for name in RATES if isinstance(before.get(name), float)}
        inherited |= {name: LOWER * rate for name, rate in rates.items()}
    tokenizer = {"tokenizer": str(found.path.resolve() / "tokenizer.json")}
    stored = {name: value for name, value in stored.items() if name not in ("vocab_size", *FREE)}
    return {**inherited, **train, **tokenizer}, {**stored, **model}


def _refuse(
    model: Mapping[str, Any], stored: Mapping[str, Any], train: Mapping[str, Any], where: str
) -> None:
    changed = [
        f"{name} {stored.get(name)} is now {value}"
        for name, value in model.items()
        if name not in FREE and stored.get(name) != value
    ]
    changed += [f"{name} {train[name]}" for name in ("tokenizer", "vocab_size") if name in train]
    if changed:
        raise ConfigError(
            f"the model and its tokenizer come from the other run: {', '.join(changed)}; {where}; "
            "leave these options out, or train a new model without --from"
        )


def check_same_origin(session: Session, given: Origin | None) -> None:
    """Raise `ConfigError` if a run that is resumed began from something else than is given now."""
    if given is None:
        return
    stored = session.origin
    if stored is None or Path(stored.path).resolve() != Path(given.path).resolve():
        began = f"began from {stored.path}" if stored is not None else "did not begin from a model"
        raise ConfigError(
            f"the run {began}, not from {given.path}; {session.run.path}; leave --from out, or "
            "train a new run in another --out"
        )


def measure_old_loss(session: Session, check: Check | None = None) -> None:
    """Note the loss on the old validation text before the first step, once.

    `check` is called before each batch and may raise to stop.
    """
    origin = session.origin
    if origin is None or session.step or origin.val_loss is not None:
        return
    begin = time.monotonic()
    loss = old_loss(session, check)
    if loss is None or not math.isfinite(loss):
        session.progress.message(
            f"{origin.path} has no validation text here: what is forgotten is not measured"
        )
        return
    session.origin = dataclasses.replace(origin, val_loss=loss, seconds=time.monotonic() - begin)
    session.progress.message(f"loss on {origin.path}'s validation text before: {loss:.4f}")


def old_loss(session: Session, check: Check | None = None) -> float | None:
    """The loss on the old validation text: all of it, or as much as evaluations on the way read.

    None where the text is not at hand any more.
    """
    origin = session.origin
    if origin is None or not origin.validation or not Path(origin.validation).is_file():
        return None
    shard, mine = TokenShard.open(origin.validation), session.dataset.val
    if shard.vocab_size != mine.vocab_size or len(shard) < 2:
        return None
    dataset = dataclasses.replace(session.dataset, val=shard)
    other = dataclasses.replace(session, dataset=dataset)
    by_the_clock = session.config.minutes is not None
    return other.evaluate(session.config.eval_batches if by_the_clock else None, check).loss


def with_old_losses(
    session: Session, result: TrainResult, check: Check | None = None
) -> TrainResult:
    """The result with the loss on the old text before and after, which is also shown."""
    origin = session.origin
    if origin is None or origin.val_loss is None:
        return result
    begin = time.monotonic()
    after = old_loss(session, check)
    if after is None:
        return result
    verb = "forgotten" if after > origin.val_loss else "not forgotten"
    session.progress.message(
        f"{verb}: {origin.val_loss:.4f} -> {after:.4f} on {origin.path}'s validation text"
    )
    return dataclasses.replace(
        result,
        seconds=result.seconds + time.monotonic() - begin,
        old_val_loss_before=origin.val_loss,
        old_val_loss_after=after,
    )
