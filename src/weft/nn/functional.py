"""What layers compute, as functions, with PyTorch's names and argument order.

Differences, each one loud: a class weight, label smoothing or class probabilities in
`cross_entropy` raise NotImplementedError, and targets are never broadcast. The last three
functions are not PyTorch's; they are what Transformers here are made of.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from weft.autograd import Tensor, apply, is_grad_enabled, network_ops, ops, where
from weft.random import Generator, default_generator

# ----- activations ----------------------------------------------------------------------------


def relu(input: Tensor) -> Tensor:
    """max(x, 0)."""
    return apply(ops.relu, input)


def relu2(input: Tensor) -> Tensor:
    """max(x, 0)² (Primer, arXiv:2109.08668). Not in PyTorch."""
    return apply(ops.relu2, input)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x Φ(x) (arXiv:1606.08415); `approximate="tanh"` is GPT-2's formula."""
    if approximate not in ("none", "tanh"):
        raise RuntimeError(f"approximate argument must be either none or tanh, got {approximate!r}")
    return apply(ops.gelu, input, tanh=approximate == "tanh")


def silu(input: Tensor) -> Tensor:
    """x · sigmoid(x)."""
    return apply(ops.silu, input)


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + e⁻ˣ)."""
    return apply(ops.sigmoid, input)


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return apply(ops.tanh, input)


def softmax(input: Tensor, dim: int) -> Tensor:
    """eˣ / Σ eˣ along `dim`."""
    return input.softmax(dim)


def log_softmax(input: Tensor, dim: int) -> Tensor:
    """x − log Σ eˣ along `dim`."""
    return input.log_softmax(dim)


# ----- layers ---------------------------------------------------------------------------------


def linear(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    residual: Tensor | None = None,
    dropout_p: float = 0.0,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """x Wᵀ + b: (..., K), (M, K), (M) -> (..., M).

    Beyond PyTorch, in the same pass: residual + dropout(x Wᵀ + b), with a residual (..., M), whose
    dtype is then the result's. `dropout_p` is in [0, 1); 0 outside of training.
    """
    if input.ndim == 0 or input.shape[-1] != weight.shape[1]:
        raise RuntimeError(
            f"linear: an input of shape {input.shape} does not fit a weight of {weight.shape}"
        )
    key = _key(generator) if dropout_p > 0.0 else 0
    return apply(network_ops.linear, input, weight, bias, residual, p=dropout_p, key=key)


def embedding(input: Tensor | np.ndarray[Any, Any], weight: Tensor) -> Tensor:
    """Rows of `weight` (V, C) picked by integers (...) -> (..., C). IndexError if out of range."""
    return apply(network_ops.embedding, weight, input)


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(x − mean) / √(var + eps) · w + b over the last axes (arXiv:1607.06450)."""
    flat = _merge_last(input, normalized_shape)
    weight, bias = _flattened(weight), _flattened(bias)
    y = apply(network_ops.layer_norm, flat, weight, bias, eps=eps)
    return y if flat is input else y.reshape(input.shape)


def rms_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """x / √(mean(x²) + eps) · w over the last axes (arXiv:1910.07467); eps None: the dtype's."""
    flat = _merge_last(input, normalized_shape)
    eps = float(np.finfo(input.dtype).eps) if eps is None else eps
    y = apply(network_ops.rms_norm, flat, _flattened(weight), eps=eps)
    return y if flat is input else y.reshape(input.shape)


def _merge_last(x: Tensor, shape: Sequence[int]) -> Tensor:
    """The axes that are normalised together, as one last axis."""
    count = len(shape)
    if count == 0 or x.shape[-count:] != tuple(shape):
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [*, "
            f"{', '.join(map(str, shape))}], but got input of size{list(x.shape)}"
        )
    return x if count == 1 else x.reshape(*x.shape[:-count], math.prod(shape))


def _flattened(x: Tensor | None) -> Tensor | None:
    return x if x is None or x.ndim == 1 else x.flatten()


def dropout(
    input: Tensor, p: float = 0.5, training: bool = True, *, generator: Generator | None = None
) -> Tensor:
    """In training: zero with probability `p`, else x / (1 − p); otherwise x itself."""
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if p == 0.0 or not training:
        return input
    return apply(ops.dropout, input, p=p, key=_key(generator))


def _key(generator: Generator | None) -> int:
    return (generator or default_generator()).key()


