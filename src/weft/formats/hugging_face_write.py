"""A Hugging Face folder, written: opens in transformers, llama.cpp's converter and mlx-lm.

Tensors have the names without a prefix for GPT-2 and with "model." for Llama and Qwen3, as those
programs expect; one of them at a time is in memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import ml_dtypes
import numpy as np

from weft.checkpoint import durable, tensors
from weft.config import ModelConfig
from weft.errors import ConfigError
from weft.formats.hugging_face_config import config_json
from weft.formats.hugging_face_names import Parameter, parameters
from weft.formats.model_files import Array, Weights, is_finite
from weft.formats.placement import new_folder
from weft.formats.quantized import QuantizedWeights
from weft.tokenizers import BPETokenizer

HuggingFaceType = Literal["f32", "bf16", "f16"]
TYPES: dict[str, np.dtype[Any]] = {
    "f32": np.dtype(np.float32),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "f16": np.dtype(np.float16),
}
TRANSFORMERS_VERSION = "4.51.0"  # the first that has all three architectures


def write_hugging_face(
    path: str | Path,
    config: ModelConfig,
    weights: Mapping[str, Array],
    tokenizer: Any,
    *,
    type: HuggingFaceType | None = None,
    overwrite: bool = False,
) -> tuple[str, ...]:
    """Write the folder; returns notes for the user.

    `type` None keeps each tensor's own. Raises `ConfigError` for what the architecture cannot hold,
    or for a folder that is there already; `WeftError` when the disk fails.
    """
    path = Path(path)
    if type is not None and type not in TYPES:
        raise ConfigError(
            f"unknown type {type!r}; convert --to hf; choose one of {', '.join(TYPES)}"
        )
    table = _table(config, weights)
    dtypes = {p.name: TYPES[type] if type else dtype_of(weights, p.name) for p in table}
    texts = _texts(config, tokenizer, dtypes["embedding.weight"].name)
    size = sum(int(np.prod(p.shape)) * dtypes[p.name].itemsize for p in table)
    with new_folder(path, overwrite, size + sum(map(len, texts.values()))) as folder:
        chunks = _safetensors(config, table, weights, dtypes)
        durable.write_file(folder / "model.safetensors", chunks)
        for name, text in texts.items():
            durable.write_file(folder / name, [text.encode()])
    return () if tokenizer is not None else ("the model has no tokenizer: none was written",)


def dtype_of(weights: Mapping[str, Array], name: str) -> np.dtype[Any]:
    """Type of a weight as it is stored; float32 for what is quantised or not there."""
    if name not in weights or (isinstance(weights, QuantizedWeights) and weights.quantized(name)):
        return TYPES["f32"]
    array = weights.unchecked(name) if isinstance(weights, Weights) else weights[name]
    return array.dtype if array.dtype in TYPES.values() else TYPES["f32"]


def converted(name: str, array: Array, dtype: np.dtype[Any]) -> Array:
    """The array in another type. Raises `ConfigError` where a number does not fit into it."""
    if array.dtype == dtype:
        return array
    with np.errstate(over="ignore"):
        made = array.astype(dtype)
    if not is_finite(made):
        raise ConfigError(
            f"a weight is too large for {dtype.name}; {name}; choose another --type, such as f32"
        )
    return made


def _table(config: ModelConfig, weights: Mapping[str, Array]) -> list[Parameter]:
    """What the folder has to hold: GPT-2's biases always, no biases in the MLP of a Qwen3."""
    from dataclasses import replace

    full = replace(config, bias=True) if config.arch == "gpt2" else config
    table = list(parameters(full, mlp_bias=config.arch != "qwen3"))
    for parameter in table:
        if not parameter.parts and weights[parameter.name].any():
            raise ConfigError(
                f"Qwen3ForCausalLM has no place for {parameter.name}; convert --to hf; "
                "choose another --to"
            )
    return [parameter for parameter in table if parameter.parts]


def _safetensors(
    config: ModelConfig,
    table: list[Parameter],
    weights: Mapping[str, Array],
    dtypes: Mapping[str, np.dtype[Any]],
) -> Iterator[Any]:
    specs, places = {}, {}
    for parameter in table:
        first = 0
        for theirs, rows in parameter.parts:
            prefixed = config.arch != "gpt2" and theirs != "lm_head.weight"
            name = f"model.{theirs}" if prefixed else theirs
            specs[name] = (dtypes[parameter.name], parameter.part_shape(rows))
            places[name] = (parameter, first, first + rows)
            first += rows

    def array_of(name: str) -> Array:
        parameter, first, end = places[name]
        dtype = dtypes[parameter.name]
        if parameter.name not in weights:  # a bias that only GPT-2's class has
            return np.zeros(parameter.shape, dtype)
        part = converted(parameter.name, weights[parameter.name][first:end], dtype)
        return part.T if parameter.transposed else part

    return tensors.encode_lazily(specs, array_of, {"format": "pt"})


def _texts(config: ModelConfig, tokenizer: Any, dtype: str) -> dict[str, str]:
    """All files but the weights: name -> text."""
    end = None if tokenizer is None else tokenizer.end_of_text
    ids = {} if end is None else {"bos_token_id": end, "eos_token_id": end}
    files: dict[str, Any] = {
        "config.json": config_json(config, end, dtype),
        "generation_config.json": {**ids, "transformers_version": TRANSFORMERS_VERSION},
    }
    if tokenizer is not None:
        files |= tokenizer_files(tokenizer, config.block_size)
    return {
        name: value if isinstance(value, str) else json.dumps(value, indent=2) + "\n"
        for name, value in files.items()
    }


def tokenizer_files(tokenizer: Any, block_size: int) -> dict[str, Any]:
    """tokenizer.json and what belongs to it: name -> text, or an object for JSON.

    vocab.json and merges.txt are written for byte pairs only; transformers reads tokenizer.json.
    """
    end = "<|endoftext|>" if tokenizer.end_of_text is not None else None
    special = {} if end is None else {f"{kind}_token": end for kind in ("bos", "eos")}
    document = tokenizer.to_json()
    settings = {"model_max_length": block_size, "clean_up_tokenization_spaces": False}
    files: dict[str, Any] = {"tokenizer.json": document}
    if isinstance(tokenizer, BPETokenizer):
        model = json.loads(document)["model"]
        merges = "".join(f"{left} {right}\n" for left, right in model["merges"])
        files["vocab.json"] = json.dumps(model["vocab"], ensure_ascii=False) + "\n"
        files["merges.txt"] = "#version: 0.2\n" + merges
        settings["add_prefix_space"] = False
        if end is not None:
            special["unk_token"] = end
    gpt2 = isinstance(tokenizer, BPETokenizer) and end is not None
    kind = "GPT2Tokenizer" if gpt2 else "PreTrainedTokenizerFast"
    files["tokenizer_config.json"] = {"tokenizer_class": kind, **settings, **special}
    files["special_tokens_map.json"] = special
    return files
