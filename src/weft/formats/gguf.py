"""A model in a GGUF file, read: architectures gpt2, llama and qwen3 of llama.cpp.

Tensors in F32, F16, BF16, Q6_K, and in Q8_0 and Q4_0, which stay integers until they are asked for
as numbers. The bytes are `gguf_container.py`'s business, names `gguf_names.py`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from weft.config import ModelConfig
from weft.errors import ConfigError
from weft.formats.gguf_container import MAGIC, Container, read_container
from weft.formats.gguf_names import Part, parts, unpair_rows
from weft.formats.gguf_tokenizer import read_tokenizer
from weft.formats.gguf_types import INTEGERS, Q8_0, decode
from weft.formats.model_files import Array, ModelFiles, Weights
from weft.formats.quantized import Quantization, QuantizedMatrix, QuantizedWeights
from weft.tokenizers.strict_json import malformed, shown

MAX_CONTEXT = 1 << 20  # tables of positions are made for all of it
SHOWN = 10  # names in a message
_GPT2 = {
    "context_length": "block_size",
    "embedding_length": "n_embd",
    "block_count": "n_layer",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "n_head",
}
_LLAMA = {**_GPT2, "attention.head_count_kv": "n_kv_head"}
_OPTIONAL = {"attention.head_count_kv"}
# May be there, and must say what Weft computes: other values are refused.
_HEAD_SIZES = ("rope.dimension_count", "attention.key_length", "attention.value_length")
_HARMLESS = {"vocab_size", "tensor_data_layout"}


def looks_like_gguf(path: Path) -> bool:
    """A file that begins with GGUF or is named so."""
    if not path.is_file():
        return False
    if path.suffix == ".gguf":
        return True
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def read_gguf(path: Path) -> ModelFiles:
    """Open a GGUF file. Raises `MalformedFileError`, with the key or the tensor that is wrong."""
    container = read_container(path)
    where = str(path)
    config, notes = _config(container, where)
    expected = list(parts(config))
    _check_tensors(container, expected, where)
    tokenizer, note = read_tokenizer(container.values, config.vocab_size, where)
    notes += [note] if note else []
    weights = _weights(container, expected, where)
    template = container.values.get("tokenizer.chat_template")
    template = template if isinstance(template, str) else None
    return ModelFiles(config, weights, tokenizer, path, "gguf", tuple(notes), template)


def _config(container: Container, where: str) -> tuple[ModelConfig, list[str]]:
    arch = container.values.get("general.architecture")
    if arch not in ("gpt2", "llama", "qwen3"):
        malformed(f"architecture {shown(arch)}", where, "Weft reads gpt2, llama and qwen3")
    if container.values.get("split.count", 1) != 1:
        malformed("one of several files of a model", where, "join them: llama-gguf-split --merge")
    options = _sizes(container, arch, where)
    if options["block_size"] > MAX_CONTEXT or options["n_layer"] > len(container.tensors):
        malformed(f"{options['block_size']:,} positions, {options['n_layer']:,} blocks", where)
    embedding = container.tensors.get("token_embd.weight")
    if embedding is None or len(embedding.shape) != 2:
        malformed("no matrix token_embd.weight", where)
    tied, notes = _is_tied(container)
    gelu = container.values.get("weft.gelu", "tanh")
    try:
        config = ModelConfig(
            arch=arch,
            vocab_size=embedding.shape[0],
            bias=arch == "gpt2" or "blk.0.attn_q.bias" in container.tensors,
            tie_embeddings=tied,
            gelu=gelu,
            **options,
        )
    except ConfigError as error:
        malformed(f"its configuration cannot be: {error}", where)
    return config, notes


def _sizes(container: Container, arch: str, where: str) -> dict[str, Any]:
    """The options of `ModelConfig` among the keys of the architecture; an unknown key is refused,
    as it would change what the model computes."""
    start = f"{arch}."
    given = {k.removeprefix(start): v for k, v in container.values.items() if k.startswith(start)}
    options: dict[str, Any] = {}
    for key, option in (_GPT2 if arch == "gpt2" else _LLAMA).items():
        value = given.pop(key, None)
        if value is None and key in _OPTIONAL:
            continue
        if type(value) is not int:
            malformed(f"{start}{key} is {shown(value)}, not a whole number", where)
        options[option] = value
    eps = "attention.layer_norm_epsilon" if arch == "gpt2" else "attention.layer_norm_rms_epsilon"
    options["norm_eps"] = _decimal(given.pop(eps, None), f"{start}{eps}", where)
    if arch != "gpt2":
        theta = given.pop("rope.freq_base", 10000.0)
        options["rope_theta"] = _decimal(theta, f"{start}rope.freq_base", where)
        sizes = {given.pop(key) for key in _HEAD_SIZES if key in given}
        if len(sizes) > 1 or not all(type(size) is int for size in sizes):
            malformed(f"heads of the sizes {shown(sorted(map(str, sizes)))}", where)
        if sizes:
            options["head_dim"] = sizes.pop()
    unknown = sorted(given.keys() - _HARMLESS)
    if unknown:
        malformed(f"{shown(start + unknown[0])} is set", where, "Weft does not compute that")
    return options


def _decimal(value: Any, key: str, where: str) -> float:
    """A float32 as the shortest decimal that gives it: 1e-05, not 9.999999747378752e-06."""
    if type(value) is not float:
        malformed(f"{key} is {shown(value)}, not a number", where)
    return float(str(np.float32(value)))


def _is_tied(container: Container) -> tuple[bool, list[str]]:
    """Whether the output layer is the embedding: absent, or the same once more."""
    output, embedding = (container.tensors.get(f"{n}.weight") for n in ("output", "token_embd"))
    if output is None:
        return True, []
    if embedding is not None and (output.kind, output.shape) == (embedding.kind, embedding.shape):
        first, second = map(container.bytes_of, ("output.weight", "token_embd.weight"))
        if np.array_equal(first, second):
            return True, ["output.weight is token_embd.weight once more: tied"]
    return False, []


def _check_tensors(container: Container, expected: list[Part], where: str) -> None:
    """Each tensor of the configuration there in its shape, and no other."""
    shapes = {part.name: part.shape for part in expected}
    missing = [name for name in shapes if name not in container.tensors]
    extra = [name for name in container.tensors if name not in shapes and name != "output.weight"]
    for what, names in (("missing", missing), ("not known", extra)):
        if names:
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            listed = ", ".join(shown(name) for name in names[:SHOWN])
            malformed(f"{what}: {listed}{more}", where)
    for name, shape in shapes.items():
        if container.tensors[name].shape != shape:
            has = container.tensors[name].shape
            malformed(f"tensor {shown(name)} has the shape {has}, not {shape}", where)


def _weights(container: Container, expected: list[Part], where: str) -> Weights:
    groups: dict[str, list[Part]] = {}
    for part in expected:
        groups.setdefault(part.source, []).append(part)
    tensors: dict[str, Callable[[], Array]] = {}
    matrices: dict[str, Callable[[], QuantizedMatrix]] = {}
    occurring: set[Quantization] = set()
    for source, group in groups.items():
        kinds = {container.tensors[part.name].kind for part in group}
        if len(kinds) == 1 and kinds <= INTEGERS:
            matrices[source] = partial(_integers, container, group)
            occurring.add("int8" if kinds == {Q8_0} else "int4")
        else:
            tensors[source] = partial(_numbers, container, group)
    if not matrices:
        return Weights(tensors, where)
    weights = QuantizedWeights(tensors, matrices, occurring, where)
    weights.reads(container.data)
    return weights


def _numbers(container: Container, group: list[Part]) -> Array:
    """One parameter, joined of its rows; a view of the file where it is one tensor in order."""
    arrays = []
    for part in group:
        tensor = _decoded(container, part)
        array = tensor.dequantize() if isinstance(tensor, QuantizedMatrix) else tensor
        arrays.append(unpair_rows(array, part.heads))
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _integers(container: Container, group: list[Part]) -> QuantizedMatrix:
    q, scale = [], []
    for part in group:
        tensor = _decoded(container, part)
        assert isinstance(tensor, QuantizedMatrix)
        q.append(unpair_rows(tensor.q, part.heads))
        scale.append(unpair_rows(tensor.scale, part.heads))
    if len(group) == 1:
        return QuantizedMatrix(q[0], scale[0])
    return QuantizedMatrix(np.concatenate(q), np.concatenate(scale))


def _decoded(container: Container, part: Part) -> Array | QuantizedMatrix:
    place = container.tensors[part.name]
    return decode(container.bytes_of(part.name), place.kind, place.shape)
