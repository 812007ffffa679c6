"""Weights of the Keras model of "Coding GPT from scratch" (cloudxlab): `.h5`, old and new layout.

That model is GPT-2's with ReLU, heads of their own without biases, and a bias in the output layer.
Ours has no such bias; but the last norm's may be moved by d where W d is the output bias, and with
at most as many tokens as the model is wide there is such a d. HDF5 is read by h5py (the extra h5),
whose C library is made for files that one trusts, and can hang on others: it gives the structure
only, no link is followed, and the numbers are then mapped by ourselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from weft.checkpoint.tensors import map_file
from weft.config import ModelConfig
from weft.errors import ConfigError, WeftError
from weft.formats.model_files import Array, ModelFiles, Weights
from weft.formats.parameters import Shape, check_tensor, config_of
from weft.tokenizers.strict_json import malformed, printable, shown

MAX_LAYERS, MAX_HEADS, MAX_NAME = 1 << 10, 1 << 10, 512
NOTES = (
    "no tokenizer: Keras keeps none with the weights",
    "HDF5 is read by a library for trusted files: open only what you trust",
)


@dataclass(frozen=True)
class Numbers:
    """One dataset: where its numbers are in the mapped file."""

    shape: Shape
    dtype: np.dtype[Any]
    data: Array = field(repr=False)

    def array(self) -> Array:
        numbers = self.data.view(self.dtype).reshape(self.shape)
        return numbers if numbers.flags.aligned else numbers.copy()


def read_keras(path: str | Path) -> ModelFiles:
    """Open a `.h5` of the model's weights. Raises `ConfigError` without h5py.

    `MalformedFileError` for another model, or what our model cannot be.
    """
    path = Path(path).resolve()
    where = printable(path)
    parts = _read_parts(path, where)
    config = _config(parts, where)
    _check(parts, config, where)
    moved = _moved_bias(parts, where)
    return ModelFiles(config, _weights(parts, config, moved, where), None, path, "keras", NOTES)


Parts = dict[str, Numbers]
"""Our name, or that of a piece of it ("blocks.0.attention.query.1"), -> numbers."""


def _read_parts(path: Path, where: str) -> Parts:
    try:
        import h5py  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError:
        raise ConfigError(
            f'Keras weights need the extra h5; {where}; pip install "weft[h5]"'
        ) from None
    data = map_file(path)
    with _one_line_errors(where), h5py.File(path, "r") as file:
        find = _Find(h5py, data, where)
        parts = _old_parts(file, find) if "layer_names" in file.attrs else _new_parts(file, find)
    spans = sorted((n.data.ctypes.data, n.data.ctypes.data + n.data.size) for n in parts.values())
    if any(end > begin for (_, end), (begin, _) in pairwise(spans)):
        malformed("datasets that overlap", where)
    return parts


@contextmanager
def _one_line_errors(where: str) -> Iterator[None]:
    """Whatever h5py raises for a damaged file (which is not documented) as our one line."""
    try:
        yield
    except WeftError:
        raise
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0]
        malformed(f"not readable as HDF5: {shown(reason, 120)}", where)


@dataclass(frozen=True)
class _Find:
    """Datasets by name, one hard link at a time."""

    h5py: Any
    data: Array
    where: str

    def __call__(self, group: Any, name: str) -> Numbers:
        if len(name) > MAX_NAME:
            malformed("a name that is too long", self.where)
        for part in name.split("/"):
            group = self.child(group, part, name)
        if not isinstance(group, self.h5py.Dataset):
            malformed(f"{shown(name)} is no dataset", self.where)
        return self.numbers(group, name)

    def child(self, group: Any, part: str, name: str) -> Any:
        if not isinstance(group, self.h5py.Group) or part not in group:
            malformed(f"{shown(name)} is missing", self.where, "Weft reads one model of Keras only")
        if type(group.get(part, getlink=True)) is not self.h5py.HardLink:
            malformed(f"{shown(name)} is a link, which is not followed", self.where)
        return group[part]

    def numbers(self, dataset: Any, name: str) -> Numbers:
        plain = dataset.chunks is None and not dataset.external and not dataset.is_virtual
        offset = dataset.id.get_offset()
        if not plain or offset is None:
            malformed(f"{shown(name)} is compressed, or not in this file", self.where)
        shape, dtype = tuple(int(side) for side in dataset.shape), np.dtype(dataset.dtype)
        size = dtype.itemsize
        for side in shape:
            size *= side
        if dtype.hasobject or size <= 0 or offset + size > self.data.size:
            malformed(
                f"{shown(name)} of shape {shape} does not fit in {self.data.size:,} bytes",
                self.where,
            )
        return Numbers(shape, dtype, self.data[offset : offset + size])


def _new_parts(file: Any, find: _Find) -> Parts:
    """The layout of Keras 3: groups by kind of layer and by attribute, numbers in `vars`."""
    layers = file.get("blocks/layers", {})
    parts = {
        "embedding.weight": find(file, "layers/embedding/vars/0"),
        "position.weight": find(file, "layers/embedding_1/vars/0"),
    }
    parts |= _pair(find, file, "norm", "layers/layer_normalization/vars/")
    parts |= _pair(find, file, "head", "layers/dense/vars/")
    if not 1 <= len(layers) <= MAX_LAYERS:
        malformed(f"{len(layers):,} blocks", find.where)
    for i in range(len(layers)):
        block, ours = "blocks/layers/" + _numbered("block", i) + "/", f"blocks.{i}."
        heads = file.get(block + "sa/heads", {})
        if not 1 <= len(heads) <= MAX_HEADS:
            malformed(f"{len(heads):,} heads", find.where)
        for j in range(len(heads)):
            for kind in ("query", "key", "value"):
                head = f"{block}sa/heads/{_numbered('head', j)}/{kind}/vars/0"
                parts[f"{ours}attention.{kind}.{j}"] = find(file, head)
        for name, theirs in (
            ("attention.out", "sa/proj"),
            ("feed_forward.up", "ffwd/net/layers/dense"),
            ("feed_forward.down", "ffwd/net/layers/dense_1"),
            ("norm_1", "ln1"),
            ("norm_2", "ln2"),
        ):
            parts |= _pair(find, file, ours + name, f"{block}{theirs}/vars/")
    return parts


def _numbered(name: str, i: int) -> str:
    return f"{name}_{i}" if i else name


def _pair(find: _Find, file: Any, ours: str, prefix: str) -> Parts:
    return {f"{ours}.weight": find(file, prefix + "0"), f"{ours}.bias": find(file, prefix + "1")}


def _old_parts(file: Any, find: _Find) -> Parts:
    """The layout of Keras 2: a list of layers, each with a list of its weights, in order."""
    layers = [(name, _names(file, name, find)) for name in _texts(file.attrs["layer_names"])]
    layers = [(name, weights) for name, weights in layers if weights]
    counts = [len(weights) for _, weights in layers]
    if len(layers) != 5 or counts[:2] + counts[3:] != [1, 1, 2, 2]:
        malformed(f"layers with {shown(counts)} weights", find.where, "Weft reads one model only")
    (token, position, blocks, norm, head) = (
        [find(file[name], weight) for weight in weights] for name, weights in layers
    )
    parts = {"embedding.weight": token[0], "position.weight": position[0]}
    parts |= {"norm.weight": norm[0], "norm.bias": norm[1]}
    parts |= {"head.weight": head[0], "head.bias": head[1]}
    width, size = token[0].shape[-1], blocks[0].shape[-1] if blocks[0].shape else 1
    heads = width // size
    each = 3 * heads + 10
    if not 1 <= heads <= MAX_HEADS or len(blocks) % each or len(blocks) // each > MAX_LAYERS:
        malformed(f"{len(blocks):,} weights of blocks with {heads:,} heads", find.where)
    for i in range(len(blocks) // each):
        parts |= _old_block(f"blocks.{i}.", blocks[each * i : each * (i + 1)], heads)
    return parts


def _old_block(ours: str, weights: list[Numbers], heads: int) -> Parts:
    """Key, query and value of every head, then the five layers with biases."""
    parts = {}
    for j in range(heads):
        for place, kind in enumerate(("key", "query", "value")):
            parts[f"{ours}attention.{kind}.{j}"] = weights[3 * j + place]
    names = ("attention.out", "feed_forward.up", "feed_forward.down", "norm_1", "norm_2")
    for n, name in enumerate(names):
        parts[f"{ours}{name}.weight"] = weights[3 * heads + 2 * n]
        parts[f"{ours}{name}.bias"] = weights[3 * heads + 2 * n + 1]
    return parts


def _names(file: Any, layer: str, find: _Find) -> list[str]:
    group = find.child(file, layer, layer)
    return _texts(group.attrs["weight_names"])


def _texts(values: Any) -> list[str]:
    texts = [v.decode() if isinstance(v, bytes) else str(v) for v in values]
    if len(texts) > MAX_LAYERS * 100 or any(len(text) > MAX_NAME for text in texts):
        raise ValueError("names that are too long or too many")
    return texts


def _config(parts: Parts, where: str) -> ModelConfig:
    token, position = parts["embedding.weight"].shape, parts["position.weight"].shape
    up = parts["blocks.0.feed_forward.up.weight"].shape
    if not (len(token) == len(position) == len(up) == 2):
        malformed("embeddings or layers that are no matrices", where)
    values = {
        "vocab_size": token[0],
        "block_size": position[0],
        "n_embd": token[1],
        "n_layer": sum(name.endswith("norm_1.weight") for name in parts),
        "n_head": sum(name.startswith("blocks.0.attention.query.") for name in parts),
        "intermediate_size": up[1],
        "norm_eps": 1e-6,
        "tie_embeddings": False,
        "activation": "relu",
    }
    return config_of(values, where)


def _check(parts: Parts, config: ModelConfig, where: str) -> None:
    """The shape of every part; Keras has its matrices as (in, out)."""
    C, D, inner, V = config.n_embd, config.head_dim, config.intermediate_size, config.vocab_size
    for name, numbers in parts.items():
        piece = name.split(".", 2)[-1] if name.startswith("blocks.") else name
        shape: Shape
        if piece.startswith(("attention.query", "attention.key", "attention.value")):
            shape = (C, D)
        else:
            shape = {
                "embedding.weight": (V, C),
                "position.weight": (config.block_size, C),
                "head.weight": (C, V),
                "head.bias": (V,),
                "attention.out.weight": (C, C),
                "feed_forward.up.weight": (C, inner),
                "feed_forward.up.bias": (inner,),
                "feed_forward.down.weight": (inner, C),
            }.get(piece, (C,))
        check_tensor(name, numbers, shape, where)
    heads = {name.split(".")[-1] for name in parts if ".attention.query." in name}
    if len(heads) != config.n_head:
        malformed("blocks with different numbers of heads", where)


def _moved_bias(parts: Parts, where: str) -> Array:
    """The last norm's bias, moved so that the output layer's bias is in it: (C,).

    W (h + d) = W h + b where W d = b. What float32 makes of W d may be off by 1e-4 of b's largest.
    """
    kernel, bias = (parts[f"head.{n}"].array().astype(np.float64) for n in ("weight", "bias"))
    norm_bias = parts["norm.bias"].array()
    if not bias.any():
        return norm_bias
    finite = np.isfinite(kernel).all() and np.isfinite(bias).all()
    d = np.linalg.lstsq(kernel.T, bias, rcond=None)[0] if finite else np.zeros(len(kernel))
    rounding = 2.0**-23 * (np.abs(d) @ np.abs(kernel)).max()
    if not finite or np.abs(d @ kernel - bias).max() + rounding > 1e-4 * np.abs(bias).max():
        malformed(
            f"an output layer with a bias for {len(bias):,} tokens, of width {len(kernel):,}: "
            "Weft's has none, and the last norm's cannot stand for it",
            where,
            "train with at most as many tokens as the model is wide, or without that bias",
        )
    return (norm_bias + d).astype(np.float32)


def _weights(parts: Parts, config: ModelConfig, moved: Array, where: str) -> Weights:
    C, H = config.n_embd, config.n_head
    tensors: dict[str, Callable[[], Array]] = {}

    def qkv(block: str) -> Callable[[], Array]:
        names = [f"{block}attention.{k}.{j}" for k in ("query", "key", "value") for j in range(H)]
        return lambda: np.concatenate([parts[name].array().T for name in names])

    def plain(name: str) -> Callable[[], Array]:
        transposed = name.endswith("weight") and name not in ("embedding.weight", "position.weight")
        return lambda: parts[name].array().T if transposed else parts[name].array()

    for name in parts:
        if ".attention.query.0" in name:
            block = name.removesuffix("attention.query.0")
            tensors[block + "attention.qkv.weight"] = qkv(block)
            tensors[block + "attention.qkv.bias"] = lambda: np.zeros(3 * C, np.float32)
        elif name.endswith((".weight", ".bias")) and name != "head.bias":
            tensors[name] = plain(name)
    tensors["norm.bias"] = lambda: moved
    return Weights(tensors, where)
