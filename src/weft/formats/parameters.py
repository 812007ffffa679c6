"""What a configuration must find in a foreign file: names and shapes, and how they are checked.

A reader says what its format calls each parameter and how it lays it out; `gather` finds all of
them, refuses what does not fit, and makes the lazy `Weights`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from weft.config import ModelConfig, from_dict
from weft.errors import ConfigError
from weft.formats.model_files import Weights
from weft.tokenizers.strict_json import malformed, shown

Array = NDArray[Any]
Shape = tuple[int, ...]
NUMBERS = (np.dtype("<f4"), np.dtype(ml_dtypes.bfloat16), np.dtype("<f2"))  # that weights can have
NAMED = 10  # tensors in one message


class Stored(Protocol):
    """A tensor of a foreign file, not yet read."""

    @property
    def shape(self) -> Shape: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def array(self) -> Array: ...


def parameter_shapes(config: ModelConfig) -> dict[str, Shape]:
    """The names of `GPT.state_dict()` in its order, and their shapes; Linear is (out, in)."""
    c, V, C, D = config, config.vocab_size, config.n_embd, config.head_dim
    shapes: dict[str, Shape] = {"embedding.weight": (V, C)}
    if c.positions == "learned":
        shapes["position.weight"] = (c.block_size, C)
    for i in range(c.n_layer):
        block = f"blocks.{i}."
        _norm(shapes, block + "norm_1", C, c)
        _linear(shapes, block + "attention.qkv", (c.n_head + 2 * c.n_kv_head) * D, C, c)
        _linear(shapes, block + "attention.out", C, c.n_head * D, c)
        if c.arch == "qwen3":
            shapes |= {block + f"attention.{x}_norm.weight": (D,) for x in "qk"}
        _norm(shapes, block + "norm_2", C, c)
        if c.n_expert:
            shapes[block + "feed_forward.router.weight"] = (c.n_expert, C)
        experts = [f"experts.{e}." for e in range(c.n_expert)] or [""]
        for name in experts:
            _feed_forward(shapes, f"{block}feed_forward.{name}", c)
    _norm(shapes, "norm", C, c)
    if not c.tie_embeddings:
        shapes["head.weight"] = (V, C)
    return shapes


def _feed_forward(shapes: dict[str, Shape], name: str, c: ModelConfig) -> None:
    _linear(shapes, name + "up", c.intermediate_size, c.n_embd, c)
    _linear(shapes, name + "down", c.n_embd, c.intermediate_size, c)
    if c.arch != "gpt2":
        _linear(shapes, name + "gate", c.intermediate_size, c.n_embd, c)


def _norm(shapes: dict[str, Shape], name: str, width: int, config: ModelConfig) -> None:
    shapes[name + ".weight"] = (width,)
    if config.arch == "gpt2" and config.bias:
        shapes[name + ".bias"] = (width,)


def _linear(shapes: dict[str, Shape], name: str, out: int, into: int, c: ModelConfig) -> None:
    shapes[name + ".weight"] = (out, into)
    if c.bias:
        shapes[name + ".bias"] = (out,)


def config_of(values: Mapping[str, Any], where: str) -> ModelConfig:
    """A configuration of a file's numbers; what cannot be one is a `MalformedFileError`."""
    try:
        return from_dict(ModelConfig, values, where)
    except ConfigError as error:
        malformed(f"its sizes cannot be: {str(error).split(';')[0]}", where)


def gather(
    config: ModelConfig,
    stored: Mapping[str, Stored],
    name_of: Callable[[str], str],
    where: str,
    *,
    stored_shape: Callable[[str, Shape], Shape] = lambda name, shape: shape,
    convert: Callable[[str, Array], Array] = lambda name, array: array,
    ignored: Collection[str] = (),
) -> Weights:
    """All parameters of `config` out of `stored`, each converted when it is asked for.

    name_of:      our name -> the file's
    stored_shape: our name and shape -> the shape in the file
    convert:      our name and the file's array -> our array
    ignored:      names of the file that mean nothing; any other that is left over is refused

    Raises `MalformedFileError` that names missing, extra or wrong tensors.
    """
    if 2 * config.n_layer > len(stored):
        malformed(f"{config.n_layer:,} layers in a file of {len(stored):,} tensors", where)
    expected = parameter_shapes(config)
    names = {ours: name_of(ours) for ours in expected}
    _same_names(set(names.values()), set(stored) - set(ignored), where)
    for ours, name in names.items():
        check_tensor(name, stored[name], stored_shape(ours, expected[ours]), where)

    def load(ours: str) -> Callable[[], Array]:
        tensor = stored[names[ours]]
        return lambda: convert(ours, tensor.array())

    return Weights({ours: load(ours) for ours in expected}, where)


def _same_names(expected: set[str], found: set[str], where: str) -> None:
    for kind, names in (("missing", expected - found), ("not known", found - expected)):
        if names:
            some = sorted(names, key=lambda name: (len(name), name))[:NAMED]
            more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
            malformed(f"tensors {kind}: {', '.join(map(shown, some))}{more}", where)


def check_tensor(name: str, tensor: Stored, shape: Shape, where: str) -> None:
    """Refuse a tensor of another shape, or of numbers that are no weights."""
    if tensor.shape != shape:
        malformed(f"{shown(name)} has the shape {tensor.shape}, not {shape}", where)
    if tensor.dtype not in NUMBERS:
        malformed(
            f"{shown(name)} is of {tensor.dtype}; weights are float32, bfloat16 or float16", where
        )


def require_plain(config: ModelConfig, format: str) -> None:
    """Raise `ConfigError` if a part differs from what its `arch` is for the programs of that name.

    No format that is written here has a place for it.
    """
    positions = "learned" if config.arch == "gpt2" else "rotary"
    require(config, format, activation="gelu", positions=positions, window=0, n_expert=0)


def require(config: ModelConfig, format: str, **values: Any) -> None:
    """Raise `ConfigError` unless the configuration has the values that `format` is made for."""
    for name, value in values.items():
        if getattr(config, name) != value:
            raise ConfigError(
                f"{format} has no place for {name} {getattr(config, name)} (only {value}); "
                "convert; choose another --to"
            )
