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
KEY_BLOCK = 128  # in backward 64


def attention_forward(
    q: Array, k: Array, v: Array, scale: float, causal: bool, dropout: float, key: int,
    window: int = 0, slopes: Array | None = None,
) -> tuple[Array, Array]:  # fmt: skip
    """softmax(scale q kᵀ) v: q (B, Tq, H, D), k, v (B, Tk, Hkv, D) -> y as q, lse (B, H, Tq).

    Query head h reads key head h // (H / Hkv). causal: query i sees keys <= i + Tk - Tq, its own
    place; with a window no more than the last `window` of them; 0: all. slopes (H,): ALiBi
    (arXiv:2108.12409) subtracts slope times the distance from that place. Weight (b, h, i, j) is
    dropped by element ((b H + h) Tq + i) Tk + j of Philox's stream.
    """
    _check(q, k, v, causal)
    sight = _Sight(q, k, causal, window, slopes)
    B, Tq, H, _ = q.shape
    queries, keys, values = _by_head(q, k), _by_head(k, k), _by_head(v, k)
    y = np.empty_like(queries)  # (B, Hkv, G, Tq, D)
    lse = np.empty(y.shape[:-1], y.dtype)  # (B, Hkv, G, Tq)
    for rows, seen in sight.blocks(KEY_BLOCK):
        s = _scores(queries, keys, scale, sight, rows, seen)  # (B, Hkv, G, rows, seen)
        peak = s.max(-1, keepdims=True)
        e = np.exp(s - peak)
        total = e.sum(-1, keepdims=True)
        lse[..., rows] = (peak + np.log(total))[..., 0]
        weights = e / total * _mask(q, k, dropout, key, rows, seen, y.dtype)
        y[..., rows, :] = weights @ values[..., seen, :]
    return narrow(_by_time(y), q.dtype), lse.reshape(B, H, Tq)


