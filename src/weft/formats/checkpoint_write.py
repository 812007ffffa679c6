"""A model of another program as a checkpoint folder of ours, plain or with quantised matrices."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weft.checkpoint import durable, tensors
from weft.checkpoint.folder import STEP_NAME
from weft.checkpoint.load import FORMAT, MANIFEST
from weft.config import AnyModelConfig, to_dict
from weft.errors import ConfigError
from weft.formats.hugging_face_write import TYPES, converted, dtype_of
from weft.formats.model_files import Array
from weft.formats.placement import new_folder
from weft.formats.quantized import Quantization, quantize_weights


def write_checkpoint(
    path: str | Path,
    config: AnyModelConfig,
    weights: Mapping[str, Array],
    tokenizer: Any,
    *,
    type: str | None = None,
    quantize: Quantization | None = None,
    overwrite: bool = False,
) -> tuple[str, ...]:
    """Write the folder, without an optimizer's state; returns notes for the user (none).

    `type` f32, bf16 or f16; None keeps each tensor's own. `quantize` keeps the matrices as int8 or
    int4 (see `quantized.py`). Raises `ConfigError` without a tokenizer, or for a folder that is
    there already; `WeftError` when the disk fails.
    """
    path = Path(path)
    if tokenizer is None:
        raise ConfigError(f"a checkpoint has a tokenizer; {path}; give one with --tokenizer PATH")
    if type is not None and type not in TYPES:
        known = ", ".join(TYPES)
        raise ConfigError(f"unknown type {type!r}; convert --to weft; choose one of {known}")
    stored: Mapping[str, Array] = quantize_weights(weights, quantize) if quantize else weights
    small = {"int8", "uint8"} if quantize else set()
    specs = {}
    for name in stored:
        kept = quantize and (stored[name].dtype.name in small or name.endswith(".scale"))
        if kept or stored[name].dtype.kind == "u":  # the counts of n-grams
            specs[name] = (stored[name].dtype, stored[name].shape)
        else:
            dtype = TYPES[type] if type else dtype_of(stored, name)
            specs[name] = (dtype, stored[name].shape)

    def array_of(name: str) -> Array:
        array = stored[name]
        return array if array.dtype == specs[name][0] else converted(name, array, specs[name][0])

    match = STEP_NAME.fullmatch(path.name)
    step = int(match[1]) if match else 0
    files = {
        "config.json": [_json(to_dict(config))],
        "tokenizer.json": [tokenizer.to_json().encode()],
        "state.json": [_json({"step": step})],
        "model.safetensors": tensors.encode_lazily(specs, array_of),
        "optimizer.safetensors": tensors.encode({}),
    }
    with new_folder(path, overwrite) as folder:
        entries = {name: durable.write_file(folder / name, data) for name, data in files.items()}
        manifest = {"format": FORMAT, "step": step, "files": entries}
        durable.write_file(folder / MANIFEST, [_json(manifest)])
    return ()


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=2, allow_nan=False) + "\n").encode()
