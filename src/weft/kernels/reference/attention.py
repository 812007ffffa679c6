"""Scaled dot-product attention with grouped heads. csrc/attention.cpp has the same functions.

As in FlashAttention (arXiv:2205.14135), the TxT weights are never stored: forward keeps one
number per row, lse = log Σ exp(scores), and backward computes the weights again from it, a block
of queries at a time. Grouped heads: arXiv:2305.13245.

In bfloat16, the native twin may round weights and score gradients to bfloat16 before it multiplies
them with v, q, k and dy, as FlashAttention does; scores, softmax and all sums are in float32.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from weft.kernels.reference.dropout import keep_scale, philox
from weft.kernels.reference.precision import Array, narrow, widen

QUERY_BLOCK = 64


def attention_forward(
    q: Array, k: Array, v: Array, scale: float, causal: bool, dropout: float, key: int
) -> tuple[Array, Array]:
    """softmax(scale q kᵀ) v: q (B, Tq, H, D), k, v (B, Tk, Hkv, D) -> y as q, lse (B, H, Tq).

    Query head h reads key head h // (H / Hkv). causal: query i sees keys <= i + Tk - Tq. Weight
    (b, h, i, j) is dropped by element ((b H + h) Tq + i) Tk + j of Philox's stream.
    """
    _check(q, k, v, causal)
    B, Tq, H, _ = q.shape
    queries, keys, values = _by_head(q, k), _by_head(k, k), _by_head(v, k)
    y = np.empty_like(queries)  # (B, Hkv, G, Tq, D)
    lse = np.empty(y.shape[:-1], y.dtype)  # (B, Hkv, G, Tq)
    for rows, seen in _blocks(q, k, causal):
        s = _scores(queries, keys, scale, causal, rows, seen)  # (B, Hkv, G, rows, seen)
        peak = s.max(-1, keepdims=True)
        e = np.exp(s - peak)
        total = e.sum(-1, keepdims=True)
        lse[..., rows] = (peak + np.log(total))[..., 0]
        weights = e / total * _mask(q, k, dropout, key, rows, seen, y.dtype)
        y[..., rows, :] = weights @ values[..., :seen, :]
    return narrow(_by_time(y), q.dtype), lse.reshape(B, H, Tq)


def attention_backward(
    dy: Array, q: Array, k: Array, v: Array, y: Array, lse: Array,
    scale: float, causal: bool, dropout: float, key: int,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """-> dq (B, Tq, H, D), dk, dv (B, Tk, Hkv, D) in q's dtype."""
    queries, keys, values, d = _by_head(q, k), _by_head(k, k), _by_head(v, k), _by_head(dy, k)
    delta = (d * _by_head(y, k)).sum(-1, keepdims=True)  # Σ_j weight dweight, (B, Hkv, G, Tq, 1)
    log_total = widen(lse).reshape(delta.shape)
    dq, dk, dv = np.zeros_like(queries), np.zeros_like(keys), np.zeros_like(values)
    for rows, seen in _blocks(q, k, causal):
        s = _scores(queries, keys, scale, causal, rows, seen)
        p = np.exp(s - log_total[..., rows, :])  # (B, Hkv, G, rows, seen)
        mask = _mask(q, k, dropout, key, rows, seen, p.dtype)
        dp = d[..., rows, :] @ values[..., :seen, :].swapaxes(-1, -2) * mask
        ds = p * (dp - delta[..., rows, :]) * scale
        dq[..., rows, :] = ds @ keys[..., :seen, :]
        # A key head's gradient is the sum over the G query heads that read it.
        dk[..., :seen, :] += _over_group(ds.swapaxes(-1, -2) @ queries[..., rows, :])
        dv[..., :seen, :] += _over_group((p * mask).swapaxes(-1, -2) @ d[..., rows, :])
    return tuple(narrow(_by_time(g), q.dtype) for g in (dq, dk, dv))  # type: ignore[return-value]


