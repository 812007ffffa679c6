"""How much memory a training run will take, from its configuration alone, before it allocates.

Counted: weights, gradients, the optimiser's state, and what the tape keeps of one micro-batch. The
figure for activations is of the tape's own ops; it is an estimate (a test holds it to a factor).
"""

from __future__ import annotations

import dataclasses
import os
import resource
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weft.config import AnyModelConfig, ModelConfig, RecurrentConfig, TrainConfig
from weft.errors import WeftError
from weft.models import skeleton

FLOAT = 4  # bytes of weights, gradients, optimiser state and the residual stream
BASE = 150_000_000  # Python, NumPy and the kernels' buffers
GIB = 1 << 30
SIZES = ("block_size", "n_embd", "n_layer")  # of a model, to make it smaller by


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes of one training process."""

    weights: int
    gradients: int
    optimizer: int
    activations: int

    @property
    def total(self) -> int:
        """All of it, with the interpreter."""
        return self.weights + self.gradients + self.optimizer + self.activations + BASE


def count_parameters(config: AnyModelConfig) -> int:
    """Number of weights, without memory for them."""
    if not isinstance(config, ModelConfig):
        return sum(array.numel() for array in skeleton(config).parameters())
    C, L, V, D = config.n_embd, config.n_layer, config.vocab_size, config.head_dim
    qkv = (config.n_head + 2 * config.n_kv_head) * D
    block = C * qkv + config.n_head * D * C + 2 * C + _feed_forward_weights(config)
    if config.bias:
        block += qkv + C + (2 * C if config.arch == "gpt2" else 0)
    block += 2 * D if config.arch == "qwen3" else 0
    norm = C * (2 if config.arch == "gpt2" and config.bias else 1)
    embeddings = V * C * (1 if config.tie_embeddings else 2)
    positions = config.block_size * C if config.positions == "learned" else 0
    return L * block + norm + embeddings + positions


def _feed_forward_weights(config: ModelConfig) -> int:
    """Of one block: an MLP, or all experts and their router."""
    C, inner, matrices = config.n_embd, config.intermediate_size, 2 if config.arch == "gpt2" else 3
    mlp = matrices * C * inner + ((matrices - 1) * inner + C if config.bias else 0)
    return config.n_expert * (mlp + C) or mlp


def estimate(model: AnyModelConfig, train: TrainConfig) -> MemoryEstimate:
    """Memory of training `model` as `train` says."""
    weights = FLOAT * count_parameters(model)
    moments = 1 if train.optimizer == "muon" else 2
    rows = train.batch_size * model.block_size  # of one micro-batch
    return MemoryEstimate(
        weights=weights,
        gradients=weights,
        optimizer=moments * weights,
        activations=rows * _bytes_per_token(model, train),
    )


def _bytes_per_token(model: AnyModelConfig, train: TrainConfig) -> int:
    """What the tape keeps of one token, and the largest gradients that live beside it."""
    if isinstance(model, RecurrentConfig):
        return FLOAT * (_recurrent_outputs(model) + 2 * model.vocab_size)
    if not isinstance(model, ModelConfig):
        return FLOAT * (_layer_outputs(model) + 2 * model.vocab_size)
    narrow = 2 if train.precision == "bfloat16" else FLOAT
    C, V = model.n_embd, model.vocab_size
    heads = (2 * model.n_head + 2 * model.n_kv_head) * model.head_dim  # q, k, v and the output
    inner = model.intermediate_size * (2 if model.arch == "gpt2" else 4)
    drops = 3 * C * FLOAT if model.dropout else 0
    used = model.n_expert_used or 1
    block = narrow * (2 * heads + 5 * C + used * inner) + FLOAT * 3 * C + drops
    if model.n_expert:  # what each expert reads and gives, weighted, and the router's tables
        block += used * C * (2 * narrow + 3 * FLOAT) + 6 * model.n_expert * FLOAT
    logits = V * (2 * narrow + FLOAT)
    blocks = model.n_layer * block
    if train.checkpoint_gradients:  # the inputs of all blocks, and the inside of one
        blocks = model.n_layer * C * FLOAT + block
    return blocks + logits + 8 * C * FLOAT


def _recurrent_outputs(model: RecurrentConfig) -> int:
    """Numbers that are kept of one token: of a layer its input, states and gates, in float32."""
    kept = {"rnn": 2, "gru": 6, "lstm": 7}[model.model] + (1 if model.dropout else 0)
    return model.n_embd * (model.n_layer * kept + 10)  # 10: of one layer, on the way back


def _layer_outputs(model: AnyModelConfig) -> int:
    """Numbers that the layers of any model keep of one token, from the sizes of its matrices.

    Each keeps what goes in and what comes out; a non-linearity as much again.
    """
    matrices = [p for _, p in skeleton(model).named_parameters() if p.ndim == 2]
    return sum(p.shape[1] + 2 * p.shape[0] for p in matrices if p.shape[0] < 4 * model.vocab_size)


def most_resident() -> int:
    """The most bytes of memory that this process has had so far."""
    try:  # not ru_maxrss, which counts the parent before the exec too
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def memory_limit() -> int:
    """Bytes this process may use: the machine, its cgroup's limit or RLIMIT_AS, the least."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        limits.append(soft)
    return min(limits + _cgroup_limits(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")))


def _cgroup_limits(membership: Path, root: Path) -> list[int]:
    """The limits of this process' cgroup and of all above it (version 2, then version 1)."""
    limits = []
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if controllers in ("", "memory"):
            top = root / controllers
            file = "memory.limit_in_bytes" if controllers else "memory.max"
            folder = top / name.lstrip("/")
            folders = [folder, *folder.parents]
            limits += [_read_limit(f / file) for f in folders if f == top or top in f.parents]
    return [limit for limit in limits if limit is not None]


def _read_limit(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # no such file, or "max"
        return None


def check_memory(model: AnyModelConfig, train: TrainConfig, limit: int | None = None) -> None:
    """Raise `WeftError` with the estimate and two knobs when the run cannot fit in `limit`."""
    limit = memory_limit() if limit is None else limit
    try:
        need = estimate(model, train)
    except MemoryError:
        raise WeftError(
            f"the weights alone are more than this machine can hold; {_sizes(model)}; "
            "make the model smaller"
        ) from None
    if _fits(model, train, limit):
        return
    raise WeftError(
        f"training needs about {_size(need.total)} ({count_parameters(model):,} weights with "
        f"gradients and optimizer {_size(need.total - need.activations)}, activations "
        f"{_size(need.activations)}), this machine has {_size(limit)}; "
        f"batch_size {train.batch_size}, {_sizes(model)}; {_knobs(model, train, limit)}"
    )


def _sizes(model: AnyModelConfig) -> str:
    return ", ".join(f"{name} {getattr(model, name)}" for name in SIZES if hasattr(model, name))


def _knobs(model: AnyModelConfig, train: TrainConfig, limit: int) -> str:
    """Two ways to make the run fit: options halved by themselves, or else together."""
    ways = []
    rows = _halved_batch(model, train, limit)
    if rows:
        accumulate = -(-train.batch_size * train.accumulate // rows)
        ways.append(f"--batch-size {rows} --accumulate {accumulate}")
    for name in SIZES:
        if value := _halved(model, train, limit, name):
            ways.append(f"--{name.replace('_', '-')} {value}")
    single = dataclasses.replace(train, batch_size=1)
    if len(ways) < 2 and (value := _halved(model, single, limit, "block_size")):
        ways.append(f"--batch-size 1 --block-size {value}")
    while len(ways) < 2 and isinstance(model, ModelConfig) and model.n_layer > 1:
        model = dataclasses.replace(model, n_layer=model.n_layer // 2)
        if value := _halved(model, train, limit, "n_embd"):
            ways.append(f"--n-layer {model.n_layer} --n-embd {value}")
    return f"try {', or '.join(ways[:2])}" if ways else "try the defaults, and grow from there"


def _halved_batch(model: AnyModelConfig, train: TrainConfig, limit: int) -> int | None:
    rows = train.batch_size // 2
    while rows and not _fits(model, dataclasses.replace(train, batch_size=rows), limit):
        rows //= 2
    return rows or None


def _halved(model: AnyModelConfig, train: TrainConfig, limit: int, name: str) -> int | None:
    """The value of one size of the model, halved until the run fits; None if it never does."""
    unit = 2 * getattr(model, "n_head", 1) if name == "n_embd" else 1  # heads of an even size
    value = getattr(model, name, 0)
    derived = ("intermediate_size", "head_dim") if isinstance(model, ModelConfig) else ()
    while value // 2 >= unit:
        value = value // 2 // unit * unit
        changes: dict[str, Any] = {**dict.fromkeys(derived), name: value}
        changed = dataclasses.replace(model, **changes)
        if _fits(changed, train, limit):
            return int(value)
    return None


def _fits(model: AnyModelConfig, train: TrainConfig, limit: int) -> bool:
    return estimate(model, train).total <= limit


def _size(count: int) -> str:
    return f"{count / GIB:.1f} GiB" if count < 1024 * GIB else f"{count / GIB / 1024:,.0f} TiB"
