"""The types of a GGUF tensor that Weft reads and writes: how their bytes become numbers, and back.

https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; the blocks are ggml-common.h's block_q8_0
and block_q4_0: 32 elements of a row, a float16 scale first, then the integers. Q6_K is read only:
llama.cpp's own files of type Q4_0 have their output layer in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import ml_dtypes
import numpy as np

from weft.formats.model_files import Array
from weft.formats.quantized import BLOCK, QuantizedMatrix


@dataclass(frozen=True)
class TensorType:
    """`size` bytes hold `block` neighbouring elements of a row."""

    name: str
    number: int
    block: int
    size: int


F32 = TensorType("F32", 0, 1, 4)
F16 = TensorType("F16", 1, 1, 2)
Q4_0 = TensorType("Q4_0", 2, BLOCK, 18)
Q8_0 = TensorType("Q8_0", 8, BLOCK, 34)
Q6_K = TensorType("Q6_K", 14, 256, 210)
BF16 = TensorType("BF16", 30, 1, 2)
TYPES = {kind.number: kind for kind in (F32, F16, Q4_0, Q8_0, Q6_K, BF16)}
DTYPES = {
    F32: np.dtype("<f4"),
    F16: np.dtype("<f2"),
    BF16: np.dtype(ml_dtypes.bfloat16),
}
INTEGERS = frozenset({Q4_0, Q8_0})
"""The types that stay integers in Weft."""
# Known by name only, for messages (ggml.h, enum ggml_type).
OTHER_TYPES = {
    3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 12: "Q4_K", 13: "Q5_K",
    15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL",
    21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64",
    29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
}  # fmt: skip


def size_of(kind: TensorType, shape: tuple[int, ...]) -> int:
    """Bytes of a tensor of this shape; its rows are whole blocks."""
    count = 1
    for n in shape:
        count *= n
    return count // kind.block * kind.size


def decode(data: Array, kind: TensorType, shape: tuple[int, ...]) -> Array | QuantizedMatrix:
    """The bytes of a tensor (uint8) -> a view of them, or for `INTEGERS` a matrix of these."""
    if kind in DTYPES:
        array: Array = data.view(DTYPES[kind]).reshape(shape)
        return array
    if kind == Q6_K:
        return _decode_q6_k(data.reshape(-1, kind.size)).reshape(shape)
    N, K = shape
    blocks = data.reshape(N, K // BLOCK, kind.size)
    scale = np.ascontiguousarray(blocks[:, :, :2]).view("<f2")[..., 0]  # (N, K/32)
    integers = np.ascontiguousarray(blocks[:, :, 2:]).reshape(N, -1)
    return QuantizedMatrix(integers.view(np.int8) if kind == Q8_0 else integers, scale)


def _decode_q6_k(blocks: Array) -> Array:
    """(n, 210) -> float32 (n, 256): four low bits and two high ones of an integer, a scale for 16
    of them, a scale of the scales (ggml-quants.c, dequantize_row_q6_K)."""
    n = len(blocks)
    low = blocks[:, :128].reshape(n, 2, 64)  # of both halves of the block
    high = blocks[:, 128:192].reshape(n, 2, 32)
    nibbles = np.concatenate([low & 15, low >> 4], axis=-1)  # (n, 2, 128)
    pairs = np.concatenate([high >> shift & 3 for shift in (0, 2, 4, 6)], axis=-1)
    q = (nibbles | pairs << 4).astype(np.int8).reshape(n, 16, 16) - np.int8(32)
    small = blocks[:, 192:208].view(np.int8)  # (n, 16)
    large = np.ascontiguousarray(blocks[:, 208:]).view("<f2").astype(np.float32)  # (n, 1)
    values: Array = (large * small)[:, :, None] * q
    return values.reshape(n, 256)


def encode(tensor: Array | QuantizedMatrix, kind: TensorType) -> Array:
    """The bytes (uint8) of an array in one of `DTYPES`, or of a matrix of integers."""
    if isinstance(tensor, QuantizedMatrix):
        N, blocks = tensor.scale.shape
        integers = tensor.q.view(np.uint8).reshape(N, blocks, kind.size - 2)
        scale = np.ascontiguousarray(tensor.scale)[..., None].view(np.uint8)  # (N, K/32, 2)
        return np.concatenate([scale, integers], axis=-1).reshape(-1)
    with np.errstate(over="ignore"):  # the writer looks for infinities
        return np.ascontiguousarray(tensor, DTYPES[kind]).reshape(-1).view(np.uint8)
