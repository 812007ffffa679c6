"""A model's weights, packed for the native decoder: one matrix at a time, so that the packed ones
are all that is ever in memory besides the mapped file.

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
Matrix = tuple[str, Array, Array | None, tuple[int, ...]]
"""Kind, packed bytes, bias, shape."""
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
    config: ModelConfig, weights: Mapping[str, Array], precision: InferencePrecision
) -> Any:
    """The native decoder of these weights; None where there is no native code.

    float32 and bfloat16 are the precision of all matrices; with int8 and int4 that of the matrices
    that can be quantised, as `weft convert --quantize` does it, and others stay float32.
    """
    if active.native is None:
        return None
    c = config
    if precision in ("int8", "int4"):
        weights = as_quantized(weights, precision)
    elif isinstance(weights, QuantizedWeights):  # as numbers
        weights = Weights({name: partial(weights.__getitem__, name) for name in weights})
    packer = _Packer(weights, precision)
    embedding = packer.matrix("embedding.weight")  # first: the largest, and for a while there twice
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
    def __init__(self, weights: Mapping[str, Array], precision: InferencePrecision) -> None:
        self.weights = weights
        self.kind = "bfloat16" if precision == "bfloat16" else "float32"  # of what stays numbers

    def vector(self, name: str) -> Array | None:
        if name not in self.weights:
            return None
        return np.ascontiguousarray(self.weights[name], np.float32)

    def norm(self, name: str) -> tuple[Array | None, Array | None]:
        return self.vector(f"{name}.weight"), self.vector(f"{name}.bias")

    def matrix(self, name: str) -> Matrix:
        bias = self.vector(f"{name.removesuffix('weight')}bias")
        if isinstance(self.weights, RoundedWeights):
            plain = self.weights.plain_int8(name)
            if plain is not None:
                return self.floats(plain, bias, "int8")
        integers = self.integers(name)
        if integers is not None:
            kind = kind_of(integers)
            data = active.pack_quantized(integers.integers(), integers.scale, kind)
            return kind, data, bias, integers.shape
        return self.floats(self.weights[name], bias, self.kind)

    def gated(self, mlp: str) -> Matrix:
        """Panels of gate and of up in turns, so that one product has both at hand."""
        gate, up = f"{mlp}gate.weight", f"{mlp}up.weight"
        gate_bias, up_bias = self.vector(f"{mlp}gate.bias"), self.vector(f"{mlp}up.bias")
        bias = None
        if gate_bias is not None and up_bias is not None:
            bias = turns(gate_bias[:, None], up_bias[:, None]).reshape(-1)
        a, b = self.integers(gate), self.integers(up)
        if a is not None and b is not None:
            kind = kind_of(a)
            q, scale = turns(a.integers(), b.integers()), turns(a.scale, b.scale)
            return kind, active.pack_quantized(q, scale, kind), bias, q.shape
        return self.floats(turns(self.weights[gate], self.weights[up]), bias, self.kind)

    def integers(self, name: str) -> QuantizedMatrix | None:
        """The matrix as integers if it is to be multiplied so."""
        return self.weights.quantized(name) if isinstance(self.weights, QuantizedWeights) else None

    def floats(self, array: Array, bias: Array | None, kind: str) -> Matrix:
        """Numbers, packed; the memory of the file that they came from is given back."""
        wide = array.astype(np.float32) if array.dtype == np.float16 else array
        transposed = wide.T.flags.c_contiguous and not wide.flags.c_contiguous  # (in, out)
        data = active.pack_matrix(wide.T if transposed else wide, kind, transposed)
        mapping = mapping_of(array)
        if mapping is not None:
            release(mapping)
        return kind, data, bias, array.shape


def kind_of(matrix: QuantizedMatrix) -> str:
    return "int8" if matrix.bits == 8 else "int4"


def turns(a: Array, b: Array) -> Array:
    """Rows of a and of b, 16 of each in turns: (2 x rows padded to 16, columns)."""
    missing = -len(a) % PANEL
    pair = [np.pad(x, ((0, missing), (0, 0))).reshape(-1, PANEL, a.shape[1]) for x in (a, b)]
    return np.stack(pair, axis=1).reshape(-1, a.shape[1])