def attention_backward(
    dy: Array, q: Array, k: Array, v: Array, y: Array, lse: Array,
    scale: float, causal: bool, dropout: float, key: int,
    window: int = 0, slopes: Array | None = None,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """-> dq (B, Tq, H, D), dk, dv (B, Tk, Hkv, D) in q's dtype."""
    sight = _Sight(q, k, causal, window, slopes)
    queries, keys, values, d = _by_head(q, k), _by_head(k, k), _by_head(v, k), _by_head(dy, k)
    delta = (d * _by_head(y, k)).sum(-1, keepdims=True)  # Σ_j weight dweight, (B, Hkv, G, Tq, 1)
    log_total = widen(lse).reshape(delta.shape)
    dq, dk, dv = np.zeros_like(queries), np.zeros_like(keys), np.zeros_like(values)
    for rows, seen in sight.blocks(QUERY_BLOCK):
        s = _scores(queries, keys, scale, sight, rows, seen)
        p = np.exp(s - log_total[..., rows, :])  # (B, Hkv, G, rows, seen)
        mask = _mask(q, k, dropout, key, rows, seen, p.dtype)
        dp = d[..., rows, :] @ values[..., seen, :].swapaxes(-1, -2) * mask
        ds = p * (dp - delta[..., rows, :]) * scale
        dq[..., rows, :] = ds @ keys[..., seen, :]
        # A key head's gradient is the sum over the G query heads that read it.
        dk[..., seen, :] += _over_group(ds.swapaxes(-1, -2) @ queries[..., rows, :])
        dv[..., seen, :] += _over_group((p * mask).swapaxes(-1, -2) @ d[..., rows, :])
    return tuple(narrow(_by_time(g), q.dtype) for g in (dq, dk, dv))  # type: ignore[return-value]


def attention_qkv_backward(
    dy: Array, qkv: Array, y: Array, lse: Array,
    scale: float, causal: bool, dropout: float, key: int,
    window: int = 0, slopes: Array | None = None,
) -> Array:  # fmt: skip
    """Of attention whose q, k and v are one array: dy (B, T, H, D) -> dqkv (B, T, H + 2 Hkv, D)."""
    H, heads = dy.shape[2], qkv.shape[2]
    if heads <= H or (heads - H) % 2:
        raise ValueError(f"attention: qkv {qkv.shape} does not hold {H} heads, keys and values")
    q, k, v = np.split(qkv, (H, (H + heads) // 2), axis=2)  # (B, T, H, D), (B, T, Hkv, D) twice
    d = attention_backward(dy, q, k, v, y, lse, scale, causal, dropout, key, window, slopes)
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


class _Sight:
    """Which keys the queries see, and what their distance costs."""

    def __init__(self, q: Array, k: Array, causal: bool, window: int, slopes: Array | None) -> None:
        if window < 0 or ((window or slopes is not None) and not causal):
            raise ValueError(f"attention: window {window}, causal {causal}; neither fits the other")
        if slopes is not None and slopes.shape != q.shape[2:3]:
            raise ValueError(f"attention: {q.shape[2]} heads, slopes {slopes.shape}")
        self.Tq, self.Tk, self.Hkv = q.shape[1], k.shape[1], k.shape[2]
        self.causal, self.window, self.slopes = causal, window, slopes

    def blocks(self, keys: int) -> Iterator[tuple[slice, slice]]:
        """Slices of queries, each with the keys that some of these queries see.

        They begin at a multiple of `keys`, as in the native twin. Hidden ones among them get the
        weight 0, which makes a NaN of theirs count.
        """
        ahead = self.Tk - self.Tq
        for start in range(0, self.Tq, QUERY_BLOCK):
            stop = min(start + QUERY_BLOCK, self.Tq)
            first = max(start + ahead + 1 - self.window, 0) if self.window else 0
            first = first // keys * keys
            yield slice(start, stop), slice(first, stop + ahead if self.causal else self.Tk)

    def distance(self, rows: slice, seen: slice) -> Array:
        """From each query's place back to each key, (rows, seen); negative ahead of it."""
        places = np.arange(rows.start, rows.stop) + self.Tk - self.Tq
        back: Array = places[:, None] - np.arange(seen.start, seen.stop)
        return back


def _scores(q: Array, k: Array, scale: float, sight: _Sight, rows: slice, seen: slice) -> Array:
    s: Array = q[..., rows, :] @ k[..., seen, :].swapaxes(-1, -2) * scale
    if sight.causal:  # s is (B, Hkv, G, rows, seen)
        distance = sight.distance(rows, seen)
        if sight.slopes is not None:
            slopes = widen(sight.slopes).astype(s.dtype).reshape(sight.Hkv, -1, 1, 1)
            s = s - slopes * distance.astype(s.dtype)
        hidden = distance < 0
        if sight.window:
            hidden |= distance >= sight.window
        s = np.where(hidden, -np.inf, s)
    return s


def _mask(
    q: Array,
    k: Array,
    dropout: float,
    key: int,
    rows: slice,
    seen: slice,
    dtype: np.dtype[np.generic],
) -> Array | float:
    """0 for the dropped weights, 1/(1 - dropout) for the kept ones: (B, Hkv, G, rows, seen)."""
    if dropout == 0:
        return 1.0
    B, Tq, H, _ = q.shape
    Tk, Hkv = k.shape[1:3]
    T = rows.stop - rows.start
    masks = np.empty((B * H, T, seen.stop - seen.start), dtype)
    for head in range(B * H):
        words = philox(key, T * Tk, start=(head * Tq + rows.start) * Tk).reshape(T, Tk)
        masks[head] = keep_scale(words, dropout)[:, seen]
    return masks.reshape(B, Hkv, H // Hkv, T, -1)


def _over_group(x: Array) -> Array:  # (B, Hkv, G, T, D) -> (B, Hkv, 1, T, D)
    total: Array = x.sum(2, keepdims=True)
    return total