def attention_qkv_backward(
    dy: Array, qkv: Array, y: Array, lse: Array,
    scale: float, causal: bool, dropout: float, key: int,
) -> Array:  # fmt: skip
    """Of attention whose q, k and v are one array: dy (B, T, H, D) -> dqkv (B, T, H + 2 Hkv, D)."""
    H, heads = dy.shape[2], qkv.shape[2]
    if heads <= H or (heads - H) % 2:
        raise ValueError(f"attention: qkv {qkv.shape} does not hold {H} heads, keys and values")
    q, k, v = np.split(qkv, (H, (H + heads) // 2), axis=2)  # (B, T, H, D), (B, T, Hkv, D) twice
    d = attention_backward(dy, q, k, v, y, lse, scale, causal, dropout, key)
    return np.concatenate(d, axis=2)


def _check(q: Array, k: Array, v: Array, causal: bool) -> None:
    B, Tq, H, D = q.shape
    Tk, Hkv = k.shape[1:3]
    if k.shape != v.shape or k.shape != (B, Tk, Hkv, D) or Hkv == 0 or H % Hkv:
        raise ValueError(f"attention: q {q.shape}, k {k.shape}, v {v.shape} do not fit together")
    if Tk == 0 or (causal and Tq > Tk):
        raise ValueError(f"attention: {Tq} queries, {Tk} keys: a query would see no key")


def _by_head(x: Array, k: Array) -> Array:  # (B, T, H, D) -> (B, Hkv, G, T, D), G = H / Hkv
    B, T, H, D = x.shape
    Hkv = k.shape[2]
    return np.ascontiguousarray(widen(x).reshape(B, T, Hkv, H // Hkv, D).transpose(0, 2, 3, 1, 4))


def _by_time(x: Array) -> Array:  # (B, Hkv, G, T, D) -> (B, T, H, D)
    B, Hkv, G, T, D = x.shape
    return x.transpose(0, 3, 1, 2, 4).reshape(B, T, Hkv * G, D)


def _blocks(q: Array, k: Array, causal: bool) -> Iterator[tuple[slice, int]]:
    """Slices of queries, each with the number of keys that its last query sees."""
    Tq, Tk = q.shape[1], k.shape[1]
    for start in range(0, Tq, QUERY_BLOCK):
        stop = min(start + QUERY_BLOCK, Tq)
        yield slice(start, stop), stop + Tk - Tq if causal else Tk


def _scores(q: Array, k: Array, scale: float, causal: bool, rows: slice, seen: int) -> Array:
    s: Array = (
        q[..., rows, :] @ k[..., :seen, :].swapaxes(-1, -2) * scale
    )  # (B, Hkv, G, rows, seen)
    if causal:  # the last of these queries sees all `seen` keys, the one before it one fewer
        T = rows.stop - rows.start
        s = np.where(np.tri(T, seen, seen - T, dtype=bool), s, -np.inf)
    return s


def _mask(
    q: Array,
    k: Array,
    dropout: float,
    key: int,
    rows: slice,
    seen: int,
    dtype: np.dtype[np.generic],
) -> Array | float:
    """0 for the dropped weights, 1/(1 - dropout) for the kept ones: (B, Hkv, G, rows, seen)."""
    if dropout == 0:
        return 1.0
    B, Tq, H, _ = q.shape
    Tk, Hkv = k.shape[1:3]
    T = rows.stop - rows.start
    masks = np.empty((B * H, T, seen), dtype)
    for head in range(B * H):
        words = philox(key, T * Tk, start=(head * Tq + rows.start) * Tk).reshape(T, Tk)
        masks[head] = keep_scale(words, dropout)[:, :seen]
    return masks.reshape(B, Hkv, H // Hkv, T, seen)


def _over_group(x: Array) -> Array:  # (B, Hkv, G, T, D) -> (B, Hkv, 1, T, D)
    total: Array = x.sum(2, keepdims=True)
    return total
