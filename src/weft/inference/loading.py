"""From a path to a `LoadedModel`: which checkpoint is meant, and what is wrong if it cannot be.

A run folder stands for its best checkpoint (lowest validation loss) unless the latest is asked for.
Everything that is read was verified against the checkpoint's manifest.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from weft import kernels
from weft.autograd import Tensor
from weft.checkpoint import (
    Checkpoint,
    RunFolder,
    best_checkpoint,
    latest_checkpoint,
    load_checkpoint,
)
from weft.config import ModelConfig, from_dict
from weft.errors import CheckpointError, ConfigError, MalformedFileError, WeftError
from weft.inference.generation import LoadedModel
from weft.models import GPT, CachePrecision
from weft.nn import init
from weft.tokenizers import tokenizer_from_json

Which = Literal["best", "latest"]
InferencePrecision = Literal["float32", "bfloat16"]
WEIGHTS = "model.safetensors"


def load(
    path: str | Path,
    *,
    checkpoint: Which = "best",
    precision: InferencePrecision = "float32",
    cache: CachePrecision | None = None,
) -> LoadedModel:
    """The model in a run folder or checkpoint folder, ready to generate.

    `precision` "bfloat16" rounds the weights of the matrices once and multiplies in bfloat16.
    `cache` is the precision in which keys and values are kept: float32, bfloat16, or int8 with a
    scale for each; without it the compute precision. Raises `CheckpointError` for a folder that is
    incomplete or altered, `WeftError` for a path that does not exist (with the nearest name that
    does), `ConfigError` for a wrong option.
    """
    if precision not in ("float32", "bfloat16"):
        raise ConfigError(f"unknown precision {precision!r}; load; choose float32 or bfloat16")
    if cache not in (None, *get_args(CachePrecision)):
        raise ConfigError(f"unknown cache {cache!r}; load; choose float32, bfloat16 or int8")
    found = find_checkpoint(path, checkpoint)
    config = model_config(found)
    tokenizer = tokenizer_from_json(found.tokenizer_json)
    if tokenizer.vocab_size > config.vocab_size:
        raise CheckpointError(
            f"the tokenizer has {tokenizer.vocab_size} tokens, the model {config.vocab_size}; "
            f"{found.path}; take another checkpoint"
        )
    model = _build(config, found)
    if precision == "bfloat16":
        _round_matrices(model, config)
    dtype = "bfloat16" if precision == "bfloat16" else None
    return LoadedModel(
        model, tokenizer, config, found.path, found.step, dtype, found.state, cache=cache
    )


def model_config(found: Checkpoint) -> ModelConfig:
    """The configuration in config.json. Raises `CheckpointError` if it cannot be one."""
    values = {key: value for key, value in found.config.items() if key != "format"}
    try:
        return from_dict(ModelConfig, values, where=str(found.path / "config.json"))
    except ConfigError as error:
        raise CheckpointError(str(error)) from error


def find_checkpoint(path: str | Path, which: Which = "best") -> Checkpoint:
    """Read the checkpoint that `path` stands for: itself, or a run's best or latest one.

    The optimizer's state is left out. Errors: as `load`.
    """
    if which not in ("best", "latest"):
        raise ConfigError(f"unknown checkpoint {which!r}; load; choose best or latest")
    if not str(path):
        raise ConfigError("no model given; its name is empty; give a run folder")
    path = Path(path)
    if not path.exists():
        raise WeftError(f"no such folder; {path}; {_nearest(path)}")
    if not path.is_dir():
        raise MalformedFileError(
            f"not a run folder or checkpoint folder; {path}; give the folder that weft train wrote"
        )
    if is_checkpoint(path):
        return load_checkpoint(path, optimizer=False)
    run = RunFolder(path)
    choose = best_checkpoint if which == "best" else latest_checkpoint
    found = choose(run, optimizer=False)
    if found is None:
        raise CheckpointError(f"no readable checkpoint in this folder; {path}; {_advice(run)}")
    return found


def is_checkpoint(path: Path) -> bool:
    """Whether the folder looks like one checkpoint, whole or not, rather than like a run."""
    return any((path / name).exists() for name in ("MANIFEST.json", WEIGHTS, "state.json"))


def _advice(run: RunFolder) -> str:
    if run.is_used():
        return "train on with weft train --resume, or look at it with weft doctor"
    return "give the folder that weft train wrote"


def _nearest(path: Path) -> str:
    """A folder beside the missing one with nearly its name."""
    try:
        names = [e.name for e in os.scandir(path.parent) if e.is_dir()]
    except OSError:
        return "check the path"
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.5)
    return f"did you mean {path.parent / near[0]}?" if near else "check the path"


def _build(config: ModelConfig, found: Checkpoint) -> Any:
    with init.skipped():
        model = GPT(config)
    try:
        model.load_state_dict(found.model)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:]]
        raise CheckpointError(
            f"the weights do not fit the configuration: {' '.join(lines)[:300]}; {found.path}; "
            "take another checkpoint"
        ) from error
    return model.eval()


def _round_matrices(model: Any, config: ModelConfig) -> None:
    """Weights of linear layers in bfloat16, once instead of at every multiplication.

    An embedding stays in float32 unless it is the output layer too and float32 positions are added
    to it: the residual stream must stay in float32.
    """
    keep = {"position.weight"}
    if not (config.tie_embeddings and config.arch == "gpt2"):
        keep.add("embedding.weight")
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2 and name not in keep:
            rounded = kernels.active.cast(parameter.array, np.dtype("bfloat16"))
            parameter.data = Tensor(rounded)