# ----- attention ------------------------------------------------------------------------------


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """softmax(q kᵀ · scale + mask) v: (B, H, Tq, D), (B, Hkv, Tk, D) twice -> (B, H, Tq, D).

    A boolean mask is True where a query may look, a float one is added to the scores. As in
    PyTorch, `is_causal` lets query i see keys 0 … i, also where Tq and Tk differ, and fewer key
    heads than query heads need `enable_gqa`. Without a mask the Tq × Tk weights are never stored.
    """
    _check_heads(query, key, value, enable_gqa)
    if is_causal and attn_mask is not None:
        raise RuntimeError("Explicit attn_mask should not be set when is_causal=True")
    Tq, Tk = query.shape[-2], key.shape[-2]
    if is_causal and Tq != Tk:  # the fused operation aligns the last query with the last key
        attn_mask, is_causal = Tensor(np.tri(Tq, Tk, dtype=bool)), False
    if attn_mask is not None:
        return _masked_attention(query, key, value, attn_mask, dropout_p, scale, generator)
    q, k, v = (x.transpose(1, 2) for x in (query, key, value))  # (B, T, H, D)
    return attention(q, k, v, dropout_p, is_causal, scale, generator=generator).transpose(1, 2)


def _check_heads(query: Tensor, key: Tensor, value: Tensor, enable_gqa: bool) -> None:
    if any(x.ndim != 4 for x in (query, key, value)):
        raise RuntimeError(
            "attention: query, key and value must be (B, H, T, D); got "
            f"{query.shape}, {key.shape}, {value.shape}"
        )
    H, Hkv = query.shape[1], key.shape[1]
    if (Hkv != H and not enable_gqa) or value.shape[1] != Hkv or H % Hkv:
        raise RuntimeError(
            f"attention: {H} query heads, {Hkv} key heads and {value.shape[1]} value heads do not "
            "fit; with enable_gqa=True the first must be a multiple of the others"
        )


def _masked_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor,
    p: float,
    scale: float | None,
    generator: Generator | None,
) -> Tensor:
    """Attention written out, for any mask; a query that may look nowhere gives zeros."""
    groups = query.shape[1] // key.shape[1]
    key, value = _repeat_heads(key, groups), _repeat_heads(value, groups)  # (B, H, Tk, D)
    scale = 1.0 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = (query @ key.transpose(-2, -1)).to(query.dtype) * scale  # (B, H, Tq, Tk)
    if mask.dtype == np.bool_:
        allowed = mask
    else:
        allowed = mask > -math.inf
        scores = scores + where(allowed, mask, 0.0).to(scores.dtype)
    lowest = float(np.finfo(np.float32).min)  # and not −∞, whose softmax alone in a row is NaN
    weights = where(allowed, scores, lowest).to(scores.dtype).softmax(-1)
    weights = where(allowed, weights, 0.0).to(scores.dtype)
    return dropout(weights, p, generator=generator) @ value  # (B, H, Tq, D)


def _repeat_heads(x: Tensor, times: int) -> Tensor:  # (B, Hkv, T, D) -> (B, Hkv · times, T, D)
    if times == 1:
        return x
    B, Hkv, T, D = x.shape
    return x.unsqueeze(2).expand(B, Hkv, times, T, D).reshape(B, Hkv * times, T, D)


# ----- losses ---------------------------------------------------------------------------------


def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """(input − target)², as its mean, its sum, or ("none") entry by entry."""
    if input.shape != target.shape:
        raise ValueError(f"mse_loss: input {input.shape} and target {target.shape} differ in shape")
    difference = input - target
    return _reduced(difference * difference, input.numel(), reduction)


