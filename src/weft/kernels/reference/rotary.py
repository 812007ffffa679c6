"""Rotary positions, RoFormer (arXiv:2104.09864), alone and with a norm of queries and keys before.

csrc/rotary.cpp has the same functions.

Element i of a head pairs with element i + D/2 ("rotate half", as Llama and Qwen store their
weights), not with its neighbour as in the paper; the two differ by a permutation of D.
"""

from __future__ import annotations

import numpy as np

from weft.kernels.reference.precision import Array, gradient_dtype, narrow, widen


def rotary_forward(x: Array, cos: Array, sin: Array) -> Array:
    """Turns pair i at position t by its angle: x (B, T, H, D), cos, sin (T, D/2)."""
    _, T, _, D = x.shape
    if D % 2 or cos.shape != (T, D // 2) or sin.shape != cos.shape:
        raise ValueError(f"rotary: x {x.shape} needs cos and sin ({T}, {D}/2); got {cos.shape}")
    a, b = np.split(widen(x), 2, axis=-1)  # (B, T, H, D/2) each
    c, s = cos[:, None, :], sin[:, None, :]  # (T, 1, D/2)
    return narrow(np.concatenate([a * c - b * s, b * c + a * s], axis=-1), x.dtype)


def rotary_backward(dy: Array, cos: Array, sin: Array) -> Array:
    """A rotation's gradient is the rotation back."""
    return rotary_forward(dy, cos, -sin)


def rotary_qkv_forward(
    qkv: Array, heads: int, wq: Array | None, wk: Array | None, eps: float, cos: Array, sin: Array
) -> tuple[Array, Array | None]:
    """qkv (B, T, H + 2 Hkv, D), H being `heads` -> the same with queries and keys turned, and rstd.

    With wq and wk (D,), each head is normalised before: x rstd w, rstd = 1/√(mean x² + eps), here
    (B, T, H + Hkv) for backward (RMSNorm, arXiv:1910.07467). Without them rstd is None.
    """
    turned = _queries_and_keys(qkv, heads)
    u, rstd = widen(qkv[:, :, :turned]), None
    if wq is not None and wk is not None:
        rstd = 1 / np.sqrt((u * u).mean(-1) + eps)  # (B, T, H + Hkv)
        u = u * rstd[..., None] * _weights(wq, wk, heads, turned)
    y = rotary_forward(u, cos, sin)
    return np.concatenate([narrow(y, qkv.dtype), qkv[:, :, turned:]], axis=2), rstd


def rotary_qkv_backward(
    dy: Array, qkv: Array, heads: int, wq: Array | None, wk: Array | None, rstd: Array | None,
    cos: Array, sin: Array,
) -> tuple[Array, Array | None, Array | None]:  # fmt: skip
    """-> dqkv as qkv, dwq and dwk (D,) or None."""
    turned = _queries_and_keys(qkv, heads)
    d = rotary_backward(widen(dy[:, :, :turned]), cos, sin)  # (B, T, H + Hkv, D)
    dwq = dwk = None
    if wq is not None and wk is not None and rstd is not None:
        n = widen(qkv[:, :, :turned]) * rstd[..., None]
        sums = (d * n).sum((0, 1))  # (H + Hkv, D)
        dwq, dwk = (
            narrow(part.sum(0), gradient_dtype(qkv)) for part in (sums[:heads], sums[heads:])
        )
        dn = d * _weights(wq, wk, heads, turned)
        d = rstd[..., None] * (dn - n * (dn * n).mean(-1, keepdims=True))
    return np.concatenate([narrow(d, qkv.dtype), dy[:, :, turned:]], axis=2), dwq, dwk


def _queries_and_keys(qkv: Array, heads: int) -> int:
    """How many heads of qkv are turned."""
    if not 0 < heads < qkv.shape[2] or (qkv.shape[2] - heads) % 2:
        raise ValueError(f"rotary: qkv {qkv.shape} does not hold {heads} heads, keys and values")
    turned: int = (heads + qkv.shape[2]) // 2
    return turned


def _weights(wq: Array, wk: Array, heads: int, turned: int) -> Array:  # (H + Hkv, D)
    return np.concatenate([np.tile(widen(wq), (heads, 1)), np.tile(widen(wk), (turned - heads, 1))])
