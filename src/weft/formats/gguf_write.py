"""A model as a GGUF file, which llama.cpp and Ollama open: gpt2, llama and qwen3.

Written tensor by tensor, so that no more than one is in memory, and under its name only once it is
whole. Our own writer because the format is short, and the gguf package wants every tensor at once.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from weft.checkpoint import durable
from weft.config import ModelConfig
from weft.errors import ConfigError, WeftError
from weft.formats.gguf_container import ALIGNMENT, MAGIC, VERSION
from weft.formats.gguf_names import Part, has_biases, pair_rows, parts
from weft.formats.gguf_tokenizer import tokenizer_values
from weft.formats.gguf_types import BF16, DTYPES, F16, F32, Q4_0, Q8_0, TensorType, encode, size_of
from weft.formats.model_files import Array
from weft.formats.quantized import (
    ALWAYS_INT8,
    BLOCK,
    QuantizedMatrix,
    QuantizedWeights,
    quantize_matrix,
)
from weft.replacing import replacing

GGUFType = Literal["f32", "bf16", "f16", "q8_0", "q4_0"]
TYPES = {"f32": F32, "bf16": BF16, "f16": F16, "q8_0": Q8_0, "q4_0": Q4_0}
FILE_TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q8_0": 7, "bf16": 32}  # llama.h, enum llama_ftype


def write_gguf(
    path: str | Path,
    config: ModelConfig,
    weights: Mapping[str, Array],
    tokenizer: Any,
    *,
    type: GGUFType = "f32",
    name: str | None = None,
    chat_template: str | None = None,
) -> tuple[str, ...]:
    """Write the file, replacing an old one at once. Returns notes for the user.

    `name` is what programs show; without it, it is the file's. `type` is that of the matrices:
    norms, biases and positions are float32, rows that are no multiple of 32 float16 in q8_0 and
    q4_0, and the embedding and output layer of q4_0 are Q8_0. Matrices that are integers already
    stay as they are where the type is the same. Raises `ConfigError` for what llama.cpp cannot
    compute, `WeftError` when the disk fails.
    """
    if type not in TYPES:
        raise ConfigError(f"unknown type {type!r}; write_gguf; choose one of {', '.join(TYPES)}")
    path = Path(path)
    _check(config, tokenizer)
    kinds = {part.name: _kind(part, TYPES[type]) for part in parts(config)}
    values = {
        **_values(config, type, name or path.stem),
        **tokenizer_values(tokenizer, config.vocab_size, chat_template),
    }
    header = _header(config, kinds, values)
    size = len(header) + sum(_padded(size_of(kinds[p.name], p.shape)) for p in parts(config))
    try:
        durable.check_space(path.absolute().parent, size)
        with replacing(path) as new:
            durable.write_file(new, _chunks(header, config, kinds, weights))
        durable.sync_folder(path.absolute().parent)
    except OSError as error:
        reason = error.strerror or str(error)
        raise WeftError(f"cannot write: {reason}; {path}; check the folder and its disk") from error
    return _notes(config, tokenizer)


def _check(config: ModelConfig, tokenizer: Any) -> None:
    if config.arch == "qwen3" and config.bias:
        raise ConfigError(
            "llama.cpp's qwen3 has no biases; write_gguf; train it without, or use --arch llama"
        )
    if tokenizer is None:
        raise ConfigError(
            "a GGUF file holds its tokenizer, and this model comes without; write_gguf; give one "
            "with --tokenizer"
        )
    if tokenizer.vocab_size > config.vocab_size:
        raise ConfigError(
            f"the tokenizer has {tokenizer.vocab_size} tokens, the model {config.vocab_size}; "
            "write_gguf; give the tokenizer of this model"
        )


def _notes(config: ModelConfig, tokenizer: Any) -> tuple[str, ...]:
    notes = []
    if config.gelu == "none":
        notes.append("the model computes GELU exactly, llama.cpp by tanh: its logits differ a bit")
    padding = config.vocab_size - tokenizer.vocab_size
    if padding:
        notes.append(f"{padding} ids have no token: they are named [PAD...], of type unused")
    return tuple(notes)


def _values(config: ModelConfig, type: str, name: str) -> dict[str, Any]:
    arch = config.arch
    values: dict[str, Any] = {
        "general.architecture": arch,
        "general.name": name,
        "general.file_type": FILE_TYPES[type],
        "general.quantization_version": 2,
        f"{arch}.context_length": config.block_size,
        f"{arch}.embedding_length": config.n_embd,
        f"{arch}.block_count": config.n_layer,
        f"{arch}.feed_forward_length": config.intermediate_size,
        f"{arch}.attention.head_count": config.n_head,
    }
    if arch == "gpt2":
        values[f"{arch}.attention.layer_norm_epsilon"] = config.norm_eps
        if config.gelu == "none":
            values["weft.gelu"] = config.gelu
        return values
    values |= {
        f"{arch}.attention.head_count_kv": config.n_kv_head,
        f"{arch}.attention.layer_norm_rms_epsilon": config.norm_eps,
        f"{arch}.rope.freq_base": float(config.rope_theta),
        f"{arch}.rope.dimension_count": config.head_dim,
        f"{arch}.vocab_size": config.vocab_size,
    }
    if arch == "qwen3":
        values[f"{arch}.attention.key_length"] = config.head_dim
        values[f"{arch}.attention.value_length"] = config.head_dim
    return values


def _kind(part: Part, wanted: TensorType) -> TensorType:
    if len(part.shape) == 1 or part.source == "position.weight":
        return F32
    if wanted.block > 1 and part.shape[1] % BLOCK:
        return F16
    return Q8_0 if wanted == Q4_0 and part.source in ALWAYS_INT8 else wanted


def _header(config: ModelConfig, kinds: Mapping[str, TensorType], values: dict[str, Any]) -> bytes:
    """All that comes before the tensors, padded."""
    pieces = [MAGIC, struct.pack("<IQQ", VERSION, len(kinds), len(values))]
    for key, value in values.items():
        pieces += [_string(key), _value(value)]
    offset = 0
    for part in parts(config):
        kind, dims = kinds[part.name], part.shape[::-1]
        pieces += [_string(part.name), struct.pack(f"<I{len(dims)}Q", len(dims), *dims)]
        pieces.append(struct.pack("<IQ", kind.number, offset))
        offset += _padded(size_of(kind, part.shape))
    header = b"".join(pieces)
    return header + bytes(_padded(len(header)) - len(header))


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: Any) -> bytes:
    """Type and value: bool, u32, f32, string, array of strings, array of i32."""
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + _string(value)
    if isinstance(value, list):
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(_string, value))
    numbers: bytes = value.astype("<i4").tobytes()
    return struct.pack("<IIQ", 9, 5, len(value)) + numbers


def _padded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _chunks(
    header: bytes,
    config: ModelConfig,
    kinds: Mapping[str, TensorType],
    weights: Mapping[str, Array],
) -> Iterator[Any]:
    yield header
    source, whole = "", None
    for part in parts(config):
        kind = kinds[part.name]
        if part.source != source:  # q, k and v are of one, which may have to be computed
            source, whole = part.source, _parameter(config, weights, part, kind)
        data = encode(_rows(whole, part, kind), kind)
        yield data
        yield bytes(_padded(data.nbytes) - data.nbytes)


def _parameter(
    config: ModelConfig, weights: Mapping[str, Array], part: Part, kind: TensorType
) -> Array | QuantizedMatrix:
    """Weft's parameter of which `part` is rows; as integers if they are the integers wanted."""
    if part.source not in weights and part.source.endswith(".bias") and has_biases(config):
        return np.zeros(part.shape, np.float32)
    if isinstance(weights, QuantizedWeights):
        matrix = weights.quantized(part.source)
        if matrix is not None and matrix.bits == {Q8_0: 8, Q4_0: 4}.get(kind):
            return matrix
    array = weights[part.source]
    if part.first == 0 and len(part.shape) != array.ndim:
        raise ConfigError(
            f"{part.source} has the shape {array.shape}; write_gguf; not this model's"
        )
    return array


def _rows(whole: Any, part: Part, kind: TensorType) -> Array | QuantizedMatrix:
    rows = slice(part.first, part.first + part.shape[0])
    if isinstance(whole, QuantizedMatrix):
        q, scale = (pair_rows(array[rows], part.heads) for array in (whole.q, whole.scale))
        return QuantizedMatrix(q, scale)
    array = pair_rows(whole[rows], part.heads)
    if array.shape != part.shape:
        raise ConfigError(
            f"{part.source} has the shape {whole.shape}; write_gguf; {part.name} is {part.shape}"
        )
    if kind in DTYPES:
        if not np.isfinite(encode(array, kind).view(DTYPES[kind])).all():
            raise ConfigError(
                f"{part.source} is not finite in {kind.name}; write_gguf; repair the model or "
                "choose bf16"
            )
        return array
    return quantize_matrix(part.source, array, "int8" if kind == Q8_0 else "int4")
