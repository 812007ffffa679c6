"""The two configurations: what the model is, and how it is trained.

Both are frozen dataclasses, valid once built: fields left out are derived from the others, and
impossible values raise `ConfigError` with the numbers in it. They travel as plain dicts in TOML and
JSON; an unknown key is an error that names the nearest one, and no value changes its type.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import math
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from weft.errors import ConfigError

Arch = Literal["gpt2", "llama", "qwen3"]
Gelu = Literal["none", "tanh"]  # what PyTorch calls `approximate`
Activation = Literal["gelu", "relu"]
Schedule = Literal["constant", "linear", "cosine", "wsd"]
OptimizerName = Literal["adamw", "muon"]
Precision = Literal["auto", "float32", "bfloat16"]

# The default of a field that is derived from the others in `__post_init__`; readers never see None.
DERIVED: Any = None

LARGEST_INT = 2**31 - 1  # of sizes and counts
MAX_TOML_BYTES = 1_000_000
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """A decoder-only Transformer. `arch` sets the defaults of what is left out (see DESIGN.md)."""

    vocab_size: int
    """Number of tokens that the model knows (V)."""
    arch: Arch = "gpt2"
    """Family: positions, norm, MLP and attention that the format of that name can hold."""
    block_size: int = 64
    """Longest context in tokens (T)."""
    n_layer: int = 4
    """Number of blocks (L)."""
    n_head: int = 4
    """Number of attention heads (H)."""
    n_kv_head: int = DERIVED
    """Number of key/value heads; divides n_head. gpt2 has n_head of them."""
    n_embd: int = 128
    """Width of the residual stream (C)."""
    dropout: float = 0.0
    """Probability of dropping an activation while training, in [0, 1)."""
    bias: bool = DERIVED
    """Biases in linear layers and LayerNorms: yes for gpt2, no for the others."""
    tie_embeddings: bool = DERIVED
    """The output layer shares the embedding's weights: yes for gpt2, no for the others."""
    rope_theta: float = 10000.0
    """Base of the rotary frequencies (llama, qwen3)."""
    norm_eps: float = DERIVED
    """Added to the variance in every norm: 1e-5; qwen3 1e-6."""
    intermediate_size: int = DERIVED
    """Width of the MLP: 4 C for gpt2; otherwise 8/3 C rounded up to a multiple of 64."""
    head_dim: int = DERIVED
    """Size of one head (D): C / H. Only qwen3 may choose another."""
    activation: Activation = "gelu"
    """Non-linearity of gpt2's MLP; `relu` only for models of Keras that were trained with it."""
    gelu: Gelu = "tanh"
    """GELU of gpt2: the tanh formula, or `none` for the exact one, as models of nanoGPT have it."""

    def __post_init__(self) -> None:
        check_types(self)
        _check_choice(self, "arch", Arch)
        _check_choice(self, "gelu", Gelu)
        _check_choice(self, "activation", Activation)
        for name in ("vocab_size", "block_size", "n_layer", "n_head", "n_embd"):
            _check_range(self, name, 1, LARGEST_INT)
        self._derive()
        for name in ("n_kv_head", "intermediate_size", "head_dim"):
            _check_range(self, name, 1, LARGEST_INT)
        _check_range(self, "dropout", 0, 1, below=True)
        _check_range(self, "rope_theta", 0, math.inf, above=True, below=True)
        _check_range(self, "norm_eps", 0, 1, above=True)
        self._check_heads()

    def _derive(self) -> None:
        gpt2 = self.arch == "gpt2"
        if self.head_dim is None and self.n_embd % self.n_head:
            raise ConfigError(
                f"n_embd {self.n_embd} is not divisible by n_head {self.n_head}; model; "
                f"choose n_embd as a multiple of {self.n_head}"
            )
        _derive(self, "n_kv_head", self.n_head)
        _derive(self, "bias", gpt2)
        _derive(self, "tie_embeddings", gpt2)
        _derive(self, "norm_eps", 1e-6 if self.arch == "qwen3" else 1e-5)
        swiglu_size = -(-8 * self.n_embd // 3 // 64) * 64
        _derive(self, "intermediate_size", 4 * self.n_embd if gpt2 else swiglu_size)
        _derive(self, "head_dim", self.n_embd // self.n_head)

    def _check_heads(self) -> None:
        if self.n_head % self.n_kv_head:
            raise ConfigError(
                f"n_head {self.n_head} is not divisible by n_kv_head {self.n_kv_head}; model; "
                "choose n_kv_head among the divisors of n_head"
            )
        if self.arch != "gpt2" and self.activation != "gelu":
            raise ConfigError(
                f"arch {self.arch} has a gated MLP, not one with {self.activation}; model; "
                "leave activation out or use --arch gpt2"
            )
        if self.arch == "gpt2" and self.n_kv_head != self.n_head:
            raise ConfigError(
                f"arch gpt2 has as many key/value heads as heads, not n_kv_head {self.n_kv_head} "
                f"with n_head {self.n_head}; model; leave n_kv_head out or use --arch llama"
            )
        if self.arch != "qwen3" and self.head_dim * self.n_head != self.n_embd:
            raise ConfigError(
                f"head_dim {self.head_dim} x n_head {self.n_head} is not n_embd {self.n_embd}; "
                f"model; leave head_dim out or use --arch qwen3"
            )
        if self.arch != "gpt2" and self.head_dim % 2:
            raise ConfigError(
                f"rotary positions need an even head size, not {self.head_dim} "
                f"(n_embd {self.n_embd} / n_head {self.n_head}); model; change n_embd or n_head"
            )


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One training run: data, length, optimisation, evaluation. Paths are kept as given."""

    data: str
    """Text file, folder, `-`, token shard or built-in corpus: stories, pydocs, shakespeare."""
    out: str
    """Run folder; made if it is not there."""
    steps: int | None = None
    """Optimiser steps: 2,000 without `minutes`; with it, measured at the start and written here."""
    minutes: float | None = None
    """Wall-clock minutes to aim for, instead of `steps`."""
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
    val_fraction: float = 0.1
    """Last part of the text that is kept for validation, in (0, 1)."""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("data", "out"):
            if not getattr(self, name):
                raise ConfigError(f"{name} is empty; train; give a path")
        for name, choice in (
            ("optimizer", OptimizerName),
            ("schedule", Schedule),
            ("precision", Precision),
        ):
            _check_choice(self, name, choice)
        self._check_lengths()
        self._derive()
        self._check_rates()

    def _check_lengths(self) -> None:
        for name in ("batch_size", "accumulate", "eval_batches", "log_interval"):
            _check_range(self, name, 1, LARGEST_INT)
        for name in ("steps", "threads", "vocab_size"):
            if getattr(self, name) is not None:
                _check_range(self, name, 1, LARGEST_INT)
        if self.warmup_steps is not None:
            _check_range(self, "warmup_steps", 0, LARGEST_INT)
        if self.minutes is not None:
            _check_range(self, "minutes", 0, math.inf, above=True, below=True)
        for name in ("seed", "sample_tokens"):
            _check_range(self, name, 0, LARGEST_INT)
        if self.steps is not None and (self.warmup_steps or 0) > self.steps:
            raise ConfigError(
                f"warmup_steps {self.warmup_steps} is more than steps {self.steps}; train; "
                "shorten the warm-up or train longer"
            )

    def _derive(self) -> None:
        if self.learning_rate is not None:
            _check_range(self, "learning_rate", 0, 1e3, above=True)
            _derive(self, "min_learning_rate", self.learning_rate / 10)
        if self.steps is not None:
            _derive(self, "eval_interval", max(1, min(250, self.steps // 5)))
        if self.eval_interval is not None:
            _check_range(self, "eval_interval", 1, LARGEST_INT)

    def _check_rates(self) -> None:
        if self.min_learning_rate is not None:
            top = math.inf if self.learning_rate is None else self.learning_rate
            _check_range(self, "min_learning_rate", 0, top)
        _check_range(self, "muon_learning_rate", 0, 1e3, above=True)
        _check_range(self, "weight_decay", 0, 1e3)
        _check_range(self, "grad_clip", 0, 1e9)
        for name in ("beta1", "beta2"):
            _check_range(self, name, 0, 1, below=True)
        _check_range(self, "val_fraction", 0, 1, above=True, below=True)
        _check_range(self, "decay_fraction", 0, 1, above=True)


def from_dict(cls: type[T], values: Mapping[str, Any], where: str = "") -> T:
    """Build `cls` (one of the two above) from plain values, refusing what it does not know.

    `where` names the file or the option group in the error. Raises `ConfigError`.
    """
    where = where or cls.__name__
    names = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
    for key in values:
        if key not in names:
            raise ConfigError(unknown_key_message(key, names, where))
    missing = [
        field.name
        for field in dataclasses.fields(cls)  # type: ignore[arg-type]
        if field.default is dataclasses.MISSING and field.name not in values
    ]
    if missing:
        raise ConfigError(f"{', '.join(missing)} missing; {where}; add {missing[0]}")
    return cls(**values)


def to_dict(config: ModelConfig | TrainConfig) -> dict[str, Any]:
    """All fields as plain values in the order of the class; those that are None are left out."""
    return {k: v for k, v in dataclasses.asdict(config).items() if v is not None}


def unknown_key_message(key: object, names: list[str], where: str) -> str:
    """One line that names the nearest of `names`."""
    near = difflib.get_close_matches(str(key), names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(names)}"
    return f"unknown option {str(key)[:80]!r}; {where}; {hint}"


def read_toml(path: str | Path) -> dict[str, Any]:
    """Read a TOML file of at most 1 MB. Raises `ConfigError` that names the line of a mistake."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TOML_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"cannot read: {error.strerror}; {path}; check the path") from error
    if len(data) > MAX_TOML_BYTES:
        raise ConfigError(f"more than {MAX_TOML_BYTES} bytes; {path}; this is not a configuration")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"not TOML: {error}; {path}; correct that line") from error


def write_toml(path: str | Path, values: Mapping[str, Any]) -> None:
    """Write nested plain values as TOML, replacing an old file at once (temporary, rename)."""
    import os

    import tomli_w

    path = Path(path)
    temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            tomli_w.dump(dict(values), file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def check_types(config: Any) -> None:
    """Raise `ConfigError` unless each field has its declared type: no true or "12" for 12."""
    for name, hint in _hints(config.__class__).items():
        value = getattr(config, name)
        derived = value is None and type(config).__dict__.get(name, 0) is None
        if not derived and not _has_type(value, hint):
            raise ConfigError(
                f"{name} must be {_type_name(hint)}, not {str(value)[:80]!r} "
                f"({type(value).__name__}); {type(config).__name__}; correct {name}"
            )


@functools.cache
def _hints(cls: Any) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _has_type(value: object, hint: Any) -> bool:
    if isinstance(hint, types.UnionType):
        return any(_has_type(value, option) for option in typing.get_args(hint))
    if typing.get_origin(hint) is Literal:
        return isinstance(value, str)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)


def _type_name(hint: Any) -> str:
    if isinstance(hint, types.UnionType):
        return " or ".join(_type_name(h) for h in typing.get_args(hint) if h is not types.NoneType)
    if typing.get_origin(hint) is Literal:
        return "one of " + ", ".join(typing.get_args(hint))
    return {int: "a whole number", float: "a number", bool: "true or false"}.get(hint, "a string")


def _derive(config: Any, name: str, value: object) -> None:
    if getattr(config, name) is None:
        object.__setattr__(config, name, value)


def _check_choice(config: Any, name: str, choices: Any) -> None:
    value, known = getattr(config, name), list(typing.get_args(choices))
    if value not in known:
        near = difflib.get_close_matches(str(value), known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(known)}"
        raise ConfigError(f"unknown {name} {str(value)[:80]!r}; {type(config).__name__}; {hint}")


def _check_range(
    config: Any, name: str, low: float, high: float, *, above: bool = False, below: bool = False
) -> None:
    """low <= value <= high; `above`/`below` exclude that end. NaN is never in range."""
    value = getattr(config, name)
    inside = (low < value if above else low <= value) and (value < high if below else value <= high)
    if not inside:
        left, right = "(" if above else "[", ")" if below else "]"
        raise ConfigError(
            f"{name} {value} is not in {left}{low}, {high}{right}; "
            f"{type(config).__name__}; correct {name}"
        )
