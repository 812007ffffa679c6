"""The table of twins: one row per kernel and variant; test_twins.py walks it.

A row makes its arguments for a length n, bounds the error (bounds.py), and names a `wrong` twin:
the same kernel with arguments changed a little, whose result must be rejected.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bounds
import numpy as np
from inputs import Inputs, bfloat16, float32
from recurrent_twins import RECURRENT
from twin import Twin, gradient, more, more_first, more_second, moved, turned, unary

from weft.kernels import reference

EPS = 1e-5
KEY = 0x1234567_89ABCDEF

ACTIVATIONS = [
    unary("gelu_forward", bounds.gelu_forward, turned, True),
    unary("gelu_forward", bounds.gelu_forward, more_first, False),
    unary("relu_forward", bounds.none, more_first),
    unary("relu2_forward", bounds.none, more_first),
    unary("sigmoid_forward", bounds.sigmoid_forward, lambda x: (more(x, 1.1),)),
    unary("tanh_forward", bounds.rounded(4, "tanh_forward"), lambda x: (more(x, 1.1),)),
    unary("silu_forward", bounds.rounded(8, "silu_forward"), more_first),
    gradient("gelu_backward", lambda x: x, bounds.gelu_backward, turned, True),
    gradient("gelu_backward", lambda x: x, bounds.gelu_backward, more_first, False),
    gradient("relu_backward", reference.relu_forward, bounds.none, more_first),
    gradient("relu2_backward", lambda x: x, bounds.none, more_first),
    gradient("sigmoid_backward", reference.sigmoid_forward, bounds.sigmoid_backward, more_second),
    gradient("tanh_backward", reference.tanh_forward, bounds.tanh_backward, more_first),
    gradient("silu_backward", lambda x: x, bounds.silu_backward, more_first),
    Twin(
        "swiglu_forward",
        "",
        lambda i: (i.normal(i.rows, i.n), i.normal(i.rows, i.n)),
        bounds.rounded(9, "swiglu_forward"),
        lambda gate, up: (up, gate),
    ),
    Twin(
        "swiglu_backward",
        "",
        lambda i: tuple(i.normal(i.rows, i.n) for _ in range(3)),
        bounds.swiglu_backward,
        lambda dy, gate, up: (dy, up, gate),
    ),
]

ROWS = [
    unary("softmax_forward", bounds.softmax_forward, lambda x: (more(x, 1.1),)),
    unary("log_softmax_forward", bounds.log_softmax_forward, more_first),
    gradient("softmax_backward", reference.softmax_forward, bounds.softmax_backward, more_first),
    gradient(
        "log_softmax_backward",
        reference.log_softmax_forward,
        bounds.log_softmax_backward,
        more_first,
    ),
]


def norm_inputs(layer: bool, affine: bool, out: Callable[[Inputs], np.dtype]) -> Any:
    def inputs(i: Inputs) -> tuple[Any, ...]:
        x = i.place(i.normal(i.rows, i.n) + np.asarray(1, i.dtype), i.dtype)
        w, b = (i.weight(i.n), i.weight(i.n)) if affine else (None, None)
        return (x, w, b, EPS, out(i)) if layer else (x, w, EPS, out(i))

    return inputs


def norm_gradient_inputs(
    layer: bool, affine: bool, dy_dtype: Callable[[Inputs], Any], onto: bool
) -> Any:
    def inputs(i: Inputs) -> tuple[Any, ...]:
        dy = i.place(i.weight(2, i.rows, i.n), dy_dtype(i))
        x = i.place(i.normal(2, i.rows, i.n) + np.asarray(1, i.dtype), i.dtype)
        w = i.weight(i.n) if affine else None
        before = (i.normal(2, i.rows, i.n),) if onto else ()
        if layer:
            _, mean, rstd = i.result(reference.layer_norm_forward, x, w, None, EPS, float32)
            return dy, x, w, mean, rstd, affine, *before
        _, rstd = i.result(reference.rms_norm_forward, x, w, EPS, float32)
        return dy, x, w, rstd, *before

    return inputs


def more_rstd(*args: Any) -> tuple[Any, ...]:
    return tuple(more(a) if i == 3 + (len(args) > 5) else a for i, a in enumerate(args))


def norm_rows() -> list[Twin]:
    def under_test(i: Inputs) -> np.dtype:
        return i.dtype

    def always_half(i: Inputs) -> np.dtype:
        return bfloat16

    rows = []
    for variant, affine, other, onto in (
        ("", True, under_test, False),
        ("plain", False, under_test, False),
        ("to-bfloat16", True, always_half, False),
        ("onto", True, under_test, True),
        ("plain-onto", False, always_half, True),
    ):
        for layer, name in ((True, "layer_norm"), (False, "rms_norm")):
            rows.append(
                Twin(
                    f"{name}_forward",
                    variant,
                    norm_inputs(layer, affine, other),
                    getattr(bounds, f"{name}_forward"),
                    lambda x, *rest: (moved(more(x)), *rest),
                    least=1,
                )
            )
            rows.append(
                Twin(
                    f"{name}_backward",
                    variant,
                    norm_gradient_inputs(layer, affine, other, onto),
                    getattr(bounds, f"{name}_backward"),
                    more_rstd,
                    least=1,
                )
            )
    return rows


def rotary_inputs(i: Inputs) -> tuple[Any, ...]:
    T = i.rows
    angles = np.outer(np.arange(T), 1 / (1 + np.arange(i.n)))  # (T, D/2)
    cos, sin = (i.place(f(angles), float32) for f in (np.cos, np.sin))
    return i.normal(2, T, 3, 2 * i.n), cos, sin


ROTARY = [
    Twin(name, "", rotary_inputs, bounds.rotary, lambda x, cos, sin: (x, cos, -sin))
    for name in ("rotary_forward", "rotary_backward")
]


def rotary_qkv_inputs(norm: bool, backward: bool) -> Any:
    def inputs(i: Inputs) -> tuple[Any, ...]:
        _, cos, sin = rotary_inputs(i)
        heads, qkv = 3, i.normal(2, i.rows, 3 + 2 * 1, 2 * i.n)
        wq, wk = (i.weight(2 * i.n), i.weight(2 * i.n)) if norm else (None, None)
        if not backward:
            return qkv, heads, wq, wk, EPS, cos, sin
        rstd = None
        if norm:
            _, rstd = i.result(reference.rotary_qkv_forward, qkv, heads, wq, wk, EPS, cos, sin)
        return i.normal(*qkv.shape), qkv, heads, wq, wk, rstd, cos, sin

    return inputs


ROTARY += [
    Twin(f"rotary_qkv_{way}", "norm" if norm else "", rotary_qkv_inputs(norm, way == "backward"),
         getattr(bounds, f"rotary_qkv_{way}"), lambda *args: (*args[:-1], -args[-1]), least=1)
    for way in ("forward", "backward")
    for norm in (False, True)
]  # fmt: skip


def embedding_inputs(i: Inputs) -> tuple[Any, ...]:
    return i.normal(7, i.n), i.ids(7, 2, i.rows)


def embedding_gradient_inputs(i: Inputs) -> tuple[Any, ...]:
    return i.normal(2, i.rows, i.n), i.ids(7, 2, i.rows), 7


def loss_inputs(i: Inputs) -> tuple[Any, ...]:
    targets = i.ids(i.n, i.rows)
    targets[1] = -100
    return i.normal(i.rows, i.n), targets, -100


def loss_gradient_inputs(i: Inputs) -> tuple[Any, ...]:
    logits, targets, ignored = loss_inputs(i)
    _, lse = i.result(reference.cross_entropy_forward, logits, targets, ignored)
    return i.weight(i.rows), logits, targets, lse, ignored


def next_class(targets: Any, classes: int) -> Any:
    return np.where(targets < 0, targets, (targets + 1) % classes)


TOKENS = [
    Twin(
        "embedding_forward",
        "",
        embedding_inputs,
        bounds.none,
        lambda w, ids: (w, (ids + 1) % 7),
    ),
    Twin(
        "embedding_backward",
        "",
        embedding_gradient_inputs,
        bounds.embedding_backward,
        lambda dy, ids, V: (dy, (ids + 1) % 7, V),
    ),
    Twin(
        "cross_entropy_forward",
        "",
        loss_inputs,
        bounds.cross_entropy_forward,
        lambda x, targets, ignored: (x, next_class(targets, x.shape[1]), ignored),
        least=1,
    ),
    Twin(
        "cross_entropy_backward",
        "",
        loss_gradient_inputs,
        bounds.cross_entropy_backward,
        lambda d, x, targets, lse, ignored: (d, x, next_class(targets, x.shape[1]), lse, ignored),
        least=1,
    ),
]

DROPOUT = [
    Twin(
        f"dropout_{way}",
        variant,
        lambda i, to=to: (i.normal(i.rows, i.n), 0.3, KEY, *to),
        bounds.rounded(2, f"dropout_{way}"),
        lambda x, p, key, *to: (x, p, key + (1 << 32), *to),
    )
    for way, variant, to in (
        ("forward", "", ()),
        ("backward", "", (float32,)),
        ("backward", "to-bfloat16", (bfloat16,)),
    )
]


def pair(i: Inputs) -> tuple[Any, ...]:
    return i.normal(i.rows, i.n), i.normal(i.rows, i.n)


def mixed_pair(i: Inputs) -> tuple[Any, ...]:
    return i.weight(i.rows, i.n), i.normal(i.rows, i.n)


ELEMENTWISE = [
    Twin("add", "", pair, bounds.none, more_first),
    Twin("add", "mixed", mixed_pair, bounds.none, more_first),
    Twin("add_", "", pair, bounds.none, more_second, changed=(0,)),
    Twin("add_", "mixed", mixed_pair, bounds.none, more_second, changed=(0,)),
    Twin("mul", "", pair, bounds.none, more_first),
    Twin("mul", "mixed", mixed_pair, bounds.none, more_first),
    Twin("cast", "down", lambda i: (i.normal(i.rows, i.n), bfloat16), bounds.none, more_first),
    Twin("cast", "up", lambda i: (i.normal(i.rows, i.n), float32), bounds.none, more_first),
]


def adam_inputs(decoupled: bool) -> Any:
    def inputs(i: Inputs) -> tuple[Any, ...]:
        p, g, m = (i.weight(i.rows, i.n) for _ in range(3))
        v, steps = i.positive(i.rows, i.n), i.place(np.array([2.0, 6.0]), float32)
        return p, g, m, v, steps, 0.7, 0.01, 0.9, 0.95, 1e-8, 0.1, decoupled

    return inputs


def sgd_inputs(buffer: bool, nesterov: bool, first: bool) -> Any:
    def inputs(i: Inputs) -> tuple[Any, ...]:
        p, g = i.weight(i.rows, i.n), i.weight(i.rows, i.n)
        buf = i.weight(i.rows, i.n) if buffer else None
        return p, g, buf, 0.7, 0.1, 0.9 if buffer else 0.0, 0.2, 0.1, nesterov, first

    return inputs


def muon_inputs(tall: bool, nesterov: bool, steps: int) -> Any:
    """The two matrices are (1, n) and (rows, n), or (1, 7) and (n, 7)."""

    def inputs(i: Inputs) -> tuple[Any, ...]:
        shape = (i.n + 1, 7) if tall else (i.rows + 1, i.n)
        p, g, m = (i.weight(*shape) for _ in range(3))
        rates = i.place(np.array([3.0, 5.0]), float32)
        return p, g, m, rates, 0.7, 0.99, 0.9, nesterov, 3.4445, -4.775, 2.0315, 1e-7, steps

    return inputs


SINGLE = {"dtypes": (float32,)}
OPTIMIZERS = [
    Twin("adam_step", name, adam_inputs(name == "adamw"), bounds.adam_step, turned,
         changed=(0, 2, 3, 4), listed=(0, 1, 2, 3, 4), **SINGLE)
    for name in ("adam", "adamw")
] + [
    Twin("muon_step", f"{name}-{steps}", muon_inputs(name == "tall", name == "tall", steps),
         bounds.muon_step, lambda *a: (*a[:-1], a[-1] + 1), changed=(0, 2), listed=(0, 1, 2),
         noticed=0.2, **SINGLE)
    for name in ("wide", "tall") for steps in (0, 1)
] + [
    Twin("sgd_step", "plain", sgd_inputs(False, False, False), bounds.sgd_step, more_second,
         changed=(0,), listed=(0, 1), **SINGLE),
    Twin("sgd_step", "momentum", sgd_inputs(True, False, False), bounds.sgd_step, turned,
         changed=(0, 2), listed=(0, 1, 2), **SINGLE),
    Twin("sgd_step", "first", sgd_inputs(True, False, True), bounds.sgd_step, turned,
         changed=(0, 2), listed=(0, 1, 2), **SINGLE),
    Twin("sgd_step", "nesterov", sgd_inputs(True, True, False), bounds.sgd_step,
         lambda *a: (*a[:-2], False, a[-1]), changed=(0, 2), listed=(0, 1, 2), **SINGLE),
    Twin("sum_of_squares", "", lambda i: (i.weight(i.rows, i.n),), bounds.sum_of_squares,
         lambda x: (more(x, 1 + 1e-6),), listed=(0,), **SINGLE),
    Twin("scale_", "", lambda i: (i.weight(i.rows, i.n), 0.3), bounds.scale_,
         lambda x, s: (x, s * (1 + 1e-6)), changed=(0,), listed=(0,), **SINGLE),
]  # fmt: skip


def product_inputs(batch: bool, transpose_a: bool, transpose_b: bool, axis: int) -> Any:
    """n stands for M, N or K."""

    def inputs(i: Inputs) -> tuple[Any, ...]:
        sizes = [5, 6, 7]
        sizes[axis] = i.n
        M, N, K = sizes
        lead = (2, i.rows) if batch else ()
        a = i.normal(*lead, *((K, M) if transpose_a else (M, K)))
        b = i.normal(*lead, *((N, K) if transpose_b else (K, N)))
        return a, b, transpose_a, transpose_b

    return inputs


def layer_sizes(axis: int, i: Inputs) -> tuple[int, int, int]:
    sizes = [5, 6, 7]
    sizes[axis] = i.n
    return sizes[0], sizes[1], sizes[2]


def linear_inputs(axis: int, bias: bool, backward: bool, mixed: bool) -> Any:
    def inputs(i: Inputs) -> tuple[Any, ...]:
        N, M, K = layer_sizes(axis, i)
        x = i.normal(N, K)
        w, b = i.weight(M, K) if mixed else i.normal(M, K), i.weight(M) if bias else None
        return (i.normal(N, M), x, w, bias) if backward else (x, w, b)

    return inputs


def residual_inputs(axis: int, p: float) -> Any:
    def inputs(i: Inputs) -> tuple[Any, ...]:
        N, M, K = layer_sizes(axis, i)
        return i.normal(N, K), i.weight(M, K), i.weight(M), i.weight(N, M), p, KEY

    return inputs


def activation_inputs(axis: int, activation: str) -> Any:
    def inputs(i: Inputs) -> tuple[Any, ...]:
        N, M, K = layer_sizes(axis, i)
        return i.normal(N, K), i.weight(M, K), i.weight(M), activation

    return inputs


def scaled_inputs(axis: int) -> Any:
    def inputs(i: Inputs) -> tuple[Any, ...]:
        N, M, K = layer_sizes(axis, i)
        return i.normal(N, M), i.normal(N, K), i.weight(M, K), True, i.normal(N, K)

    return inputs


def swiglu_inputs(axis: int, backward: bool) -> Any:
    def inputs(i: Inputs) -> tuple[Any, ...]:
        N, M, K = layer_sizes(axis, i)
        if not backward:
            return i.normal(N, K), i.weight(M, K), i.weight(M), i.normal(N, M)
        gate, up = i.normal(N, K), i.normal(N, K)
        x = i.result(reference.swiglu_forward, gate, up)
        return i.normal(N, M), x, i.weight(M, K), True, gate, up

    return inputs


def weight_rounded(index: int) -> Any:
    """A float32 weight that meets bfloat16 is rounded first: exactly so, by definition."""

    def evaluated(*args: Any) -> tuple[Any, ...]:
        x = args[index - 1]
        return tuple(a.astype(x.dtype) if i == index else a for i, a in enumerate(args))

    return evaluated


PRODUCTS = (
    [
        Twin("matmul", f"{'NT'[ta]}{'NT'[tb]}-{'MNK'[axis]}", product_inputs(batch, ta, tb, axis),
             bounds.matmul, more_first)
        for ta in (False, True)
        for tb in (False, True)
        for axis, batch in ((0, False), (1, True), (2, False))
    ]
    + [
        Twin("linear_forward", "NMK"[axis], linear_inputs(axis, bias, False, mixed),
             bounds.linear_forward, more_first, evaluated=weight_rounded(1))
        for axis, bias, mixed in ((0, True, False), (1, False, True), (2, True, True))
    ]
    + [
        Twin("linear_backward", "NMK"[axis], linear_inputs(axis, bias, True, mixed),
             bounds.linear_backward, more_first, evaluated=weight_rounded(2))
        for axis, bias, mixed in ((0, True, False), (1, True, True), (2, False, True))
    ]
    + [
        Twin("linear_forward", f"residual-{'NMK'[axis]}", residual_inputs(axis, p),
             bounds.linear_forward, more_first, evaluated=weight_rounded(1))
        for axis, p in ((0, 0.0), (1, 0.0), (1, 0.3), (0, 0.3))
    ]
    + [
        Twin("linear_activation_forward", f"{'NMK'[axis]}-{name}", activation_inputs(axis, name),
             bounds.linear_activation_forward, more_first, evaluated=weight_rounded(1))
        for axis, name in ((0, "gelu_tanh"), (1, "gelu_tanh"), (1, "gelu"), (2, "gelu_tanh"),
                           (1, "relu"), (2, "relu"), (1, "relu2"), (0, "relu2"))
    ]
    + [
        Twin("linear_scaled_backward", "NMK"[axis], scaled_inputs(axis),
             bounds.linear_scaled_backward, more_first, evaluated=weight_rounded(2))
        for axis in range(3)
    ]
    + [
        Twin("linear_swiglu_forward", "NMK"[axis], swiglu_inputs(axis, False),
             bounds.linear_swiglu_forward, more_first, evaluated=weight_rounded(1))
        for axis in range(3)
    ]
    + [
        Twin("linear_swiglu_backward", "NMK"[axis], swiglu_inputs(axis, True),
             bounds.linear_swiglu_backward, more_first, evaluated=weight_rounded(2))
        for axis in range(3)
    ]
)  # fmt: skip


def linear_loss_inputs(axis: int) -> Any:
    def inputs(i: Inputs) -> tuple[Any, ...]:
        N, V, K = layer_sizes(axis, i)
        targets = i.ids(V, N)
        targets[1:2] = -100
        return i.normal(N, K), i.weight(V, K), targets, -100, 0.25

    return inputs


LINEAR_LOSSES = [
    Twin("linear_cross_entropy", "NVK"[axis], linear_loss_inputs(axis), bounds.linear_cross_entropy,
         lambda x, w, targets, *rest: (x, w, next_class(targets, len(w)), *rest),
         evaluated=weight_rounded(1), least=1, dtypes=(dtype,), noticed=noticed,
         narrow_error=bounds.narrow_linear_cross_entropy)
    for dtype, noticed in ((float32, 0.01), (bfloat16, 0.1))
    for axis in range(3)
]  # fmt: skip


def attention_inputs(
    axis: str, causal: bool, dropout: float, group: int, window: int = 0, sloped: bool = False,
    backward: bool = False,
) -> Any:  # fmt: skip
    """n stands for Tq, for Tk - Tq, or for D; q, k, v are slices of one array where they can be."""

    def inputs(i: Inputs) -> tuple[Any, ...]:
        Tq = i.n if axis == "Tq" else 5
        Tk = Tq + (i.n if axis == "Tk" else 0)
        D = i.n if axis == "D" else 8
        H, Hkv = 4, 4 // group
        q = i.normal(2, Tq, H + 2, D)[:, :, :H]
        kv = i.normal(2, Tk, 2, Hkv, D)
        k, v = kv[:, :, 0], kv[:, :, 1]
        rest = (D**-0.5, causal, dropout, KEY, *sight_inputs(i, window, sloped))
        if not backward:
            return q, k, v, *rest
        y, lse = i.result(reference.attention_forward, q, k, v, *rest)
        return i.normal(2, Tq, H, D), q, k, v, y, lse, *rest

    return inputs


def sight_inputs(i: Inputs, window: int, sloped: bool) -> tuple[Any, ...]:
    """Of the tests' four heads: nothing where both are off, which is then the default."""
    slopes = i.place(2.0 ** -np.arange(1, 5), float32) if sloped else None
    return (window, slopes) if window or sloped else ()


