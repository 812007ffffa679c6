"""The operations that a network is made of, as in ops.py: each with its gradient, side by side.

Shapes: B batch, T time, C width, H heads, D head size, V vocabulary, N rows.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from weft.autograd.engine import adding
from weft.autograd.mode import compute_dtype
from weft.autograd.ops import Array, Result, cast_array, in_compute_dtype
from weft.kernels import active


def linear(
    x: Array, w: Array, b: Array | None, residual: Array | None, p: float, key: int
) -> Result:
    """y = residual + dropout(x Wᵀ + b): (..., K), (M, K), (M), (..., M) -> (..., M)."""
    rows = in_compute_dtype(x).reshape(-1, x.shape[-1])  # (N, K)
    y = active.linear_forward(rows, w, b, flat_rows(residual), p, key)

    def backward(dy: Array) -> tuple[Array | None, ...]:
        d = before_dropout(dy.reshape(y.shape), p, key, rows.dtype)
        dx, dw, db = active.linear_backward(d, rows, w, b is not None)
        return cast_array(dx.reshape(x.shape), x.dtype), dw, db, dy

    return y.reshape(*x.shape[:-1], w.shape[0]), backward


def feed_forward(
    x: Array,
    up: Array,
    up_bias: Array | None,
    down: Array,
    down_bias: Array | None,
    residual: Array | None,
    activation: str,
    p: float,
    key: int,
) -> Result:
    """residual + dropout(down(f(up(x)))): (..., C), (M, C), (M), (C, M), (C), (..., C)."""
    rows = in_compute_dtype(x).reshape(-1, x.shape[-1])  # (N, C)
    slope, inner = active.linear_activation_forward(rows, up, up_bias, activation)  # (N, M)
    y = active.linear_forward(inner, down, down_bias, flat_rows(residual), p, key)

    def backward(dy: Array) -> tuple[Array | None, ...]:
        d = before_dropout(dy.reshape(y.shape), p, key, rows.dtype)
        has_bias = down_bias is not None
        dpre, ddown, ddown_bias = active.linear_scaled_backward(d, inner, down, has_bias, slope)
        dx, dup, dup_bias = active.linear_backward(dpre, rows, up, up_bias is not None)
        return cast_array(dx.reshape(x.shape), x.dtype), dup, dup_bias, ddown, ddown_bias, dy

    return y.reshape(*x.shape[:-1], down.shape[0]), backward


def gated_feed_forward(
    x: Array,
    gate: Array,
    gate_bias: Array | None,
    up: Array,
    up_bias: Array | None,
    down: Array,
    down_bias: Array | None,
    residual: Array | None,
    p: float,
    key: int,
) -> Result:
    """residual + dropout(down(silu(gate(x)) · up(x))): shapes as in feed_forward."""
    rows = in_compute_dtype(x).reshape(-1, x.shape[-1])  # (N, C)
    g = active.linear_forward(rows, gate, gate_bias)  # (N, M)
    u, inner = active.linear_swiglu_forward(rows, up, up_bias, g)
    y = active.linear_forward(inner, down, down_bias, flat_rows(residual), p, key)

    def backward(dy: Array) -> tuple[Array | None, ...]:
        d = before_dropout(dy.reshape(y.shape), p, key, rows.dtype)
        dg, du, ddown, ddown_bias = active.linear_swiglu_backward(
            d, inner, down, down_bias is not None, g, u
        )
        dx, dgate, dgate_bias = active.linear_backward(dg, rows, gate, gate_bias is not None)
        more, dup, dup_bias = active.linear_backward(du, rows, up, up_bias is not None)
        dx = cast_array(active.add(dx, more).reshape(x.shape), x.dtype)
        return dx, dgate, dgate_bias, dup, dup_bias, ddown, ddown_bias, dy

    return y.reshape(*x.shape[:-1], down.shape[0]), backward


def flat_rows(x: Array | None) -> Array | None:
    return None if x is None else x.reshape(-1, x.shape[-1])


def before_dropout(dy: Array, p: float, key: int, dtype: Any) -> Array:
    """The gradient of what was dropped out, in the precision in which it goes on."""
    return active.dropout_backward(dy, p, key, dtype) if p > 0 else cast_array(dy, dtype)


def norm_dtype(x: Array) -> Any:
    """A norm feeds a matrix product, so it writes the precision in which that is computed."""
    dtype = compute_dtype()
    return x.dtype if dtype is None or x.dtype == np.float64 else dtype


def layer_norm(x: Array, w: Array | None, b: Array | None, eps: float) -> Result:
    """(x − mean) / √(var + eps) · w + b over the last axis (Ba et al., arXiv:1607.06450)."""
    y, mean, rstd = active.layer_norm_forward(x, w, b, eps, norm_dtype(x))

    @adding
    def backward(dy: Array, before: Array | None = None) -> Any:
        return active.layer_norm_backward(dy, x, w, mean, rstd, b is not None, before)

    return y, backward


def rms_norm(x: Array, w: Array | None, eps: float) -> Result:
    """x / √(mean(x²) + eps) · w over the last axis (Zhang & Sennrich, arXiv:1910.07467)."""
    y, rstd = active.rms_norm_forward(x, w, eps, norm_dtype(x))

    @adding
    def backward(dy: Array, before: Array | None = None) -> Any:
        return active.rms_norm_backward(dy, x, w, rstd, before)

    return y, backward


def rotary(x: Array, cos: Array, sin: Array) -> Result:
    """Turn each pair (i, i + D/2) by its position's angle (RoFormer, arXiv:2104.09864)."""
    y = active.rotary_forward(x, cos, sin)  # (B, T, H, D)
    return y, lambda dy: (active.rotary_backward(dy, cos, sin), None, None)


