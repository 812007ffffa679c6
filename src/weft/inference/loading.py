"""From a path to a `LoadedModel`: which checkpoint is meant, and what is wrong if it cannot be.

A run folder stands for its best checkpoint (lowest validation loss) unless the latest is asked for.
Everything that is read of a checkpoint was verified against its manifest. Models of other programs
are read by `weft.formats`; a name that is no path is looked up among those that weft pull brought.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from weft.config import ModelConfig
from weft.errors import CheckpointError, ConfigError, MalformedFileError, WeftError
from weft.formats import Weights, looks_foreign, read_model
from weft.formats.quantized import (
    QuantizedWeights,
    as_quantized,
    quantization_of,
    read_quantized,
)
from weft.inference.generation import LoadedModel
from weft.inference.packing import InferencePrecision
from weft.models import CachePrecision

if TYPE_CHECKING:
    from weft.checkpoint import Checkpoint, RunFolder
    from weft.config import AnyModelConfig

Which = Literal["best", "latest"]
Precision = InferencePrecision | Literal["auto"]
WEIGHTS = "model.safetensors"
LISTED = 10  # flaws that one error spells out


def load(
    path: str | Path,
    *,
    checkpoint: Which = "best",
    precision: Precision = "auto",
    cache: CachePrecision | None = None,
) -> LoadedModel:
    """The model at `path`, ready to generate; its weights are read when they are needed.

    `path` is a run folder, a checkpoint folder, a model of another program (a Hugging Face folder;
    see `weft.formats`) or the name of one that weft pull has brought. `precision` is that of the
    matrices: "auto" is float32, or int8 or int4 where they are stored so; "bfloat16" rounds them
    once and multiplies in bfloat16; "int8" and "int4" quantise as weft convert does. `cache` is
    the precision in which keys and values are kept: float32, bfloat16, or int8 with a scale for
    each; without it float32 with matrices in float32, else bfloat16. Raises `CheckpointError` or
    `MalformedFileError` for what is incomplete or altered, `WeftError` for a path that does not
    exist (with the nearest name that does), `ConfigError` for a wrong option.
    """
    if precision not in ("auto", *get_args(InferencePrecision)):
        names = ", ".join(("auto", *get_args(InferencePrecision)))
        raise ConfigError(f"unknown precision {precision!r}; load; choose one of {names}")
    if cache not in (None, *get_args(CachePrecision)):
        raise ConfigError(f"unknown cache {cache!r}; load; choose float32, bfloat16 or int8")
    path = find_path(path)
    if not is_ours(path):
        return _load_foreign(path, precision, cache)
    return _load_ours(find_checkpoint(path, checkpoint), precision, cache)


def _load_ours(
    found: Checkpoint, precision: Precision, cache: CachePrecision | None
) -> LoadedModel:
    from weft.tokenizers import tokenizer_from_json

    config = model_config(found)
    tokenizer = tokenizer_from_json(found.tokenizer_json)
    if tokenizer.vocab_size > config.vocab_size:
        raise CheckpointError(
            f"the tokenizer has {tokenizer.vocab_size} tokens, the model {config.vocab_size}; "
            f"{found.path}; take another checkpoint"
        )
    if not isinstance(config, ModelConfig):
        return _load_family(config, found, tokenizer, precision, cache)
    weights, chosen = _in_precision(_fitting(config, found), precision)
    return LoadedModel(
        None,
        tokenizer,
        config,
        found.path,
        found.step,
        "bfloat16" if chosen == "bfloat16" else None,
        found.state,
        cache=cache,
        precision=chosen,
        weights=weights,
        build=lambda: build(config, weights, chosen),
    )


def _load_family(
    config: AnyModelConfig,
    found: Checkpoint,
    tokenizer: Any,
    precision: Precision,
    cache: CachePrecision | None,
) -> LoadedModel:
    """A model that is not a gpt, in float32 or bfloat16; it reads as its definition does."""
    chosen: InferencePrecision = "float32" if precision == "auto" else precision
    if chosen in ("int8", "int4"):
        raise ConfigError(
            f"{chosen} is for a gpt, not for a model {config.model}; {found.path}; "
            "take float32 or bfloat16"
        )
    if cache is not None and config.model != "encoder-decoder":
        raise ConfigError(
            f"a model {config.model} keeps no keys and values; {found.path}; leave --cache out"
        )
    dtype = "bfloat16" if chosen == "bfloat16" else None
    model = build_family(config, found)
    return LoadedModel(
        model,
        tokenizer,
        config,
        found.path,
        found.step,
        dtype,
        found.state,
        precision=chosen,
        cache=cache,
    )


def build_family(config: AnyModelConfig, found: Checkpoint) -> Any:
    """The model of a checkpoint, in evaluation mode. Raises `CheckpointError` if they do not fit.

    Layers without arrays for them are refused before they are made.
    """
    from weft.models import skeleton

    layers = getattr(config, "n_layer", 0)
    if layers > len(found.model):
        raise _unfit(f"{layers} layers, but {len(found.model)} arrays", found)
    try:
        model = skeleton(config)
        model.load_state_dict(found.model)
    except MemoryError:
        raise _unfit("its sizes are more than memory can hold", found) from None
    except (RuntimeError, ValueError) as error:
        lines = [line.strip() for line in str(error).splitlines()]
        raise _unfit(" ".join(lines[1:] or lines)[:300], found) from error
    for name, array in found.model.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise CheckpointError(
                f"a weight is NaN or infinite: {name}; {found.path}; take another checkpoint"
            )
    return model.eval()


def _in_precision(weights: Weights, precision: Precision) -> tuple[Weights, InferencePrecision]:
    """The weights as they count in this precision, and which one "auto" is."""
    chosen = quantization_of(weights) or "float32" if precision == "auto" else precision
    return (as_quantized(weights, chosen) if chosen in ("int8", "int4") else weights), chosen


def _load_foreign(path: Path, precision: Precision, cache: CachePrecision | None) -> LoadedModel:
    files = read_model(path)
    weights, chosen = _in_precision(files.weights, precision)
    return LoadedModel(
        None,
        files.tokenizer,
        files.config,
        files.path,
        cache=cache,
        dtype="bfloat16" if chosen == "bfloat16" else None,
        precision=chosen,
        weights=weights,
        build=lambda: build(files.config, weights, chosen),
        notes=files.notes,
        chat_template=files.chat_template,
    )


def find_path(path: str | Path) -> Path:
    """The path itself, if it is there, or the model of that name that weft pull has brought.

    Raises `ConfigError` for no name, `WeftError` with the nearest that there is.
    """
    if not str(path):
        raise ConfigError("no model given; its name is empty; give a run folder")
    found = Path(path)
    if found.exists():
        return found
    from weft.formats.pulled import is_short_name, pulled_model

    pulled = pulled_model(str(path))
    if pulled is not None:
        return pulled
    if is_short_name(str(path)):
        raise WeftError(f"no such model here; {path}; bring it with weft pull {path}")
    raise WeftError(f"no such folder; {path}; {_nearest(found)}")


def is_ours(path: Path) -> bool:
    """Whether it is a run folder or a checkpoint folder, or at least no other program's model."""
    return path.is_dir() and not looks_foreign(path)