def cross_entropy(
    input: Tensor,
    target: Tensor | np.ndarray[Any, Any],
    weight: None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """−log softmax(input)[target]: logits (V), (N, V) or (N, V, ...) and class numbers (), (N)….

    The mean is over the targets that are not `ignore_index` (NaN if there is none). IndexError
    for a target out of range.
    """
    if weight is not None or label_smoothing != 0.0:
        raise NotImplementedError("cross_entropy has no class weight and no label_smoothing")
    targets = target.array if isinstance(target, Tensor) else np.asarray(target)
    if targets.dtype.kind not in "iu":
        raise NotImplementedError(
            f"cross_entropy: targets must be class numbers (integers), not {targets.dtype}"
        )
    V_axis = min(1, input.ndim - 1)
    if targets.shape != input.shape[:V_axis] + input.shape[V_axis + 1 :]:
        raise ValueError(f"cross_entropy: logits {input.shape} and targets {targets.shape}")
    logits = input if input.ndim < 3 else input.permute(0, *range(2, input.ndim), 1)
    rows = logits.reshape(targets.size, input.shape[V_axis])  # (N, V)
    losses = apply(network_ops.cross_entropy, rows, targets.reshape(-1), ignore_index=ignore_index)
    counted = int((targets != ignore_index).sum())
    return _reduced(losses.reshape(targets.shape), counted, reduction)


def linear_cross_entropy(
    input: Tensor,
    weight: Tensor,
    target: Any,
    *,
    ignore_index: int = -100,
    count: int | None = None,
) -> Tensor:
    """`cross_entropy(linear(input, weight), target)`, without all logits in memory at a time.

    (N, K), (V, K), (N) integers -> the sum of the losses over `count` (the targets that are not
    `ignore_index`, unless it is given). Not in PyTorch. IndexError for a target out of range.
    """
    targets = target.array if isinstance(target, Tensor) else np.asarray(target)
    if input.ndim != 2 or targets.shape != input.shape[:1]:
        raise ValueError(f"linear_cross_entropy: rows {input.shape} and targets {targets.shape}")
    counted = int((targets != ignore_index).sum()) if count is None else count
    if not counted or not is_grad_enabled():  # no gradient to prepare, or a mean of nothing
        losses = cross_entropy(
            linear(input, weight), targets, ignore_index=ignore_index, reduction="sum"
        )
        return losses * (1.0 / counted if counted else math.nan)
    return apply(
        network_ops.linear_cross_entropy,
        input,
        weight,
        targets,
        ignore_index=ignore_index,
        count=counted,
    )


def _reduced(losses: Tensor, count: int, reduction: str) -> Tensor:
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    if reduction != "mean":
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return losses.sum() * (1.0 / count if count else math.nan)


# ----- of our own -----------------------------------------------------------------------------


def feed_forward(
    input: Tensor,
    up: tuple[Tensor, Tensor | None],
    down: tuple[Tensor, Tensor | None],
    residual: Tensor | None = None,
    dropout_p: float = 0.0,
    activation: str = "gelu_tanh",
    *,
    generator: Generator | None = None,
) -> Tensor:
    """residual + dropout(down(f(up(x)))), each layer a weight and a bias: (..., C) -> (..., C).

    f is "gelu", "gelu_tanh" (GPT-2's formula), "relu" or "relu2"; ValueError for another name. One
    operation, so that f and its gradient are computed while the products are being stored.
    """
    key = _key(generator) if dropout_p > 0.0 else 0
    how: dict[str, Any] = {"activation": activation, "p": dropout_p, "key": key}
    return apply(network_ops.feed_forward, input, *up, *down, residual, **how)


def gated_feed_forward(
    input: Tensor,
    gate: tuple[Tensor, Tensor | None],
    up: tuple[Tensor, Tensor | None],
    down: tuple[Tensor, Tensor | None],
    residual: Tensor | None = None,
    dropout_p: float = 0.0,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """residual + dropout(down(silu(gate(x)) · up(x))), as one operation: (..., C) -> (..., C)."""
    key = _key(generator) if dropout_p > 0.0 else 0
    return apply(
        network_ops.gated_feed_forward, input, *gate, *up, *down, residual, p=dropout_p, key=key
    )


def swiglu(gate: Tensor, up: Tensor) -> Tensor:
    """silu(gate) · up (arXiv:2002.05202)."""
    return apply(ops.swiglu, gate, up)


def rotary(input: Tensor, cos: Any, sin: Any) -> Tensor:
    """Turn the pairs (i, i + D/2) of each head: (B, T, H, D), (T, D/2) twice -> (B, T, H, D)."""
    return apply(network_ops.rotary, input, cos, sin)


def rotary_qkv(
    qkv: Tensor,
    heads: int,
    cos: Any,
    sin: Any,
    weights: tuple[Tensor, Tensor] | None = None,
    eps: float = 1e-6,
) -> Tensor:
    """`rotary` of the queries and keys in a projection (B, T, H + 2 Hkv, D) with H `heads`.

    With `weights` (D,) of queries and of keys, each of their heads goes through `rms_norm` before.
    """
    wq, wk = weights or (None, None)
    return apply(network_ops.rotary_qkv, qkv, wq, wk, cos, sin, heads=heads, eps=eps)


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    *,
    window: int = 0,
    slopes: Any = None,
    generator: Generator | None = None,
) -> Tensor:
    """Attention with time before heads, where views of one projection need no copy.

    (B, Tq, H, D), (B, Tk, Hkv, D) twice -> (B, Tq, H, D); `is_causal` aligns the last query with
    the last key, as a cache of earlier keys wants it. Then there may be a `window`, the number of
    last keys that a query sees (0: all), and the `slopes` of ALiBi (arXiv:2108.12409), an array
    (H,): slope times distance is subtracted from the scores. ValueError if they do not fit.
    """
    random_key = _key(generator) if dropout_p > 0.0 else 0
    return apply(
        network_ops.attention,
        query,
        key,
        value,
        scale=scale,
        causal=is_causal,
        p=dropout_p,
        key=random_key,
        window=window,
        slopes=slopes,
    )


def attention_qkv(
    qkv: Tensor,
    heads: int,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    *,
    window: int = 0,
    slopes: Any = None,
    generator: Generator | None = None,
) -> Tensor:
    """`attention` of one projection: qkv (B, T, H + 2 Hkv, D) with H `heads` -> (B, T, H, D)."""
    random_key = _key(generator) if dropout_p > 0.0 else 0
    return apply(
        network_ops.attention_qkv, qkv, heads=heads, scale=scale, causal=is_causal, p=dropout_p,
        key=random_key, window=window, slopes=slopes,
    )  # fmt: skip