def rotary_qkv(
    qkv: Array, wq: Array | None, wk: Array | None, cos: Array, sin: Array, heads: int, eps: float
) -> Result:
    """`rotary` of the queries and keys in one array (B, T, H + 2 Hkv, D), H being `heads`.

    With weights wq and wk (D,) each head goes through `rms_norm` before, as Qwen3 has it.
    """
    QKV = in_compute_dtype(qkv)
    y, rstd = active.rotary_qkv_forward(QKV, heads, wq, wk, eps, cos, sin)
    kept = None if rstd is None else QKV  # turning back needs no more than dy

    def backward(dy: Array) -> tuple[Array | None, ...]:
        x = dy if kept is None else kept
        d, dwq, dwk = active.rotary_qkv_backward(dy, x, heads, wq, wk, rstd, cos, sin)
        return cast_array(d, qkv.dtype), dwq, dwk, None, None

    return y, backward


def sight(window: int, slopes: Array | None) -> tuple[Any, ...]:
    """The arguments of attention that say what a query does not see; none where it sees all."""
    return (window, slopes) if window or slopes is not None else ()


def attention(
    q: Array, k: Array, v: Array, scale: float | None, causal: bool, p: float, key: int,
    window: int = 0, slopes: Array | None = None,
) -> Result:  # fmt: skip
    """softmax(q kᵀ · scale) v per head, without the T×T matrix (FlashAttention, arXiv:2205.14135).

    q (B, Tq, H, D), k and v (B, Tk, Hkv, D) -> (B, Tq, H, D); `causal` lets query i see the keys
    up to i + Tk − Tq, with a `window` only the last so many of them; `slopes` (H,) are ALiBi's,
    arXiv:2108.12409. `p` is the dropout of the weights, `key` its random key.
    """
    Q, K, V = (in_compute_dtype(t) for t in (q, k, v))
    scale = 1.0 / math.sqrt(q.shape[-1]) if scale is None else scale
    how = (scale, causal, p, key, *sight(window, slopes))
    y, lse = active.attention_forward(Q, K, V, *how)

    def backward(dy: Array) -> tuple[Array, ...]:
        d = active.attention_backward(dy, Q, K, V, y, lse, *how)
        return tuple(cast_array(dt, t.dtype) for dt, t in zip(d, (q, k, v), strict=True))

    return y, backward


def attention_qkv(
    qkv: Array, heads: int, scale: float | None, causal: bool, p: float, key: int,
    window: int = 0, slopes: Array | None = None,
) -> Result:  # fmt: skip
    """`attention` of q, k and v in one array (B, T, H + 2 Hkv, D), `heads` being H -> (B, T, H, D).

    Backward writes the gradients of all three into one array: nothing is put together afterwards.
    """
    QKV = in_compute_dtype(qkv)
    scale = 1.0 / math.sqrt(qkv.shape[-1]) if scale is None else scale
    split = (heads + QKV.shape[2]) // 2  # where the keys end
    q, k, v = QKV[:, :, :heads], QKV[:, :, heads:split], QKV[:, :, split:]
    how = (scale, causal, p, key, *sight(window, slopes))
    y, lse = active.attention_forward(q, k, v, *how)

    def backward(dy: Array) -> Array:
        d = active.attention_qkv_backward(dy, QKV, y, lse, *how)
        return cast_array(d, qkv.dtype)

    return y, backward


def embedding(w: Array, ids: Array) -> Result:
    """Rows of `w` (V, C) picked by `ids` (...) -> (..., C)."""
    y = active.embedding_forward(w, ids)
    return y, lambda dy: (active.embedding_backward(dy, ids, w.shape[0]), None)


def cross_entropy(logits: Array, targets: Array, ignore_index: int) -> Result:
    """−log softmax(logits)[target] of each row: (N, V), (N) -> (N); 0 where target is ignored."""
    losses, lse = active.cross_entropy_forward(logits, targets, ignore_index)

    def backward(dy: Array) -> tuple[Array, None]:
        return active.cross_entropy_backward(dy, logits, targets, lse, ignore_index), None

    return losses, backward


def linear_cross_entropy(
    x: Array, w: Array, targets: Array, ignore_index: int, count: int
) -> Result:
    """Σ losses / count of the logits x Wᵀ: (N, K), (V, K), (N) -> (); both gradients at once."""
    rows = in_compute_dtype(x)
    scale = 1.0 / count
    losses, *gradients = active.linear_cross_entropy(rows, w, targets, ignore_index, scale)

    def backward(dy: Array) -> tuple[Array | None, ...]:
        nonlocal gradients
        if not gradients:  # given away by an earlier pass, with retain_graph
            _, *gradients = active.linear_cross_entropy(rows, w, targets, ignore_index, scale)
        (dx, dw), gradients = gradients, []
        if dy != 1:
            return cast_array(dx, x.dtype) * dy, dw * dy, None
        return cast_array(dx, x.dtype), dw, None

    return np.asarray(losses.sum() * losses.dtype.type(scale)), backward