def other_sight(*args: Any) -> tuple[Any, ...]:
    """One key more in the window, or steeper slopes where there is none."""
    window, slopes = args[-2:]
    return *args[:-2], window + 1 if window else 0, slopes if window else more(slopes, 1.1)


def attention_qkv_inputs(
    axis: str, dropout: float, group: int, window: int = 0, sloped: bool = False
) -> Any:
    def inputs(i: Inputs) -> tuple[Any, ...]:
        T, D = (i.n, 8) if axis == "T" else (5, i.n)
        H, heads = 4, 4 + 8 // group
        qkv = i.normal(2, T, heads, D)
        q, k, v = np.split(qkv, (H, (H + heads) // 2), axis=2)
        rest = (D**-0.5, True, dropout, KEY, *sight_inputs(i, window, sloped))
        y, lse = i.result(reference.attention_forward, q, k, v, *rest)
        return i.normal(2, T, H, D), qkv, y, lse, *rest

    return inputs


ATTENTION_VARIANTS = (
    ("Tq-causal", ("Tq", True, 0.0, 1)),
    ("Tk-causal-grouped", ("Tk", True, 0.0, 2)),
    ("D", ("D", False, 0.0, 1)),
    ("Tq-dropout-grouped", ("Tq", True, 0.2, 4)),
)
SIGHTED_VARIANTS = (
    ("Tq-window", ("Tq", True, 0.0, 1, 5)),
    ("Tk-window-grouped", ("Tk", True, 0.0, 2, 33)),
    ("Tq-slopes", ("Tq", True, 0.0, 2, 0, True)),
    ("D-window-slopes", ("D", True, 0.0, 1, 3, True)),
    ("Tq-window-slopes-dropout", ("Tq", True, 0.2, 4, 20, True)),
)
ATTENTION = [
    Twin("attention_forward", variant, attention_inputs(*options), bounds.attention_forward,
         lambda q, k, v, scale, *rest: (q, k, moved(v), scale * 1.1, *rest), least=1, most=300,
         narrow_error=bounds.narrow_attention_forward)
    for variant, options in ATTENTION_VARIANTS
] + [
    Twin("attention_backward", variant, attention_inputs(*options, backward=True),
         bounds.attention_backward, lambda dy, *rest: (moved(more(dy)), *rest), least=1, most=300,
         narrow_error=bounds.narrow_attention_backward)
    for variant, options in ATTENTION_VARIANTS
] + [
    Twin("attention_qkv_backward", variant, attention_qkv_inputs(*options),
         bounds.attention_qkv_backward, lambda dy, *rest: (moved(more(dy)), *rest), least=1,
         most=300, narrow_error=bounds.narrow_attention_qkv_backward)
    for variant, options in (("T", ("T", 0.0, 1)), ("D-dropout-grouped", ("D", 0.2, 4)))
] + [
    Twin("attention_forward", variant, attention_inputs(*options), bounds.attention_forward,
         other_sight, least=1, most=300, narrow_error=bounds.narrow_attention_forward)
    for variant, options in SIGHTED_VARIANTS
] + [
    Twin("attention_backward", variant, attention_inputs(*options, backward=True),
         bounds.attention_backward, other_sight, least=1, most=300,
         narrow_error=bounds.narrow_attention_backward)
    for variant, options in SIGHTED_VARIANTS
] + [
    Twin("attention_qkv_backward", "T-window-slopes", attention_qkv_inputs("T", 0.0, 1, 7, True),
         bounds.attention_qkv_backward, other_sight, least=1, most=300,
         narrow_error=bounds.narrow_attention_qkv_backward)
]  # fmt: skip

TWINS = [
    *PRODUCTS,
    *LINEAR_LOSSES,
    *ACTIVATIONS,
    *ROWS,
    *norm_rows(),
    *ROTARY,
    *ATTENTION,
    *TOKENS,
    *DROPOUT,
    *ELEMENTWISE,
    *OPTIMIZERS,
    *RECURRENT,
]
