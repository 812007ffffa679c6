"""`weft info MODEL`: what a model is made of, and how much memory it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from weft.cli import output
from weft.cli.machine import bytes_text
from weft.cli.options import Json, positional

if TYPE_CHECKING:
    from weft.config import AnyModelConfig, ModelConfig
    from weft.inference import LoadedModel

BYTES = {"float32": 4, "bfloat16": 2}
ADAM_BYTES = 16  # weight, gradient and AdamW's two means, float32 each


@dataclass(frozen=True)
class Info:
    """Architecture, parameter tree with shapes and counts, and memory at each precision.

    Example: weft info runs/book-1
    """

    model: Annotated[str, *positional("MODEL")]
    """Run folder, checkpoint folder, Hugging Face folder, GGUF file, or a pulled model."""
    checkpoint: Literal["best", "latest"] = "best"
    """Which checkpoint of a run folder: lowest validation loss, or highest step."""
    json: Json = False


def run(options: Info) -> None:
    from weft.config import NGramConfig, to_dict
    from weft.inference import load

    loaded = load(options.model, checkpoint=options.checkpoint)
    shapes = shapes_of(loaded)
    values = {
        "path": str(loaded.path),
        "step": loaded.step,
        "val_loss": loaded.state.get("val_loss"),
        "config": to_dict(loaded.config),
        "tokenizer": describe_tokenizer(loaded.tokenizer) if loaded.has_tokenizer else None,
        "parameters": sum(map(_size, shapes.values())),
        "parameters_without_embeddings": without_embeddings(shapes),
        "parameters_active": active(shapes, loaded.config),
        "tensors": [
            {"name": n, "shape": list(s), "parameters": _size(s)} for n, s in shapes.items()
        ],
        "memory_bytes": memory_bytes(loaded.config, shapes),
    }
    if isinstance(loaded.config, NGramConfig):
        values |= {"n_grams": loaded.model.sizes, "memory_bytes": {"counts": loaded.model.nbytes}}
    for note in loaded.notes:
        output.note(f"weft: {note}")
    if options.json:
        output.result_json(values)
        return
    _print(values, shapes, loaded.config)


def shapes_of(loaded: LoadedModel) -> dict[str, tuple[int, ...]]:
    """Names and shapes of what a checkpoint of the model holds."""
    from weft.config import ModelConfig
    from weft.formats.parameters import parameter_shapes

    if isinstance(loaded.config, ModelConfig):
        return parameter_shapes(loaded.config)
    return {name: tensor.shape for name, tensor in loaded.model.state_dict().items()}


def describe_tokenizer(tokenizer: Any) -> dict[str, Any]:
    return {
        "kind": type(tokenizer).__name__,
        "vocab_size": tokenizer.vocab_size,
        "special_tokens": tokenizer.special_tokens,
        "hash": tokenizer.hash,
    }


def without_embeddings(shapes: dict[str, tuple[int, ...]]) -> int:
    """Parameters without the tables of tokens and positions, as nanoGPT and scaling laws count."""
    tables = ("embedding.weight", "position.weight")
    return sum(_size(shape) for name, shape in shapes.items() if name not in tables)


def active(shapes: dict[str, tuple[int, ...]], config: AnyModelConfig) -> int:
    """Parameters that take part in one token: of experts, those that it is sent to."""
    experts = sum(_size(shape) for name, shape in shapes.items() if ".experts." in name)
    idle = 1 - getattr(config, "n_expert_used", 0) / (getattr(config, "n_expert", 0) or 1)
    return sum(map(_size, shapes.values())) - round(experts * idle)


def memory_bytes(config: AnyModelConfig, shapes: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    """Weights and a full cache at each precision; weights, gradients and AdamW in training."""
    from weft.config import ModelConfig

    count = sum(map(_size, shapes.values()))
    memory: dict[str, Any] = {
        "weights": {name: count * size for name, size in BYTES.items()},
        "training_state": count * ADAM_BYTES,
    }
    return memory | cache_bytes(config) if isinstance(config, ModelConfig) else memory


def cache_bytes(config: ModelConfig) -> dict[str, Any]:
    """Keys and values of a token, and of a full context."""
    per_token = 2 * config.n_layer * config.n_kv_head * config.head_dim
    return {
        "cache_per_token": {name: per_token * size for name, size in BYTES.items()},
        "cache_full": {name: per_token * size * config.block_size for name, size in BYTES.items()},
    }


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for axis in shape:
        size *= axis
    return size


def _print(
    values: dict[str, Any], shapes: dict[str, tuple[int, ...]], config: AnyModelConfig
) -> None:
    kind = getattr(config, "arch", config.model)
    loss = f", validation loss {values['val_loss']:.4f}" if values["val_loss"] else ""
    output.result(f"{values['path']}: {kind}, step {values['step']:,}{loss}\n")
    fields = [(name, str(value)) for name, value in values["config"].items()]
    tokenizer = values["tokenizer"]
    kind = f"{tokenizer['kind']}, {tokenizer['vocab_size']:,} tokens" if tokenizer else "none"
    fields.append(("tokenizer", kind))
    output.result(output.table(fields) + "\n")
    output.result(output.table(tree_rows(shapes), "llr") + "\n")
    if "n_grams" in values:
        output.result(f"{sum(values['n_grams']):,} n-grams\n")
    else:
        output.result(f"{_counts(values)}\n")
    output.result(output.table(_memory_rows(values["memory_bytes"]), "lrr"))


def _counts(values: dict[str, Any]) -> str:
    counts = [f"{values['parameters']:,} parameters"]
    counts.append(f"{values['parameters_without_embeddings']:,} without embeddings")
    if values["parameters_active"] < values["parameters"]:
        counts.append(f"{values['parameters_active']:,} of them for one token")
    return ", ".join(counts)


def _memory_rows(memory: dict[str, Any]) -> list[tuple[str, ...]]:
    if "counts" in memory:
        return [("memory", ""), ("counts and tokens", bytes_text(memory["counts"]))]
    rows: list[tuple[str, ...]] = [("memory", *BYTES)]
    for label, key in (("weights", "weights"), ("cache, full context", "cache_full")):
        if key not in memory:
            continue
        rows.append((label, *(bytes_text(memory[key][name]) for name in BYTES)))
    rows.append(("training: weights, gradients, AdamW", bytes_text(memory["training_state"]), ""))
    return rows


def tree_rows(shapes: dict[str, tuple[int, ...]], depth: int = 0) -> list[tuple[str, str, str]]:
    """(indented name, shape, count): a row for each module with its sum, then what is in it.

    Neighbours that are alike, such as the blocks of a Transformer, share one row: `0-11 (each)`.
    """
    rows: list[tuple[str, str, str]] = []
    for label, below in _merged(_children(shapes)):
        count = f"{sum(map(_size, below.values())):,}"
        shape = "(" + ", ".join(map(str, below[""])) + ")" if "" in below else ""
        rows.append(("  " * depth + label, shape, count))
        rows += tree_rows({name: s for name, s in below.items() if name}, depth + 1)
    return rows


def _children(shapes: dict[str, tuple[int, ...]]) -> dict[str, dict[str, tuple[int, ...]]]:
    """The names' first parts, each with what follows; "" is a parameter itself."""
    children: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, shape in shapes.items():
        first, _, rest = name.partition(".")
        children.setdefault(first, {})[rest] = shape
    return children


def _merged(children: dict[str, dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """The children, with runs of numbered ones that are alike as one."""
    runs: list[tuple[str, str, dict[str, Any]]] = []  # first, last, what is in it
    for name, below in children.items():
        if name.isdecimal() and runs and runs[-1][2] == below:
            runs[-1] = (runs[-1][0], name, below)
        else:
            runs.append((name, name, below))
    return [
        (first if first == last else f"{first}-{last} (each)", below) for first, last, below in runs
    ]


COMMANDS = {"": (Info, run)}
