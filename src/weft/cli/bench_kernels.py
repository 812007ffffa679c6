"""Timing each kernel by itself: products at the sizes of three models, the rest at those of one.

To add a kernel: a `Case` below, which is the function and its arguments. Its floating-point
operations are given; without them the bytes of its arguments and results are counted.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.kernels import active

B, T, C, H, V = 8, 256, 384, 6, 512  # a small model
N = B * T
# B, T, H, C: nanoGPT's laptop setting, a GPT on tiny Shakespeare, GPT-2 124M
MODELS = {"tiny": (12, 64, 4, 128), "blog": (64, 256, 6, 384), "gpt2": (4, 256, 12, 768)}
SQUARE = 1024
LARGE_V = 50257
Array = NDArray[Any]
Arguments = tuple[Any, ...]


@dataclass(frozen=True)
class Case:
    """A kernel, what makes its arguments, and its floating-point operations, if those count.

    Without `flop` the bytes count: each array read once or written once, those at `rewritten` both.
    """

    function: Callable[..., Any]
    arguments: Callable[[], Arguments]
    flop: float | None = None
    size: str = ""
    rewritten: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The kernel's name."""
        return self.function.__name__


@dataclass(frozen=True)
class Result:
    """Median seconds of a case, and its rate in `unit`."""

    name: str
    size: str
    seconds: float
    rate: float
    unit: str


def measure(precision: str, seconds: float, only: str = "") -> list[Result]:
    """Time the cases whose name contains `only`."""
    return [_time(case, seconds) for case in cases(precision) if only in case.name]


def _time(case: Case, seconds: float) -> Result:
    arguments = case.arguments()
    result = case.function(*arguments)
    median = time_call(lambda: case.function(*arguments), seconds)
    again = [arguments[i] for i in case.rewritten]
    work = sum(a.nbytes for a in arrays([*arguments, result, again]))
    size = case.size or " x ".join(str(n) for n in next(arrays(arguments)).shape)
    unit = "GB/s" if case.flop is None else "GFLOP/s"
    return Result(case.name, size, median, (case.flop or work) / median / 1e9, unit)


def time_call(call: Callable[[], Any], seconds: float) -> float:
    """Median seconds of a call; as many calls as fit, three unless they are long."""
    times: list[float] = []
    while sum(times) < seconds or (len(times) < 3 and sum(times) < 3 * seconds):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def arrays(values: Any) -> Iterator[Array]:
    """All arrays in nested sequences."""
    if isinstance(values, np.ndarray):
        yield values
    elif isinstance(values, (list, tuple)):
        for value in values:
            yield from arrays(value)


def cases(precision: str) -> Iterator[Case]:
    """All kernels of training and decoding."""
    dtype = np.dtype(precision)
    pool = np.random.default_rng(0).standard_normal(1_000_003, np.float32)

    def normal(*shape: int, dtype: Any = dtype) -> Array:
        return np.resize(pool.astype(dtype), shape)

    yield from _product_cases(normal)
    yield from _linear_cases(normal)
    yield from _attention_cases(normal)
    yield from _elementwise_cases(normal)
    yield from _norm_cases(normal)
    yield from _loss_cases(normal)
    yield from _parameter_cases(normal)
    yield from _packed_cases(normal)
    yield from _recurrent_cases(normal)


