"""Models of llama2.c (github.com/karpathy/llama2.c): a header, then float32 weights in a row.

Version 0 begins with seven int32, and a vocabulary below zero says that the output layer has its
own weights; version 1 has a magic number and a header of 256 bytes. Its rotary positions turn
neighbours; ours turn halves of a head (`kernels/reference/rotary.py`), so the rows of the query and
key matrices are put in that order. Version 2 (int8) was written in two layouts of equal length, and
is refused.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

from weft.checkpoint.tensors import map_file
from weft.config import ModelConfig
from weft.formats.model_files import Array, ModelFiles, Weights
from weft.formats.parameters import config_of
from weft.tokenizers.strict_json import malformed, printable

MAGIC = b"24ka"  # 0x616b3432, little-endian
HEADER = struct.Struct("<7i")
NEW_HEADER = 256
MAX_LAYERS = 1 << 12
SPARE = 64 << 20  # bytes that a table of positions may have beyond the size of the file
NO_TOKENIZER = "no tokenizer: Weft has byte-level BPE, not the scores of llama2.c's tokenizer.bin"


def looks_like(path: Path) -> bool:
    """A file .bin that begins like one of llama2.c: not a zip or a pickle, as PyTorch's."""
    if path.suffix != ".bin" or not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(HEADER.size)
    if start[:4] == MAGIC:
        return True
    return len(start) == HEADER.size and start[:2] not in (b"PK", b"\x80\x02")


def read_llama2c(path: str | Path) -> ModelFiles:
    """Open a file of version 0 or 1. Raises `MalformedFileError` that names what does not fit."""
    path = Path(path)
    where = printable(path)
    data = map_file(path.resolve())
    new = data[:4].tobytes() == MAGIC
    config, start = _new_config(data, where) if new else _old_config(data, where)
    parts = _parts(config, data, start, new, where)
    notes = [NO_TOKENIZER]
    if not new and not _turns_as_ours(config, parts):
        notes.append("its rotary tables are of another base than 10,000, which is used instead")
    return ModelFiles(config, _weights(config, parts, where), None, path, "llama2c", tuple(notes))


def _old_config(data: Array, where: str) -> tuple[ModelConfig, int]:
    if data.size < HEADER.size:
        malformed(f"a file of {data.size} bytes has no header", where)
    sizes = HEADER.unpack(data[: HEADER.size].tobytes())
    return _config(sizes, sizes[5] > 0, data.size, where), HEADER.size


def _new_config(data: Array, where: str) -> tuple[ModelConfig, int]:
    if data.size < NEW_HEADER:
        malformed(f"a file of {data.size} bytes has no header", where)
    header = data[:NEW_HEADER].tobytes()
    version = struct.unpack_from("<i", header, 4)[0]
    if version != 1:
        malformed(f"version {version} of the format", where, "export version 0 or 1")
    tied = header[8 + HEADER.size]
    if tied > 1 or any(header[9 + HEADER.size :]):
        malformed("a header that makes no sense", where)
    return _config(HEADER.unpack_from(header, 8), bool(tied), data.size, where), NEW_HEADER


def _config(sizes: tuple[int, ...], tied: bool, size: int, where: str) -> ModelConfig:
    width, inner, layers, heads, kv_heads, vocab, context = sizes
    config = config_of(
        {
            "arch": "llama",
            "vocab_size": abs(vocab),
            "block_size": context,
            "n_layer": layers,
            "n_head": heads,
            "n_kv_head": kv_heads,
            "n_embd": width,
            "intermediate_size": inner,
            "tie_embeddings": tied,
        },
        where,
    )
    if layers > MAX_LAYERS or 4 * context * config.head_dim > size + SPARE:
        malformed(f"{layers:,} layers and {context:,} positions in {size:,} bytes", where)
    return config


def _parts(config: ModelConfig, data: Array, start: int, new: bool, where: str) -> dict[str, Array]:
    """The float32 arrays of the file by run.c's names, in its order: views."""
    c, L, C = config, config.n_layer, config.n_embd
    query, key, inner = c.n_head * c.head_dim, c.n_kv_head * c.head_dim, c.intermediate_size
    embedding = {"token_embedding": (c.vocab_size, C)}
    norms = {"rms_att": (L, C), "rms_ffn": (L, C)}
    attention = {"wq": (L, query, C), "wk": (L, key, C), "wv": (L, key, C), "wo": (L, C, query)}
    mlp = {"w1": (L, inner, C), "w2": (L, C, inner), "w3": (L, inner, C)}
    tables = {name: (c.block_size, c.head_dim // 2) for name in ("cos", "sin")}
    final: dict[str, tuple[int, ...]] = {"rms_final": (C,)}
    shapes: dict[str, tuple[int, ...]]
    if new:
        shapes = {**norms, **final, **embedding, **attention, **mlp}
    else:
        att, ffn = ({name: norms[name]} for name in norms)
        shapes = {**embedding, **att, **attention, **ffn, **mlp, **final, **tables}
    if not c.tie_embeddings:
        shapes["wcls"] = (c.vocab_size, C)
    needed = start + 4 * sum(math.prod(shape) for shape in shapes.values())
    if needed != data.size:
        malformed(f"{data.size:,} bytes, and its sizes need {needed:,}", where)
    numbers, place, parts = data[start:].view("<f4"), 0, {}
    for name, shape in shapes.items():
        count = math.prod(shape)
        parts[name] = numbers[place : place + count].reshape(shape)
        place += count
    return parts


def _turns_as_ours(config: ModelConfig, parts: dict[str, Array]) -> bool:
    """Whether the file's table has the angles theta^(-2i/D) at position 1, if there is one."""
    exponents = np.arange(0, config.head_dim, 2) / config.head_dim
    expected = np.sin(config.rope_theta**-exponents)
    return config.block_size < 2 or np.allclose(parts["sin"][1], expected, atol=1e-4)


def _weights(config: ModelConfig, parts: dict[str, Array], where: str) -> Weights:
    def part(name: str, layer: int) -> Callable[[], Array]:
        return lambda: parts[name][layer]

    def qkv(layer: int) -> Callable[[], Array]:
        return lambda: np.concatenate(
            [
                _halves(parts["wq"][layer], config.head_dim),
                _halves(parts["wk"][layer], config.head_dim),
                parts["wv"][layer],
            ]
        )

    tensors: dict[str, Callable[[], Array]] = {"embedding.weight": lambda: parts["token_embedding"]}
    for i in range(config.n_layer):
        block = f"blocks.{i}."
        tensors[block + "norm_1.weight"] = part("rms_att", i)
        tensors[block + "attention.qkv.weight"] = qkv(i)
        tensors[block + "attention.out.weight"] = part("wo", i)
        tensors[block + "norm_2.weight"] = part("rms_ffn", i)
        for ours, theirs in (("up", "w3"), ("down", "w2"), ("gate", "w1")):
            tensors[block + f"feed_forward.{ours}.weight"] = part(theirs, i)
    tensors["norm.weight"] = lambda: parts["rms_final"]
    if "wcls" in parts:
        tensors["head.weight"] = lambda: parts["wcls"]
    return Weights(tensors, where)


def _halves(rows: Array, D: int) -> Array:
    """Rows of neighbours (0, 1), (2, 3), ... of each head -> first all left, then all right ones.

    (heads * D, C) -> the same shape.
    """
    C = rows.shape[1]
    return rows.reshape(-1, D // 2, 2, C).transpose(0, 2, 1, 3).reshape(-1, C)
