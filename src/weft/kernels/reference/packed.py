"""Packed matrices: weights laid out for multiplying a few rows by them, in four precisions.

A matrix (N, K) becomes panels of 16 outputs; N and K are padded with zeros to multiples of 16 and
32. In a panel lie, for k = 0, 1, ...: 16 float32 (float32); 16 pairs of bfloat16 for each two of k
(bfloat16); 16 times four bytes q + 128 for each four of k (int8); for each 32 of k four rows of 16
times four bytes (int4), whose low halves are q + 8 of the first 16 of k, and the high ones of the
others. After the integers come the scales, 16 float16 for each 32 of k. Each panel is padded to a
multiple of 64 bytes. csrc/decoder.h says the same to the native twins.
"""

from __future__ import annotations

import numpy as np

from weft.kernels.reference.precision import Array, bfloat16, float32
from weft.kernels.reference.quantize import (
    BLOCK,
    dequantize,
    quantize_int4,
    quantize_int8,
    quantize_rows,
)

PANEL = 16
SLAB = 1 << 18  # integers packed together
KINDS = ("float32", "bfloat16", "int8", "int4")
Quantised = tuple[Array, Array]
"""q int8 (N, K) and scale float16 (N, K/32)."""


def pack_matrix(w: Array, kind: str, transposed: bool = False, search: bool = False) -> Array:
    """w (N, K), or (K, N) if `transposed`, float32 or bfloat16 -> its packed bytes, uint8.

    int8 and int4 quantise as `quantize_int8` and `quantize_int4`, which is told of `search`. Raises
    ValueError for an unknown kind, and as they do.
    """
    if kind not in KINDS:
        raise ValueError(f"weights {kind!r} are unknown; choose one of: {', '.join(KINDS)}")
    rows = np.asarray(w.T if transposed else w).astype(float32)
    if kind in ("int8", "int4"):
        whole = _padded(rows, 1, BLOCK)
        pair = quantize_int8(whole) if kind == "int8" else quantize_int4(whole, search)
        return pack_quantized(*pair, kind)
    depth = 2 if kind == "bfloat16" else 1
    whole = _padded(rows, PANEL, BLOCK).astype(bfloat16 if depth == 2 else float32)
    panels = whole.reshape(len(whole) // PANEL, PANEL, -1, depth).transpose(0, 2, 1, 3)
    data = _memory(len(panels), 4 * whole.shape[1] * PANEL // depth)
    data[:] = np.ascontiguousarray(panels).view(np.uint8).reshape(len(panels), -1)
    return data.reshape(-1)


def pack_quantized(q: Array, scale: Array, kind: str) -> Array:
    """What is quantised already, q int8 (N, K) and scale float16 (N, K/32) -> its packed bytes."""
    N, K = q.shape
    size = K * PANEL // (1 if kind == "int8" else 2)
    data = _memory(-(-N // PANEL), size + K)
    step = max(1, SLAB // (PANEL * K))  # panels at a time, so that their copies are small
    for first in range(0, len(data), step):
        rows = slice(first * PANEL, (first + step) * PANEL)
        panels = data[first : first + step]
        panels[:, :size] = _integer_panels(_padded(q[rows], PANEL, 1), kind)
        scales = _padded(scale[rows], PANEL, 1).reshape(len(panels), PANEL, -1).transpose(0, 2, 1)
        panels[:, size : size + K] = np.ascontiguousarray(scales).view(np.uint8).reshape(-1, K)
    return data.reshape(-1)


def _integer_panels(q: Array, kind: str) -> Array:
    """int8 (16 P, K) -> (P, bytes)."""
    P = len(q) // PANEL
    if kind == "int8":
        units = (q.view(np.uint8) + np.uint8(128)).reshape(P, PANEL, -1, 4)
    else:
        fours = (q + np.int8(8)).view(np.uint8).reshape(P, PANEL, -1, 2, 4, 4)
        units = (fours[:, :, :, 0] | fours[:, :, :, 1] << np.uint8(4)).reshape(P, PANEL, -1, 4)
    panels: Array = units.transpose(0, 2, 1, 3).reshape(P, -1)
    return panels


def unpack_matrix(data: Array, kind: str, outputs: int, inputs: int) -> Array:
    """The packed bytes -> w (N, K) float32, as they count."""
    if kind in ("int8", "int4"):
        return dequantize(*unpack_quantized(data, kind, outputs, inputs))[:, :inputs]
    depth = 2 if kind == "bfloat16" else 1
    panels = _panels(data, outputs)
    size = _depth(inputs) * PANEL * (2 if depth == 2 else 4)
    whole = np.ascontiguousarray(panels[:, :size]).view(bfloat16 if depth == 2 else float32)
    rows = whole.reshape(len(panels), -1, PANEL, depth).transpose(0, 2, 1, 3)
    return rows.reshape(len(panels) * PANEL, -1)[:outputs, :inputs].astype(float32)


def unpack_quantized(data: Array, kind: str, outputs: int, inputs: int) -> Quantised:
    """The packed bytes of int8 or int4 -> q (N, K padded to 32), scale (N, K/32)."""
    panels, depth = _panels(data, outputs), _depth(inputs)
    P, size = len(panels), depth * PANEL // (1 if kind == "int8" else 2)
    units = panels[:, :size].reshape(P, -1, PANEL, 4).transpose(0, 2, 1, 3)  # (P, 16, units, 4)
    if kind == "int8":
        q = (units + np.uint8(128)).view(np.int8)
    else:
        fours = units.reshape(P, PANEL, -1, 1, 4, 4)
        halves = np.concatenate([fours & np.uint8(15), fours >> np.uint8(4)], axis=3)
        q = halves.view(np.int8) - np.int8(8)
    scales = np.ascontiguousarray(panels[:, size : size + depth]).view(np.float16)
    scale = scales.reshape(P, -1, PANEL).transpose(0, 2, 1).reshape(P * PANEL, -1)
    return q.reshape(P * PANEL, depth)[:outputs], np.ascontiguousarray(scale[:outputs])


def packed_linear(x: Array, data: Array, kind: str, outputs: int, many: bool = False) -> Array:
    """x wᵀ with packed weights: x (M, K) float32 -> (M, N) float32.

    x is rounded to what its kind multiplies: bfloat16, or for int8 and int4 bytes with a scale for
    each 32; each block's sum is then exact. `many` rows are worth turning the integers into numbers
    first, and x then stays as it is.
    """
    K = x.shape[1]
    if kind in ("int8", "int4") and not many:
        q, scale = unpack_quantized(data, kind, outputs, K)
        bytes_, factors = quantize_rows(_padded(x, 1, BLOCK))
        a = bytes_.reshape(len(x), 1, -1, BLOCK).astype(np.int32)
        sums = (a * q.reshape(1, outputs, -1, BLOCK)).sum(-1)  # (M, N, K/32)
        y: Array = (sums * (factors[:, None] * scale.astype(float32)[None])).sum(-1)
        return y.astype(x.dtype)
    w = unpack_matrix(data, kind, outputs, K).astype(x.dtype)
    product: Array = (x.astype(bfloat16).astype(x.dtype) if kind == "bfloat16" else x) @ w.T
    return product


def _depth(inputs: int) -> int:
    return -(-inputs // BLOCK) * BLOCK


def _padded(a: Array, rows: int, columns: int) -> Array:
    """Zeros behind, up to multiples."""
    extra = [(0, -a.shape[0] % rows), (0, -a.shape[1] % columns)]
    return np.pad(a, extra) if any(n for _, n in extra) else a


def _panels(data: Array, outputs: int) -> Array:
    return data.reshape(-(-outputs // PANEL), -1)


def _memory(panels: int, size: int) -> Array:
    """Zeros for panels of `size` bytes, each padded to 64, in memory aligned to 64 bytes."""
    stride = -(-size // 64) * 64
    memory = np.zeros(panels * stride + 63, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + panels * stride].reshape(panels, stride)
