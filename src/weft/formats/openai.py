"""GPT-2 as OpenAI released it: `checkpoint`, `model.ckpt.*`, `hparams.json`, `encoder.json`.

The layout of github.com/openai/gpt-2: matrices are [1, in, out], the names those of its variables.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from weft.checkpoint.bounded_json import read_bytes, read_object
from weft.config import ModelConfig
from weft.errors import ConfigError
from weft.formats.model_files import Array, ModelFiles
from weft.formats.parameters import Shape, config_of, gather
from weft.formats.tensorflow_checkpoint import read_bundle
from weft.tokenizers import load_tokenizer
from weft.tokenizers.strict_json import malformed, printable, shown

HPARAMS = "hparams.json"
SIZES = {  # theirs: ours
    "n_vocab": "vocab_size",
    "n_ctx": "block_size",
    "n_embd": "n_embd",
    "n_head": "n_head",
    "n_layer": "n_layer",
}
_PARTS = {
    "norm_1": "ln_1",
    "attention.qkv": "attn/c_attn",
    "attention.out": "attn/c_proj",
    "norm_2": "ln_2",
    "feed_forward.up": "mlp/c_fc",
    "feed_forward.down": "mlp/c_proj",
}
_WHOLE = {
    "embedding.weight": "model/wte",
    "position.weight": "model/wpe",
    "norm.weight": "model/ln_f/g",
    "norm.bias": "model/ln_f/b",
}


def openai_name(name: str) -> str:
    """Our name of a parameter -> the variable."""
    if name in _WHOLE:
        return _WHOLE[name]
    _, layer, rest = name.split(".", 2)
    part, kind = rest.rsplit(".", 1)
    letter = "b" if kind == "bias" else "g" if part.startswith("norm") else "w"
    return f"model/h{layer}/{_PARTS[part]}/{letter}"


def read_openai(path: str | Path) -> ModelFiles:
    """Open the folder, or the `.index` in it. Raises `MalformedFileError`."""
    path = Path(path)
    folder = path if path.is_dir() else path.parent
    config = _config(folder)
    tensors = read_bundle(folder / (_newest(folder) if path.is_dir() else path.stem))
    weights = gather(
        config,
        tensors,
        openai_name,
        printable(path),
        stored_shape=_stored_shape,
        convert=_convert,
        ignored=[name for name in tensors if not name.startswith("model/")],  # counters, optimiser
    )
    tokenizer, notes = _tokenizer(folder, config)
    return ModelFiles(config, weights, tokenizer, path, "openai", notes)


def _config(folder: Path) -> ModelConfig:
    where = printable(folder / HPARAMS)
    hparams = read_object(folder / HPARAMS)
    unknown = sorted(set(hparams) ^ set(SIZES))
    if unknown:
        malformed(f"missing or not known: {', '.join(map(shown, unknown[:10]))}", where)
    return config_of({ours: hparams[theirs] for theirs, ours in SIZES.items()}, where)


def _newest(folder: Path) -> str:
    """The checkpoint that the file `checkpoint` names; a name that leaves the folder is refused."""
    path = folder / "checkpoint"
    text = read_bytes(path, 1 << 16).decode(errors="replace")
    found = re.search(r'^model_checkpoint_path: "([^"\\]*)"', text, re.MULTILINE)
    if found is None:
        malformed("it names no checkpoint", printable(path), "give the .index file itself")
    name = found[1]
    if not name or "/" in name or name in (".", "..") or not name.isprintable():
        malformed(
            f"the checkpoint {shown(name)} is not in this folder",
            printable(path),
            "give the .index file itself",
        )
    return name


def _is_matrix(name: str) -> bool:
    return name.startswith("blocks.") and name.endswith(".weight") and ".norm_" not in name


def _stored_shape(name: str, shape: Shape) -> Shape:
    return (1, shape[1], shape[0]) if _is_matrix(name) else shape


def _convert(name: str, array: Array) -> Array:
    return array[0].T if _is_matrix(name) else array


def _tokenizer(folder: Path, config: ModelConfig) -> tuple[Any, tuple[str, ...]]:
    try:
        tokenizer = load_tokenizer(folder)
    except ConfigError:
        return None, ("no tokenizer: put encoder.json and vocab.bpe beside it",)
    if tokenizer.vocab_size > config.vocab_size:
        malformed(
            f"a tokenizer of {tokenizer.vocab_size:,} for a model of {config.vocab_size:,}",
            printable(folder),
        )
    return tokenizer, ()
