"""A model's weights, packed for the native decoder: one matrix at a time, so that the packed ones
are all that is ever in memory besides the mapped file. What takes the same bytes there as packed
may also be left where it is: the first token then need not wait until everything is packed.

Not here: the layout (`kernels/reference/packed.py`), what a step computes (`csrc/decoder.cpp`; its
definition is `models/transformer.py` with a cache).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from weft.checkpoint.tensors import mapping_of, release
from weft.config import ModelConfig
from weft.errors import ConfigError
from weft.formats import Weights
from weft.formats.quantized import (
    QuantizedMatrix,
    QuantizedWeights,
    RoundedWeights,
    as_quantized,
)
from weft.kernels import active
from weft.kernels.reference.packed import PANEL

InferencePrecision = Literal["float32", "bfloat16", "int8", "int4"]
Array = NDArray[Any]
Packed = tuple[str, Array, Array | None, tuple[int, ...]]
"""Kind, packed bytes, bias, shape."""
Unpacked = tuple[str, Array, Array | None, tuple[int, ...], bool]
"""Kind, numbers, bias, shape, whether the numbers are (inputs, outputs)."""
Matrix = Packed | Unpacked
SIZES = (
    "n_layer",
    "n_embd",
    "n_head",
    "n_kv_head",
    "head_dim",
    "intermediate_size",
    "vocab_size",
    "block_size",
    "norm_eps",
)


def pack_decoder(
    config: ModelConfig,
    weights: Mapping[str, Array],
    precision: InferencePrecision,
    *,
    stored: bool = False,
) -> Any:
    """The native decoder of these weights; None where there is no native code.

    float32 and bfloat16 are the precision of all matrices; with int8 and int4 that of the matrices
    that can be quantised, as `weft convert --quantize` does it, and others stay float32. With
    `stored` matrices of a mapped file that have this precision there are not packed, but in every
    call anew, a few outputs at a time; then `decoder.packed` is false. Such a matrix has not been
    looked at: `decoder.finite` is false after a call that met a NaN or an infinity in one.
    """
    if active.native is None:
        return None
    c = config
    if precision in ("int8", "int4"):
        weights = as_quantized(weights, precision)
    elif isinstance(weights, QuantizedWeights):  # as numbers
        weights = Weights({name: partial(weights.__getitem__, name) for name in weights})
    packer = _Packer(weights, precision, stored)
    # First, for it is the largest, and for a while there twice. A tied one is the output layer,
    # which every call reads; of another one only some rows are read, and so it is looked at before.
    embedding = packer.matrix("embedding.weight", look=not c.tie_embeddings)
    blocks = [_block(packer, c, f"blocks.{i}.") for i in range(c.n_layer)]
    outer = {
        "embedding": embedding,
        "head": embedding if c.tie_embeddings else packer.matrix("head.weight"),
        "norm": packer.norm("norm"),
        **_positions(packer, c),
    }
    sizes = {name: getattr(c, name) for name in SIZES}
    gpt2 = c.arch == "gpt2"
    sizes |= {"layer_norm": gpt2, "gated": not gpt2}
    sizes |= {"relu": c.activation == "relu", "tanh": c.gelu == "tanh"}
    return active.native.Decoder(sizes, outer, blocks)


def _positions(packer: _Packer, c: ModelConfig) -> dict[str, Array | None]:
    """What is added to the embeddings, or how heads are turned; the others are None."""
    tables: dict[str, Array | None] = dict.fromkeys(("positions", "cos", "sin"))
    if c.positions == "learned":
        return tables | {"positions": packer.vector("position.weight")}
    from weft.models.transformer import rotation, sinusoids

    if c.positions == "sinusoidal":
        return tables | {"positions": sinusoids(c)}
    cos, sin = rotation(c)
    return tables | {"cos": cos, "sin": sin}


def _block(packer: _Packer, c: ModelConfig, prefix: str) -> dict[str, Any]:
    attention, mlp = f"{prefix}attention.", f"{prefix}feed_forward."
    return {
        "norm_1": packer.norm(f"{prefix}norm_1"),
        "norm_2": packer.norm(f"{prefix}norm_2"),
        "q_norm": packer.norm(f"{attention}q_norm"),
        "k_norm": packer.norm(f"{attention}k_norm"),
        "qkv": packer.matrix(f"{attention}qkv.weight"),
        "out": packer.matrix(f"{attention}out.weight"),
        "up": packer.matrix(f"{mlp}up.weight") if c.arch == "gpt2" else packer.gated(mlp),
        "down": packer.matrix(f"{mlp}down.weight"),
    }


class _Packer:
    def __init__(
        self, weights: Mapping[str, Array], precision: InferencePrecision, stored: bool
    ) -> None:
        self.weights, self.stored = weights, stored
        self.kind = "bfloat16" if precision == "bfloat16" else "float32"  # of what stays numbers

    def vector(self, name: str) -> Array | None:
        if name not in self.weights:
            return None
        return np.array(self.weights[name], np.float32, order="C")  # no page of the file for it

    def norm(self, name: str) -> tuple[Array | None, Array | None]:
        return self.vector(f"{name}.weight"), self.vector(f"{name}.bias")

    def matrix(self, name: str, look: bool = False) -> Matrix:
        bias = self.vector(f"{name.removesuffix('weight')}bias")
        plain = self.plain(name)
        if plain is not None:
            return self.rounded(name, *plain, bias)
        integers = self.integers(name)
        if integers is not None:
            kind = integers.kind
            data = active.pack_quantized(integers.integers(), integers.scale, kind)
            return kind, data, bias, integers.shape
        unpacked = None if look else self.unpacked(name, bias)
        return unpacked or self.floats(self.weights[name], bias, self.kind)

    def unpacked(self, name: str, bias: Array | None) -> Unpacked | None:
        """The matrix as it lies in a mapped file, if it may stay there."""
        if not (self.stored and isinstance(self.weights, Weights)):
            return None
        array = self.weights.unchecked(name)
        if array.dtype.name != self.kind or mapping_of(array) is None or not array.flags.aligned:
            return None
        turned = is_turned(array)
        return self.kind, array.T if turned else array, bias, array.shape, turned

    def gated(self, mlp: str) -> Matrix:
        """Panels of gate and of up in turns, so that one product has both at hand."""
        gate, up = f"{mlp}gate.weight", f"{mlp}up.weight"
        gate_bias, up_bias = self.vector(f"{mlp}gate.bias"), self.vector(f"{mlp}up.bias")
        bias = None
        if gate_bias is not None and up_bias is not None:
            bias = turns(gate_bias[:, None], up_bias[:, None]).reshape(-1)
        one, other = self.plain(gate), self.plain(up)
        if one is not None and other is not None:
            return self.rounded(gate, turns(one[0], other[0]), one[1], bias)
        a, b = self.integers(gate), self.integers(up)
        if a is not None and b is not None:
            kind = a.kind
            q, scale = turns(a.integers(), b.integers()), turns(a.scale, b.scale)
            return kind, active.pack_quantized(q, scale, kind), bias, q.shape
        return self.floats(turns(self.weights[gate], self.weights[up]), bias, self.kind)

    def plain(self, name: str) -> tuple[Array, str] | None:
        """The matrix as numbers, and as which integers it is to be multiplied."""
        return self.weights.plain(name) if isinstance(self.weights, RoundedWeights) else None

    def rounded(self, name: str, array: Array, kind: str, bias: Array | None) -> Matrix:
        """Numbers, packed as the integers that `quantize_weights` would make of them."""
        try:
            return self.floats(array, bias, kind)
        except ValueError as error:
            raise ConfigError(
                f"{error}; {name}; repair the model: weft info shows its weights"
            ) from None

    def integers(self, name: str) -> QuantizedMatrix | None:
        """The matrix as integers if it is to be multiplied so."""
        return self.weights.quantized(name) if isinstance(self.weights, QuantizedWeights) else None

    def floats(self, array: Array, bias: Array | None, kind: str) -> Matrix:
        """Numbers, packed; the memory of the file that they came from is given back."""
        wide = array.astype(np.float32) if array.dtype == np.float16 else array
        transposed = is_turned(wide)
        rows = wide.T if transposed else wide
        data = active.pack_matrix(rows, kind, transposed, search=kind == "int4")
        mapping = mapping_of(array)
        if mapping is not None:
            release(mapping)
        return kind, data, bias, array.shape


def is_turned(array: Array) -> bool:
    """Whether the numbers of a matrix (out, in) lie in memory as (in, out)."""
    return array.T.flags.c_contiguous and not array.flags.c_contiguous


def turns(a: Array, b: Array) -> Array:
    """Rows of a and of b, 16 of each in turns: (2 x rows padded to 16, columns)."""
    missing = -len(a) % PANEL
    pair = [np.pad(x, ((0, missing), (0, 0))).reshape(-1, PANEL, a.shape[1]) for x in (a, b)]
    return np.stack(pair, axis=1).reshape(-1, a.shape[1])
