"""How far a kernel may be from the exact result, per element, in units of u = 2^-24.

u is the largest relative error of one float32 operation. A sum of K terms is off by at most K u of
the sum of magnitudes, in whatever order it is taken (Higham, Accuracy and Stability of Numerical
Algorithms, 2002, section 4.2). exp, tanh and log are taken to be within 4 u. Each function gets the
arguments of its kernel in float64 and returns one bound per result; the rounding of a result to
its own dtype is added by the caller. Names as in reference/: where a formula looks
unfamiliar, it is that of the kernel with magnitudes for values.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from weft.kernels import reference

Array = Any
FUNCTION = 4.0  # exp, tanh, log


def none(*args: Any) -> Array:
    """An exact kernel: it moves numbers, or its only rounding is that of the result."""
    return 0.0


def rounded(count: float, kernel: str) -> Any:
    """`count` roundings, each relative to the result."""
    return lambda *args: count * np.abs(getattr(reference, kernel)(*args))


# ---- products -----------------------------------------------------------------------------------


def matmul(a: Array, b: Array, transpose_a: bool = False, transpose_b: bool = False) -> Array:
    length = a.shape[-2] if transpose_a else a.shape[-1]
    return (length + 2) * reference.matmul(np.abs(a), np.abs(b), transpose_a, transpose_b)


def linear_forward(
    x: Array, w: Array, b: Array | None, residual: Array | None = None, p: float = 0, key: int = 0
) -> Array:
    magnitude = np.abs(x) @ np.abs(w).T
    error = (x.shape[1] + 3) * (magnitude if b is None else magnitude + np.abs(b)) / (1 - p)
    if p > 0:
        error = 2 * error
    return error if residual is None else 2 * error + np.abs(residual)


STEEPEST, CURVED = 1.13, 0.8  # GELU's slope and its slope's slope, at most


def linear_activation_forward(x: Array, w: Array, b: Array | None, activation: str) -> Any:
    error = linear_forward(x, w, b)
    pre = x @ w.T + (0 if b is None else b)
    if activation == "relu":  # the slope of what may have another sign is anything
        return np.where(np.abs(pre) <= 2.0**-24 * error, 2.0**24, 0.0), error
    if activation == "relu2":
        slope = 2 * np.maximum(pre, 0)
        return 2 * error, slope * error + 2.0**-24 * error**2 + np.maximum(pre, 0) ** 2
    tanh, ones = activation == "gelu_tanh", np.ones_like(pre)
    slope = CURVED * error + gelu_backward(ones, pre, tanh)
    return slope, STEEPEST * error + gelu_forward(pre, tanh)


def linear_swiglu_forward(x: Array, w: Array, b: Array | None, gate: Array) -> tuple[Array, Array]:
    error = linear_forward(x, w, b)
    _, y = reference.linear_swiglu_forward(x, w, b, gate)
    return error, np.abs(reference.silu_forward(gate)) * error + 9 * np.abs(y)


def linear_swiglu_backward(
    dy: Array, x: Array, w: Array, bias: bool, gate: Array, up: Array
) -> tuple[Array, ...]:
    error, dw, db = linear_backward(dy, x, w, bias)
    steep = np.abs(reference.silu_backward(np.ones_like(gate), gate))
    dgate, dup = swiglu_backward(dy @ w, gate, up)
    return (
        error * np.abs(up) * steep + dgate,
        error * np.abs(reference.silu_forward(gate)) + dup,
        dw,
        db,
    )


def linear_backward(dy: Array, x: Array, w: Array, bias: bool) -> tuple[Array, ...]:
    (N, M), d = dy.shape, np.abs(dy)
    return (M + 2) * (d @ np.abs(w)), (N + 2) * (d.T @ np.abs(x)), (N + 2) * d.sum(0)


def linear_scaled_backward(
    dy: Array, x: Array, w: Array, bias: bool, slope: Array
) -> tuple[Array, ...]:
    dx, dw, db = linear_backward(dy, x, w, bias)
    return (dx + np.abs(dy @ w)) * np.abs(slope), dw, db


def linear_cross_entropy(
    x: Array, w: Array, targets: Array, ignored: int, scale: float, rounding: float = 0
) -> tuple[Array, ...]:
    """`rounding`: of logits and of their gradients, relative, in units of u."""
    U = 2.0**-24
    logits = x @ w.T
    wrong = linear_forward(x, w, None) + rounding * np.abs(logits)  # of a logit
    _, lse = reference.cross_entropy_forward(logits, targets, ignored)
    p = np.exp(logits - lse[:, None])
    wrong_lse = np.log((p * np.exp(U * wrong)).sum(-1, keepdims=True)) / U
    factor = np.expm1(U * (wrong + wrong_lse)) / U  # by which a probability is off
    rows = np.where(targets == ignored, 0, targets)[:, None]
    kept = np.where(targets == ignored, 0, scale)
    p *= kept[:, None]
    d = reference.cross_entropy_backward(kept, logits, targets, lse, ignored)
    base = cross_entropy_backward(kept, logits, targets, lse, ignored)
    error = p * factor + base + rounding * (np.abs(d) + U * p * factor)
    dx, dw, _ = linear_backward(d, x, w, False)
    return (
        cross_entropy_forward(logits, targets, ignored)[0]
        + wrong_lse[:, 0]
        + np.where(targets == ignored, 0, np.take_along_axis(wrong, rows, 1)[:, 0]),
        dx + error @ np.abs(w),
        dw + error.T @ np.abs(x),
    )


def narrow_linear_cross_entropy(*args: Any) -> tuple[Array, ...]:
    """With logits and their gradients rounded to bfloat16: 2^-8 in units of 2^-24."""
    return linear_cross_entropy(*args, rounding=2.0**16)


# ---- activations --------------------------------------------------------------------------------


def sigmoid_forward(x: Array) -> Array:
    return (FUNCTION + 2) * reference.sigmoid_forward(x)


def sigmoid_backward(dy: Array, y: Array) -> Array:
    return 4 * np.abs(dy) * y * np.abs(1 - y)


def tanh_backward(dy: Array, y: Array) -> Array:
    return np.abs(dy) * (y * y + 3 * np.abs(1 - y * y))


def silu_slope(x: Array) -> Array:
    s = reference.sigmoid_forward(x)
    cdf = (FUNCTION + 2) * s
    return cdf * (1 + np.abs(x) * (1 - s)) + s * np.abs(x) * (cdf + 2 * (1 - s)) + 3 * s


def silu_backward(dy: Array, x: Array) -> Array:
    return np.abs(dy) * (silu_slope(x) + np.abs(reference.silu_backward(np.ones_like(x), x)))


def swiglu_backward(dy: Array, gate: Array, up: Array) -> tuple[Array, Array]:
    return silu_backward(dy * up, gate) + rounded(2, "silu_backward")(dy * up, gate), (
        FUNCTION + 5
    ) * np.abs(dy * reference.silu_forward(gate))


def cdf(x: Array, tanh: bool) -> tuple[Array, Array]:
    """Of GELU: the distribution function and its bound."""
    if tanh:
        z = 2 * 0.7978845608 * (x + 0.044715 * x**3)  # six roundings, all of one sign
        s = reference.sigmoid_forward(z)
        return s, s * (FUNCTION + 3 + 6 * np.abs(z) * (1 - s))
    s = reference.gelu_forward(np.where(x == 0, 1, x), False) / np.where(x == 0, 1, x)
    tail = np.minimum(s, 1 - s)  # e^(-z²/2): z² roundings; the polynomial: 16, 3 of them its own
    return s, tail * (16 + 2 * x * x) + s


def gelu_forward(x: Array, tanh: bool) -> Array:
    s, error = cdf(x, tanh)
    return np.abs(x) * (error + s)


def gelu_backward(dy: Array, x: Array, tanh: bool) -> Array:
    s, error = cdf(x, tanh)
    if tanh:
        inner = 2 * 0.7978845608 * (1 + 3 * 0.044715 * x * x)
        density = inner * s * (1 - s)
        density_error = inner * (error * (1 - s) + s * (error + 1 - s)) + 6 * density
    else:
        density = np.exp(-x * x / 2) * 0.3989422804
        density_error = density * (FUNCTION + 3 + 2 * x * x)
    total = s + np.abs(x) * density
    return np.abs(dy) * (error + np.abs(x) * density_error + 3 * total)


# ---- rows ---------------------------------------------------------------------------------------


def _spread(x: Array) -> tuple[Array, Array, Array]:
    """Of softmax: the probabilities, |x - max|, and the bound of the sum, relative."""
    p = reference.softmax_forward(x)
    distance = np.abs(x - x.max(-1, keepdims=True, initial=-np.inf))
    known = np.where(np.isfinite(distance), distance, 0)
    return p, known, x.shape[-1] + FUNCTION + 2 + (p * known).sum(-1, keepdims=True)


def softmax_forward(x: Array) -> Array:
    p, distance, total = _spread(x)
    return p * (total + distance + FUNCTION + 3)


def softmax_backward(dy: Array, y: Array) -> Array:
    p, magnitude = np.abs(y), np.abs(dy * y).sum(-1, keepdims=True)
    return p * ((y.shape[-1] + 2) * magnitude + 3 * (np.abs(dy) + magnitude))


def log_softmax_forward(x: Array) -> Array:
    _, distance, total = _spread(x)
    return 2 * distance + total + 2 * FUNCTION * np.log(x.shape[-1] + 1)


def log_softmax_backward(dy: Array, y: Array) -> Array:
    total = np.abs(dy).sum(-1, keepdims=True)
    return np.exp(y) * (y.shape[-1] + FUNCTION + 3) * total + np.abs(dy)


def layer_norm_forward(
    x: Array, w: Array | None, b: Array | None, eps: float, dtype: Any
) -> tuple[Array, Array, Array]:
    C = x.shape[-1]
    _, mean, rstd = reference.layer_norm_forward(x, None, None, eps, dtype)
    rows = x.reshape(-1, C)
    mean_error = (C + 1) * np.abs(rows).mean(-1, keepdims=True)
    centred = np.abs(rows - mean)
    # The variance: C + 3 roundings, and what the mean's error adds where rows are nearly constant.
    shift = 2 * mean_error * centred.mean(-1, keepdims=True) * rstd**2
    rstd_error = rstd * ((C + 5 + shift) / 2 + FUNCTION)
    scale = 1 if w is None else np.abs(w)
    y = centred * rstd_error + rstd * (mean_error + 3 * centred)
    error = y * scale + (0 if b is None else np.abs(b)) + centred * rstd * scale
    return error.reshape(x.shape), mean_error, rstd_error


def rms_norm_forward(x: Array, w: Array | None, eps: float, dtype: Any) -> tuple[Array, Array]:
    C = x.shape[-1]
    y, rstd = reference.rms_norm_forward(x, w, eps, dtype)
    relative = (C + 5) / 2 + FUNCTION
    return (relative + 3) * np.abs(y), relative * rstd


def _norm_backward(
    dy: Array, x: Array, w: Array | None, mean: Array, rstd: Array, before: Any
) -> Any:
    C = x.shape[-1]
    d, rows = np.abs(dy).reshape(-1, C), x.reshape(-1, C)
    n = rstd * (np.abs(rows - mean) + np.abs(mean) / C)  # cancellation in x - mean is x's own
    dn = d if w is None else d * np.abs(w)
    along = dn.mean(-1, keepdims=True) + n * (dn * n).mean(-1, keepdims=True)
    dx = rstd * (6 * dn + (C + 12) * along)
    N = len(rows)
    dx = dx.reshape(x.shape)
    if before is not None:  # one more rounding, of the sum
        dx = dx + np.abs(before) + dx / 6
    return dx, (N + 4) * (d * n).sum(0), (N + 2) * d.sum(0)


def layer_norm_backward(
    dy: Array, x: Array, w: Array | None, mean: Array, rstd: Array, bias: bool, before: Any = None
) -> tuple[Array, ...]:
    return _norm_backward(dy, x, w, mean, rstd, before)


def rms_norm_backward(
    dy: Array, x: Array, w: Array | None, rstd: Array, before: Any = None
) -> tuple[Array, ...]:
    return _norm_backward(dy, x, w, np.zeros_like(rstd), rstd, before)[:2]


def rotary(x: Array, cos: Array, sin: Array) -> Array:
    a, b = np.split(np.abs(x), 2, axis=-1)
    c, s = np.abs(cos)[:, None, :], np.abs(sin)[:, None, :]
    return 2 * np.concatenate([a * c + b * s, b * c + a * s], axis=-1)


def rotary_qkv_forward(
    qkv: Array, heads: int, wq: Any, wk: Any, eps: float, cos: Array, sin: Array
) -> tuple[Array, ...]:
    turned, D = (heads + qkv.shape[2]) // 2, qkv.shape[3]
    x, values = np.abs(qkv[:, :, :turned]), np.zeros_like(qkv[:, :, turned:])
    _, rstd = reference.rotary_qkv_forward(qkv, heads, wq, wk, eps, cos, sin)
    if rstd is None:
        return np.concatenate([rotary(x, cos, sin), values], axis=2), None
    relative = (D + 5) / 2 + FUNCTION  # as in rms_norm_forward
    n = x * rstd[..., None] * np.abs(head_weights(wq, wk, heads, turned))
    # Half of rotary's bound is the sum of magnitudes that is turned.
    error = (1 + (relative + 3) / 2) * rotary(n, cos, sin)
    return np.concatenate([error, values], axis=2), relative * rstd


def head_weights(wq: Array, wk: Array, heads: int, turned: int) -> Array:  # (H + Hkv, D)
    return np.stack([wq] * heads + [wk] * (turned - heads))


def rotary_qkv_backward(
    dy: Array, qkv: Array, heads: int, wq: Any, wk: Any, rstd: Any, cos: Array, sin: Array
) -> tuple[Array, ...]:
    turned, D = (heads + qkv.shape[2]) // 2, qkv.shape[3]
    d = rotary(np.abs(dy[:, :, :turned]), cos, sin)  # the error of dy turned back; d / 2 bounds it
    values = np.zeros_like(dy[:, :, turned:])
    if rstd is None:
        return np.concatenate([d, values], axis=2), None, None
    n = np.abs(qkv[:, :, :turned]) * rstd[..., None]
    dn = d / 2 * np.abs(head_weights(wq, wk, heads, turned))
    along = n * (dn * n).mean(-1, keepdims=True)
    dx = rstd[..., None] * (8 * dn + (D + 14) * along)  # as _norm_backward, of what is 2 u off
    sums, rows = (d / 2 * n).sum((0, 1)), qkv.shape[0] * qkv.shape[1] * turned
    dwq, dwk = ((rows + 6) * part.sum(0) for part in (sums[:heads], sums[heads:]))
    return np.concatenate([dx, values], axis=2), dwq, dwk


# ---- attention ----------------------------------------------------------------------------------


def _attention(
    q: Array, k: Array, scale: float, causal: bool, window: int = 0, slopes: Array | None = None
) -> tuple[Array, Array]:
    """Scores and the bound of one: (B, H, Tq, Tk). A hidden score is -inf, its bound 0."""
    (_, Tq, H, D), (Tk, Hkv) = q.shape, k.shape[1:3]
    queries = q.transpose(0, 2, 1, 3)  # (B, H, Tq, D)
    keys = np.repeat(k, H // Hkv, axis=2).transpose(0, 2, 3, 1)  # (B, H, D, Tk)
    s = queries @ keys * scale
    error = (np.abs(queries) @ np.abs(keys)) * scale * (D + 3)
    if causal:
        distance = np.arange(Tk - Tq, Tk)[:, None] - np.arange(Tk)
        seen = (distance >= 0) & (distance < (window or Tk))
        if slopes is not None:
            bias = slopes[:, None, None] * distance
            s, error = s - bias, error + np.abs(s) + 3 * np.abs(bias)  # a product, and a sum
        s, error = np.where(seen, s, -np.inf), np.where(seen, error, 0)
    return s, error


def _heads(x: Array, H: int) -> Array:  # (B, T, Hkv, D) -> (B, H, T, D)
    return np.repeat(x, H // max(x.shape[2], 1), axis=2).transpose(0, 2, 1, 3)


NARROW = 2.0**16  # rounding to bfloat16: 2^-8, in units of 2^-24


def attention_forward(
    q: Array, k: Array, v: Array, scale: float, causal: bool, dropout: float, key: int, *sight: Any
) -> tuple[Array, Array]:
    H, Tk = q.shape[2], k.shape[1]
    s, error = _attention(q, k, scale, causal, *sight)
    p = reference.softmax_forward(s)
    worst = error.max(-1, keepdims=True)  # (B, H, Tq, 1)
    distance = np.where(np.isfinite(s), np.abs(s - s.max(-1, keepdims=True)), 0)
    relative = 2 * worst + 2 * distance + Tk + 12
    y = (p * relative) @ np.abs(_heads(v, H)) / (1 - dropout) + Tk * (
        p @ np.abs(_heads(v, H)) / (1 - dropout)
    )
    lse = worst[..., 0] + Tk + 12 + 2 * FUNCTION * np.log(Tk + 1)
    _, exact_lse = reference.attention_forward(q, k, v, scale, causal, 0.0, 0, *sight)
    return y.transpose(0, 2, 1, 3), lse + 2 * np.abs(exact_lse)


def attention_backward(
    dy: Array, q: Array, k: Array, v: Array, y: Array, lse: Array,
    scale: float, causal: bool, dropout: float, key: int, *sight: Any,
) -> tuple[Array, Array, Array]:  # fmt: skip
    (B, Tq, H, D), (Tk, Hkv) = q.shape, k.shape[1:3]
    s, error = _attention(q, k, scale, causal, *sight)
    p = np.exp(s - lse[..., None])
    known = np.where(np.isfinite(s), np.abs(s), 0)
    p_error = p * (error + known + 2 * np.abs(lse)[..., None] + FUNCTION + 4)
    d, values = np.abs(dy).transpose(0, 2, 1, 3), np.abs(_heads(v, H))
    dp = d @ values.swapaxes(-1, -2) / (1 - dropout)  # (B, H, Tq, Tk)
    delta = (d * np.abs(_heads(y, H))).sum(-1, keepdims=True)
    ds = p * (dp + delta)
    ds_error = scale * ((p_error + 2 * p) * (dp + delta) + p * (D + 4) * (dp + delta))
    ds = scale * ds
    weights, weights_error = p / (1 - dropout), (p_error + 2 * p) / (1 - dropout)
    queries, keys = np.abs(q).transpose(0, 2, 1, 3), np.abs(_heads(k, H))
    dq = (ds_error + (Tk + 2) * ds) @ keys
    dk = (ds_error + (Tq * H // Hkv + 2) * ds).swapaxes(-1, -2) @ queries
    dv = (weights_error + (Tq * H // Hkv + 2) * weights).swapaxes(-1, -2) @ d
    dk, dv = (g.reshape(B, Hkv, H // Hkv, Tk, D).sum(2) for g in (dk, dv))
    return tuple(g.transpose(0, 2, 1, 3) for g in (dq, dk, dv))


def narrow_attention_forward(
    q: Array, k: Array, v: Array, scale: float, causal: bool, dropout: float, key: int, *sight: Any
) -> tuple[Array, Array]:
    """A kernel may round the weights before they are multiplied with v."""
    y, lse = attention_forward(q, k, v, scale, causal, dropout, key, *sight)
    p = reference.softmax_forward(_attention(q, k, scale, causal, *sight)[0])
    weighted = (p / (1 - dropout)) @ np.abs(_heads(v, q.shape[2]))
    return y + NARROW * weighted.transpose(0, 2, 1, 3), lse


def narrow_attention_backward(
    dy: Array, q: Array, k: Array, v: Array, y: Array, lse: Array,
    scale: float, causal: bool, dropout: float, key: int, *sight: Any,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """A kernel may round the weights and their scores' gradients before the last three products."""
    (B, _, H, D), (Tk, Hkv) = q.shape, k.shape[1:3]
    bounds = attention_backward(dy, q, k, v, y, lse, scale, causal, dropout, key, *sight)
    p = np.exp(_attention(q, k, scale, causal, *sight)[0] - lse[..., None])  # (B, H, Tq, Tk)
    d, values = dy.transpose(0, 2, 1, 3), _heads(v, H)
    delta = (d * _heads(y, H)).sum(-1, keepdims=True)
    dp = d @ values.swapaxes(-1, -2)
    # Where a weight is dropped its gradient is -delta, else the other one.
    ds = scale * p * np.maximum(np.abs(delta), np.abs(dp / (1 - dropout) - delta))
    dq = ds @ np.abs(_heads(k, H))
    dk = ds.swapaxes(-1, -2) @ np.abs(q).transpose(0, 2, 1, 3)
    dv = (p / (1 - dropout)).swapaxes(-1, -2) @ np.abs(d)
    dk, dv = (g.reshape(B, Hkv, H // Hkv, Tk, D).sum(2) for g in (dk, dv))
    rounded = (NARROW * g.transpose(0, 2, 1, 3) for g in (dq, dk, dv))
    return tuple(a + b for a, b in zip(bounds, rounded, strict=True))


def attention_qkv_backward(dy: Array, qkv: Array, *rest: Any) -> Array:
    H, heads = dy.shape[2], qkv.shape[2]
    parts = np.split(qkv, (H, (H + heads) // 2), axis=2)
    return np.concatenate(attention_backward(dy, *parts, *rest), axis=2)


def narrow_attention_qkv_backward(dy: Array, qkv: Array, *rest: Any) -> Array:
    H, heads = dy.shape[2], qkv.shape[2]
    parts = np.split(qkv, (H, (H + heads) // 2), axis=2)
    return np.concatenate(narrow_attention_backward(dy, *parts, *rest), axis=2)


# ---- tokens -------------------------------------------------------------------------------------


def embedding_backward(dy: Array, ids: Array, V: int) -> Array:
    return (ids.size + 1) * reference.embedding_backward(np.abs(dy), ids, V)


def cross_entropy_forward(logits: Array, targets: Array, ignore_index: int) -> tuple[Array, Array]:
    _, distance, total = _spread(logits)
    log_total = total[:, 0] + 2 * FUNCTION * np.log(logits.shape[1] + 1)
    return log_total + 2 * distance.max(-1, initial=0), log_total + np.abs(logits).max(
        -1, initial=0
    )


def cross_entropy_backward(
    dlosses: Array, logits: Array, targets: Array, lse: Array, ignore_index: int
) -> Array:
    p = np.exp(logits - lse[:, None])
    relative = np.abs(logits) + np.abs(lse)[:, None] + FUNCTION + 2
    dlogits = np.abs(dlosses)[:, None] * (p * relative)
    rows = np.flatnonzero(targets != ignore_index)
    dlogits[rows, targets[rows]] += 2 * np.abs(dlosses[rows])
    return dlogits


# ---- optimizers ---------------------------------------------------------------------------------


def adam_step(
    p: Array, g: Array, m: Array, v: Array, steps: Array,
    scale: float, lr: float, beta1: float, beta2: float, eps: float, weight_decay: float,
    decoupled: bool,
) -> tuple[Array, ...]:  # fmt: skip
    """The first row and the others are two arrays, each with its own step."""
    penalty = 0 if decoupled else weight_decay
    grad = np.abs(scale * g) + penalty * np.abs(p)
    m_error = 7 * (np.abs(m) + (1 - beta1) * grad)  # roundings of scale and scale * g too
    second = beta2 * v + (1 - beta2) * grad**2
    new_p, new_m, new_v, new_steps = (x.copy() for x in (p, m, v, steps))
    lists = ([x[:1], x[1:]] for x in (new_p, g, new_m, new_v, new_steps))
    reference.adam_step(*lists, scale, lr, beta1, beta2, eps, weight_decay, decoupled)
    count = new_steps[np.minimum(np.arange(len(p)), 1)][:, None]  # of each row
    root = np.sqrt(new_v / (1 - beta2**count)) + eps
    rate = lr / (1 - beta1**count)
    update = rate * (m_error + np.abs(new_m) * (9 * second / np.maximum(new_v, 1e-30) + 6)) / root
    return 4 * np.abs(p) + update, m_error, 10 * second, 0 * steps


def sgd_step(
    p: Array, g: Array, buf: Array | None,
    scale: float, lr: float, momentum: float, dampening: float, weight_decay: float,
    nesterov: bool, first: bool,
) -> tuple[Array, ...]:  # fmt: skip
    grad = np.abs(scale * g) + weight_decay * np.abs(p)
    before = 0 if buf is None or first else momentum * np.abs(buf)
    velocity = before + grad
    step = 10 * (velocity * (1 + momentum) + grad)
    return np.abs(p) + lr * step, 7 * velocity


def muon_step(
    p: Array, g: Array, m: Array, rates: Array,
    scale: float, decay: float, momentum: float, nesterov: bool,
    a: float, b: float, c: float, eps: float, steps: int,
) -> tuple[Array, Array]:  # fmt: skip
    """The first row and the others are two matrices; their errors go through the iteration."""
    size = np.abs(m) + np.abs(scale * g)
    p_error = 2 * np.abs(p)
    for rows, rate in ((slice(0, 1), rates[0]), (slice(1, None), rates[1])):
        change = (scale * g[rows] - m[rows]) * (1 - momentum)
        step = m[rows] + change * (1 + momentum if nesterov else 1)
        norm = max(np.linalg.norm(step), eps)
        error = 8 * size[rows] / norm
        x = step / norm
        error = _into_bfloat16(x, error + (np.linalg.norm(error) + 3) * np.abs(x))
        x, error = _newton_schulz(x, error, (a, b, c), steps)
        p_error[rows] += rate * (error + 2 * np.abs(x))
    return p_error, 7 * size


def _newton_schulz(
    x: Array, error: Array, coefficients: tuple[float, float, float], steps: int
) -> tuple[Array, Array]:
    """The exact iteration, and what of an error and of all roundings reaches its result."""
    a, b, c = coefficients
    if len(x) > x.shape[1]:
        result, limit = _newton_schulz(x.T, error.T, coefficients, steps)
        return result.T, limit.T
    eye = np.eye(len(x))
    for _ in range(steps):
        gram, gram_error = _bfloat16_product(x, error, x.T, error.T)
        inner = c * gram + b * eye
        inner_error = _into_bfloat16(inner, np.abs(c) * gram_error + 2 * np.abs(inner))
        outer, outer_error = _bfloat16_product(gram, gram_error, inner, inner_error)
        outer_error = _into_bfloat16(outer + a * eye, outer_error)
        x, error = _bfloat16_product(outer + a * eye, outer_error, x, error)
    return x, error


def _bfloat16_product(x: Array, dx: Array, y: Array, dy: Array) -> tuple[Array, Array]:
    """x y, and the error of its rounded twin, from errors of x and y."""
    dz = np.abs(x) @ dy + dx @ np.abs(y) + dx @ dy * 2.0**-24
    return x @ y, _into_bfloat16(x @ y, dz + (x.shape[1] + 1) * (np.abs(x) @ np.abs(y)))


def _into_bfloat16(x: Array, error: Array) -> Array:
    """The error with that of a rounding to 8 bits."""
    return error + (np.abs(x) * 2**24 + error) * 2.0**-8


def scale_(x: Array, s: float) -> Array:
    return np.abs(x * s)


def sum_of_squares(x: Array) -> Array:
    return x.size * 2.0**-53 / 2.0**-24 * (x * x).sum()
