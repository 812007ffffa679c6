"""Weights and activations as small integers: blocks of 32 along a row share one scale.

The blocks are llama.cpp's Q8_0 and Q4_0 (ggml/src/ggml-quants.c, quantize_row_q8_0_ref and
quantize_row_q4_0_ref), held apart as integers `q` (..., K) and scales (..., K/32). How the two
lie in a file is the formats' business.
"""

from __future__ import annotations

import numpy as np

from weft.kernels.reference.precision import Array, float32

BLOCK = 32
TRIALS = (-9.4, -9.0, -8.6, -8.2, -7.8, -7.4, -7.0)  # what the furthest value may become


def quantize_int8(w: Array) -> tuple[Array, Array]:
    """w (..., K) -> q int8 in -127..127 (..., K), scale float16 (..., K/32).

    |w - q scale| <= scale/2, and the rounding of the scale (2^-11 of it) times |q| more.
    Errors: ValueError where K is no multiple of 32, or w is not finite or beyond 127 x 65,504.
    """
    blocks = _blocks(w)  # (..., K/32, 32)
    d = np.abs(blocks).max(axis=-1, keepdims=True) / float32.type(127)
    scale = _as_float16(d)
    q = _round_half_away(blocks * _inverse(d)).astype(np.int8)
    return q.reshape(w.shape), scale


def quantize_int4(w: Array, search: bool = False) -> tuple[Array, Array]:
    """w (..., K) -> q int8 in -8..7 (..., K), scale float16 (..., K/32), of either sign.

    The value furthest from 0 becomes -8, so that |w - q scale| <= |scale|/2 everywhere but at the
    other end, where 7 stands for up to 8. `search` takes, block by block, the scale of least
    squared error among a few. Errors: as `quantize_int8`, beyond 8 x 65,504.
    """
    blocks = _blocks(w)  # (..., K/32, 32)
    d = _furthest(blocks) / float32.type(-8)
    scale = _as_float16(d)
    q = _nearest_int4(blocks, _inverse(d))
    if search and scale.size:
        q, scale = _search_int4(blocks, q, scale)
    return q.reshape(w.shape), scale


def quantize_rows(x: Array) -> tuple[Array, Array]:
    """Activations, on the fly: x (..., K) -> q int8 (..., K), scale float32 (..., K/32).

    As `quantize_int8` but for the scale, which nothing has to store. A block with a NaN or an
    infinity gets a scale that is not finite and zeros: all of it is NaN again in the product.
    """
    blocks = _blocks(x)  # (..., K/32, 32)
    d = np.abs(blocks).max(axis=-1, keepdims=True) / float32.type(127)
    finite = np.where(np.isfinite(d), blocks, 0)
    q = _round_half_away(finite * _inverse(d)).astype(np.int8)
    return q.reshape(x.shape), d[..., 0]


def dequantize(q: Array, scale: Array) -> Array:
    """q int8 (..., K), scale (..., K/32) -> float32 (..., K): integers times their scale."""
    blocks = _blocks(q)
    if scale.shape != blocks.shape[:-1]:
        raise ValueError(f"dequantize: q {q.shape} needs scale {blocks.shape[:-1]}: {scale.shape}")
    return (blocks * scale.astype(float32)[..., None]).reshape(q.shape)


def _blocks(w: Array) -> Array:
    if w.ndim < 1 or w.shape[-1] % BLOCK:
        raise ValueError(f"quantize: rows must be a multiple of {BLOCK} long; got {w.shape}")
    return w.astype(float32, copy=False).reshape(*w.shape[:-1], w.shape[-1] // BLOCK, BLOCK)


def _inverse(d: Array) -> Array:
    """1/d, and 0 where that is no number: such a block is all zeros (or has no finite scale)."""
    with np.errstate(all="ignore"):
        inverse = 1 / d
    return np.where(np.isfinite(inverse), inverse, float32.type(0))


def _furthest(blocks: Array) -> Array:
    """The value furthest from 0, with its sign; the first of equals: (..., K/32, 1)."""
    place = np.abs(blocks).argmax(axis=-1)[..., None]
    return np.take_along_axis(blocks, place, axis=-1)


def _as_float16(d: Array) -> Array:
    with np.errstate(over="ignore"):
        scale: Array = d[..., 0].astype(np.float16)
    if not np.isfinite(scale).all():
        raise ValueError("quantize: a weight is not finite, or too large for a float16 scale")
    return scale


def _round_half_away(x: Array) -> Array:
    """C's roundf. Adding 0.5 would round the number below 0.5 up to 1."""
    whole = np.trunc(x)
    rounded: Array = whole + np.copysign((np.abs(x - whole) >= 0.5).astype(float32), x)
    return rounded


def _nearest_int4(blocks: Array, inverse: Array) -> Array:
    """To nearest, halves up, in ggml's order of operations: trunc(x/d + 8.5), at most 15."""
    shifted = np.trunc(blocks * inverse + float32.type(8.5))
    return (np.clip(shifted, 0, 15) - 8).astype(np.int8)


def _search_int4(blocks: Array, q: Array, scale: Array) -> tuple[Array, Array]:
    """Better (q, scale) for each block: the furthest value becomes about -8, from -9.4 to -7.

    For the integers that such a scale gives, the best scale is <x, q> / <q, q> (least squares; as
    make_qx_quants does in ggml-quants.c); it is judged after its rounding to float16.
    """
    rows = blocks.reshape(scale.size, -1)
    furthest = _furthest(rows)[:, 0]
    x, default = (np.ascontiguousarray(a.reshape(scale.size, -1).T) for a in (rows, q))  # (32, n)
    least, place = np.full_like(furthest, np.inf), np.full_like(furthest, -8)
    for trial in TRIALS:
        _, _, error = _fit_int4(x, furthest / float32.type(trial))
        better = error < least
        least[better], place[better] = error[better], trial
    whole, fit, _ = _fit_int4(x, furthest / place)
    better = _squared_error(x, whole, fit) < _squared_error(x, default, scale.reshape(-1))
    searched = np.where(better, whole, default).astype(np.int8).T.reshape(q.shape)
    return searched, np.where(better, fit, scale.reshape(-1)).reshape(scale.shape)


def _fit_int4(x: Array, d: Array) -> tuple[Array, Array, Array]:
    """Integers (32, n) for the steps d (n,), the float16 scales that fit them, and the squared
    errors less <x, x>, which is the same for every step."""
    whole = x * _inverse(d)
    np.rint(whole, out=whole)
    np.clip(whole, -8, 7, out=whole)
    along, square = _added(x * whole), _added(whole * whole)
    with np.errstate(over="ignore"):
        fit = (along * _inverse(square)).astype(np.float16)
    rounded = fit.astype(float32)
    return whole, fit, rounded * (rounded * square - 2 * along)


def _squared_error(x: Array, q: Array, scale: Array) -> Array:
    difference = x - q * scale.astype(float32)
    return _added(difference * difference)


def _added(terms: Array) -> Array:
    """(32, n) -> (n,), one after the other: the native twin chooses by the same bits."""
    total: Array = terms[0].copy()
    for row in terms[1:]:
        total += row
    return total