def _product_cases(normal: Callable[..., Array]) -> Iterator[Case]:
    yield from _three_products(normal, f"{SQUARE}³", (), SQUARE, SQUARE, SQUARE)
    for model, (B, T, H, C) in MODELS.items():
        for inputs, outputs in ((C, C), (C, 3 * C), (C, 4 * C), (4 * C, C)):
            yield from _three_products(normal, model, (), B * T, inputs, outputs)
        yield from _three_products(normal, f"{model}, heads", (B * H,), T, C // H, T)
    B, T, H, C = MODELS["gpt2"]
    yield from _three_products(normal, "gpt2, logits", (), B * T, C, LARGE_V)


def _three_products(
    normal: Callable[..., Array],
    label: str,
    lead: tuple[int, ...],
    rows: int,
    inputs: int,
    outputs: int,
) -> Iterator[Case]:
    """What a linear layer does: y = x wᵀ, dx = dy w, dw = dyᵀ x; `lead` of them at once."""
    x, w, dy = (*lead, rows, inputs), (*lead, outputs, inputs), (*lead, rows, outputs)
    for form, a, b, M, K, N, swap in (
        ("A·Bᵀ", x, w, rows, inputs, outputs, (False, True)),
        ("A·B", dy, w, rows, outputs, inputs, (False, False)),
        ("Aᵀ·B", dy, x, outputs, rows, inputs, (True, False)),
    ):

        def arguments(a: Any = a, b: Any = b, swap: Any = swap) -> Arguments:
            return normal(*a), normal(*b), *swap

        shape = " x ".join(str(n) for n in (*lead, M, K, N))
        flop = 2.0 * math.prod((*lead, M, K, N))
        yield Case(active.matmul, arguments, flop, f"{label}: {form}, {shape}")


def _linear_cases(normal: Callable[..., Array]) -> Iterator[Case]:
    def weights(outputs: int = 4 * C, inputs: int = C) -> Arguments:
        return normal(outputs, inputs, dtype=np.float32), normal(outputs, dtype=np.float32)

    def up() -> Arguments:
        return normal(N, C), *weights()

    def down() -> Arguments:  # with dropout and the residual stream, which is float32
        return normal(N, 4 * C), *weights(C, 4 * C), normal(N, C, dtype=np.float32), 0.2, 1

    def up_backward() -> Arguments:
        return normal(N, 4 * C), normal(N, C), weights()[0], True

    def down_backward() -> Arguments:  # through an activation too
        wide = normal(N, 4 * C)
        return normal(N, C), wide, weights(C, 4 * C)[0], True, wide

    def gated_backward() -> Arguments:
        dy, x, gate, up = (normal(N, width) for width in (C, 4 * C, 4 * C, 4 * C))
        return dy, x, weights(C, 4 * C)[0], True, gate, up

    flop, size, back = 2.0 * N * C * 4 * C, f"{N} x {C} x {4 * C}", f"{N} x {4 * C} x {C}"
    yield Case(active.linear_forward, up, flop, size)
    yield Case(active.linear_forward, down, flop, f"{back}, dropout, residual")
    yield Case(active.linear_activation_forward, lambda: (*up(), "gelu_tanh"), flop, size)
    yield Case(active.linear_swiglu_forward, lambda: (*up(), normal(N, 4 * C)), flop, size)
    yield Case(active.linear_backward, up_backward, 2 * flop, size)
    yield Case(active.linear_scaled_backward, down_backward, 2 * flop, back)
    yield Case(active.linear_swiglu_backward, gated_backward, 2 * flop, back)
    one = f"1 x {C} x {4 * C}"
    yield Case(active.linear_forward, lambda: (normal(1, C), *weights()), size=one)


def _attention_cases(normal: Callable[..., Array]) -> Iterator[Case]:
    for model, (B, T, H, C) in MODELS.items():
        shape, scale = (B, T, H, C // H), (C // H) ** -0.5
        plain, other = (0.0, 0), {"blog": (0.2, 0), "gpt2": (0.0, 64)}.get(model)
        for dropout, window in (plain, other) if other else (plain,):
            size = f"{model}: B {B}, T {T}, H {H}, D {C // H}" + ", dropout" * bool(dropout)
            size += f", window {window}" * bool(window)
            how = (scale, True, dropout, 0, window)
            most = min(window or T, T)
            flop = 4.0 * B * H * most * (T - most / 2) * (C // H)  # two products of what is seen

            def forward(shape: Any = shape, how: Any = how) -> Arguments:
                return normal(*shape), normal(*shape), normal(*shape), *how

            def backward(forward: Any = forward, shape: Any = shape, how: Any = how) -> Arguments:
                y, lse = active.attention_forward(*forward())
                return normal(*shape), *forward()[:3], y, lse, *how

            def joined(forward: Any = forward, shape: Any = shape, how: Any = how) -> Arguments:
                qkv = np.concatenate(forward()[:3], axis=2)
                q, k, v = np.split(qkv, 3, axis=2)
                y, lse = active.attention_forward(q, k, v, *how)
                return normal(*shape), qkv, y, lse, *how

            yield Case(active.attention_forward, forward, flop, size)
            yield Case(active.attention_backward, backward, 2.5 * flop, size)
            yield Case(active.attention_qkv_backward, joined, 2.5 * flop, size)


def _elementwise_cases(normal: Callable[..., Array]) -> Iterator[Case]:
    def wide(count: int, *more: Any) -> Callable[[], Arguments]:
        return lambda: (*(normal(N, 4 * C) for _ in range(count)), *more)

    def angles(T: int, D: int) -> Arguments:
        return normal(T, D // 2, dtype=np.float32), normal(T, D // 2, dtype=np.float32)

    yield Case(active.gelu_forward, wide(1, True))
    yield Case(active.gelu_backward, wide(2, True))
    for forward in (
        active.relu_forward, active.relu2_forward, active.sigmoid_forward, active.tanh_forward,
        active.silu_forward,
    ):  # fmt: skip
        yield Case(forward, wide(1))
    for backward in (
        active.relu_backward, active.relu2_backward, active.sigmoid_backward, active.tanh_backward,
        active.silu_backward,
    ):  # fmt: skip
        yield Case(backward, wide(2))
    yield Case(active.swiglu_forward, wide(2))
    yield Case(active.swiglu_backward, wide(3))
    yield Case(active.dropout_forward, wide(1, 0.2, 1))
    yield Case(active.dropout_backward, wide(1, 0.2, 1, np.dtype("bfloat16")))
    yield Case(active.philox, lambda: (1, N * C), size=f"{N * C}")
    yield Case(active.add, wide(2))
    yield Case(active.add_, wide(2), rewritten=(0,))
    yield Case(active.mul, wide(2))
    yield Case(active.cast, wide(1, np.dtype("bfloat16")))
    for turn in (active.rotary_forward, active.rotary_backward):
        yield Case(turn, lambda: (normal(B, T, H, C // H), *angles(T, C // H)))
    yield from _projection_cases(normal)


def _projection_cases(normal: Callable[..., Array]) -> Iterator[Case]:
    B, T, H, C = MODELS["blog"]
    D = C // H

    def forward() -> Arguments:
        shapes = ((D,), (D,), (T, D // 2), (T, D // 2))
        q, k, cos, sin = (normal(*shape, dtype=np.float32) for shape in shapes)
        return normal(B, T, 3 * H, D), H, q, k, 1e-6, cos, sin

    def backward() -> Arguments:
        qkv, H, q, k, _, cos, sin = args = forward()
        return normal(*qkv.shape), qkv, H, q, k, active.rotary_qkv_forward(*args)[1], cos, sin

    yield Case(active.rotary_qkv_forward, forward)
    yield Case(active.rotary_qkv_backward, backward)


def _norm_cases(normal: Callable[..., Array]) -> Iterator[Case]:
    def layer() -> Arguments:
        x, w = normal(N, C), normal(C, dtype=np.float32)
        return x, w, normal(C, dtype=np.float32), 1e-5, x.dtype

    def layer_backward() -> Arguments:
        return normal(N, C), *layer()[:2], *active.layer_norm_forward(*layer())[1:], True

    def rms() -> Arguments:
        x, w, _, eps, dtype = layer()
        return x, w, eps, dtype

    def rms_backward() -> Arguments:
        return normal(N, C), *rms()[:2], active.rms_norm_forward(*rms())[1]

    yield Case(active.layer_norm_forward, layer)
    yield Case(active.layer_norm_backward, layer_backward)
    yield Case(active.rms_norm_forward, rms)
    yield Case(active.rms_norm_backward, rms_backward)


def _loss_cases(normal: Callable[..., Array]) -> Iterator[Case]:
    for rows, V_ in ((N, V), (N // 2, LARGE_V)):
        ids = np.arange(rows) % V_

        def logits(count: int = 1, shape: Any = (rows, V_)) -> Arguments:
            return tuple(normal(*shape) for _ in range(count))

        def loss(logits: Any = logits, ids: Any = ids) -> Arguments:
            return *logits(), ids, -100

        def loss_backward(loss: Any = loss, rows: Any = rows) -> Arguments:
            logits, ids, ignored = loss()
            lse = active.cross_entropy_forward(logits, ids, ignored)[1]
            return np.full(rows, 1 / rows, np.float32), logits, ids, lse, ignored

        for forward in (active.softmax_forward, active.log_softmax_forward):
            yield Case(forward, logits)
        for backward in (active.softmax_backward, active.log_softmax_backward):
            yield Case(backward, lambda logits=logits: logits(2))  # type: ignore[misc]
        yield Case(active.cross_entropy_forward, loss)
        yield Case(active.cross_entropy_backward, loss_backward, size=f"{rows} x {V_}")
    for model, V_ in (("tiny", V), ("gpt2", LARGE_V)):
        rows, width = MODELS[model][0] * MODELS[model][1], MODELS[model][3]

        def last_layer(rows: int = rows, width: int = width, V_: int = V_) -> Arguments:
            ids = np.arange(rows) % V_
            return normal(rows, width), normal(V_, width, dtype=np.float32), ids, -100, 1 / rows

        size = f"{model}: {rows} x {width} x {V_}"
        yield Case(active.linear_cross_entropy, last_layer, 6.0 * rows * width * V_, size)
    ids = np.arange(N) % V
    yield Case(active.embedding_forward, lambda: (normal(V, C, dtype=np.float32), ids))
    yield Case(active.embedding_backward, lambda: (normal(N, C, dtype=np.float32), ids, V))


def _parameter_cases(normal: Callable[..., Array]) -> Iterator[Case]:
    def lists(count: int, matrices: int = 12) -> Sequence[list[Array]]:
        shape = (4 * C, C)
        return [[normal(*shape, dtype=np.float32) for _ in range(matrices)] for _ in range(count)]

    def adam() -> Arguments:
        p, g, m, v = lists(4)
        steps = [np.zeros((), np.float32) for _ in p]
        return p, g, m, [v * v for v in v], steps, 1e-3, 1e-3, 0.9, 0.99, 1e-8, 0.1, True

    def sgd() -> Arguments:
        return *lists(3), 1e-3, 1e-3, 0.9, 0.0, 0.1, False, False

    def muon() -> Arguments:
        rates = np.full(12, 1e-3, np.float32)
        return *lists(3), rates, 1.0, 1.0, 0.95, True, 3.4445, -4.775, 2.0315, 1e-7, 5

    size = f"12 x {4 * C} x {C}"
    yield Case(active.adam_step, adam, size=size, rewritten=(0, 2, 3))
    yield Case(active.muon_step, muon, 12 * 5 * 2 * (4 + 1 + 4) * float(C) ** 3, size)
    yield Case(active.sgd_step, sgd, size=size, rewritten=(0, 2))
    yield Case(active.sum_of_squares, lambda: (lists(1)[0],), size=size)
    yield Case(active.scale_, lambda: (lists(1)[0], 0.999), size=size, rewritten=(0,))


def _packed_cases(normal: Callable[..., Array]) -> Iterator[Case]:
    """One token times a matrix, in every precision; how quickly matrices are packed."""
    K, N_ = -(-C // 32) * 32, 4 * C

    def weights() -> Array:
        return normal(N_, K, dtype=np.float32)

    def quantised() -> tuple[Array, Array]:
        return active.quantize_int8(weights())

    for kind in ("float32", "bfloat16", "int8", "int4"):
        size = f"{kind}: {N_} x {K}"

        def step(kind: str = kind) -> Arguments:
            return normal(1, K, dtype=np.float32), active.pack_matrix(weights(), kind), kind, N_

        yield Case(active.pack_matrix, lambda kind=kind: (weights(), kind), size=size)  # type: ignore[misc]
        yield Case(active.packed_linear, step, size=f"1 x {size}")
    yield Case(active.pack_quantized, lambda: (*quantised(), "int8"), size=f"{N_} x {K}")
    for quantise in (active.quantize_int8, active.quantize_int4, active.quantize_rows):
        yield Case(quantise, lambda: (weights(),))
    yield Case(active.dequantize, quantised)


def _recurrent_cases(normal: Callable[..., Array]) -> Iterator[Case]:
    T, B, C = 64, 32, 256
    for name, gates in (("rnn", 1), ("gru", 3), ("lstm", 4)):
        size, flop = f"T {T}, B {B}, C {C}", 2.0 * T * B * gates * C * C
        step, back = (getattr(active, f"{name}_{way}") for way in ("forward", "backward"))

        def states(gates: int = gates) -> list[Array]:
            return [normal(B, C, dtype=np.float32) for _ in range(2 if gates == 4 else 1)]

        def forward(gates: int = gates, states: Any = states) -> Arguments:
            w = normal(gates * C, C, dtype=np.float32) * np.float32(C**-0.5)
            bias = [normal(3 * C, dtype=np.float32)] if gates == 3 else []
            return normal(T, B, gates * C), w, *bias, *states()

        def backward(step: Any = step, forward: Any = forward, states: Any = states) -> Arguments:
            saved = step(*forward())[:-1]
            return normal(T, B, C), *states(), forward()[1], *saved

        yield Case(step, forward, flop, size)
        yield Case(back, backward, 2 * flop, size)