def model_config(found: Checkpoint) -> AnyModelConfig:
    """The configuration in config.json. Raises `CheckpointError` if it cannot be one."""
    from weft.config import model_from_dict

    values = {key: value for key, value in found.config.items() if key != "format"}
    try:
        return model_from_dict(values, where=str(found.path / "config.json"))
    except ConfigError as error:
        raise CheckpointError(str(error)) from error


def find_checkpoint(path: str | Path, which: Which = "best") -> Checkpoint:
    """Read the checkpoint that `path` stands for: itself, or a run's best or latest one.

    The optimizer's state is left out. Errors: as `load`.
    """
    if which not in ("best", "latest"):
        raise ConfigError(f"unknown checkpoint {which!r}; load; choose best or latest")
    from weft.checkpoint import RunFolder, best_checkpoint, latest_checkpoint, load_checkpoint

    path = find_path(path)
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
    import difflib

    try:
        names = [e.name for e in os.scandir(path.parent) if e.is_dir()]
    except OSError:
        return "check the path"
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.5)
    return f"did you mean {path.parent / near[0]}?" if near else "check the path"


def _fitting(config: ModelConfig, found: Checkpoint) -> Weights:
    """The checkpoint's weights; names and shapes, which cost nothing, are checked first."""
    from weft.formats.parameters import parameter_shapes

    weights = read_quantized(found.model, str(found.path / WEIGHTS))
    if config.n_layer * max(1, config.n_expert) > len(weights):
        sizes = f"{config.n_layer} layers" + f" of {config.n_expert} experts" * bool(
            config.n_expert
        )
        raise _unfit(f"{sizes}, but {len(weights)} arrays", found)
    expected = parameter_shapes(config)
    problems = [f"missing {name}" for name in expected if name not in weights]
    problems += [f"unknown {name!r:.80}" for name in weights if name not in expected]
    for name in expected:
        shape = _shape(weights, name) if name in weights else expected[name]
        if shape != expected[name]:
            problems.append(f"{name} is {shape}, not {expected[name]}")
    if problems:
        raise _unfit(", ".join(problems[:LISTED]), found)
    return weights


def _shape(weights: Weights, name: str) -> tuple[int, ...]:
    whole = weights.quantized(name) if isinstance(weights, QuantizedWeights) else None
    return weights.unchecked(name).shape if whole is None else whole.shape


def _unfit(what: str, found: Checkpoint) -> CheckpointError:
    return CheckpointError(
        f"the weights do not fit the configuration: {what}; {found.path}; take another checkpoint"
    )


def build(
    config: ModelConfig, weights: Mapping[str, Any], precision: InferencePrecision = "float32"
) -> Any:
    """The `GPT` with these weights, in evaluation mode; one array at a time is in memory twice.

    With "bfloat16" the weights of linear layers are rounded, once instead of at every product. An
    embedding stays in float32 unless it is the output layer too and float32 positions are added to
    it: the residual stream must stay in float32. So do routers.
    """
    from weft import kernels
    from weft.autograd import Tensor
    from weft.models import GPT
    from weft.nn import init

    with init.skipped():
        model = GPT(config)
    keep = {"position.weight", "router.weight"}
    if not (config.tie_embeddings and config.positions in ("learned", "sinusoidal")):
        keep.add("embedding.weight")
    for name, parameter in model.named_parameters():
        array = weights[name]
        if (
            precision == "bfloat16"
            and array.ndim == 2
            and name.split("feed_forward.")[-1] not in keep
        ):
            whole = np.ascontiguousarray(array, np.float32)
            parameter.data = Tensor(kernels.active.cast(whole, np.dtype("bfloat16")))
        else:
            parameter.array[...] = array
    return model.eval()
