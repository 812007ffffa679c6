"""Timing each kernel by itself, at the sizes of one block of a small model (B 8, T 256, C 384)."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.kernels import active

B, T, C, H, V = 8, 256, 384, 6, 512
N = B * T
Array = NDArray[Any]
ITEM = {"float32": 4, "bfloat16": 2}


@dataclass(frozen=True)
class Case:
    """A call, and the work in it: floating-point operations, or bytes read and written."""

    name: str
    size: str
    call: Callable[[], Any]
    work: float
    unit: str = "GB/s"


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
    results = []
    for case in cases(precision):
        if only in case.name:
            median = time_call(case.call, seconds)
            rate = case.work / median / 1e9
            results.append(Result(case.name, case.size, median, rate, case.unit))
    return results


def time_call(call: Callable[[], Any], seconds: float) -> float:
    """Median seconds of a call; as many calls as fit, three at least."""
    call()
    times: list[float] = []
    while len(times) < 3 or sum(times) < seconds:
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def cases(precision: str) -> Iterator[Case]:
    """All kernels of training and decoding."""
    dtype = np.dtype(precision)
    rng = np.random.default_rng(0)

    def normal(*shape: int, dtype: Any = dtype) -> Array:
        return rng.standard_normal(shape, np.float32).astype(dtype)

    yield from _matrix_cases(normal)
    yield from _attention_cases(normal)
    yield from _row_cases(normal, ITEM[precision])
    yield from _loss_cases(normal, ITEM[precision])
    yield from _parameter_cases(normal)


def _matrix_cases(normal: Callable[..., Array]) -> Iterator[Case]:
    a, b = normal(512, 512), normal(512, 512)
    yield Case("matmul", "512 x 512 x 512", lambda: active.matmul(a, b), 2 * 512**3, "GFLOP/s")
    x, w, bias = normal(N, C), normal(4 * C, C, dtype=np.float32), normal(4 * C, dtype=np.float32)
    dy, size, work = normal(N, 4 * C), f"{N} x {C} x {4 * C}", 2.0 * N * C * 4 * C
    yield Case("linear_forward", size, lambda: active.linear_forward(x, w, bias), work, "GFLOP/s")
    yield Case(
        "linear_backward",
        size,
        lambda: active.linear_backward(dy, x, w, True),
        2 * work,
        "GFLOP/s",
    )
    row, size = normal(1, C), f"1 x {C} x {4 * C}"
    yield Case("linear_forward", size, lambda: active.linear_forward(row, w, bias), w.nbytes)


def _attention_cases(normal: Callable[..., Array]) -> Iterator[Case]:
    D = C // H
    q, k, v, dy = (normal(B, T, H, D) for _ in range(4))
    scale, size = D**-0.5, f"B {B}, T {T}, H {H}, D {D}"
    y, lse = active.attention_forward(q, k, v, scale, True, 0.0, 0)
    work = 2.0 * B * H * T * T * D  # two products, half of each is masked
    yield Case(
        "attention_forward",
        size,
        lambda: active.attention_forward(q, k, v, scale, True, 0.0, 0),
        work,
        "GFLOP/s",
    )
    yield Case(
        "attention_backward",
        size,
        lambda: active.attention_backward(dy, q, k, v, y, lse, scale, True, 0.0, 0),
        2.5 * work,
        "GFLOP/s",
    )


def _row_cases(normal: Callable[..., Array], item: int) -> Iterator[Case]:
    x, dy = normal(N, C), normal(N, C)
    wide, dwide, gate = normal(N, 4 * C), normal(N, 4 * C), normal(N, 4 * C)
    w, b = normal(C, dtype=np.float32), normal(C, dtype=np.float32)
    size, big = f"{N} x {C}", f"{N} x {4 * C}"
    one, four = N * C * item, 4 * N * C * item  # bytes of such an array
    _, mean, rstd = active.layer_norm_forward(x, w, b, 1e-5, x.dtype)
    _, rms = active.rms_norm_forward(x, w, 1e-5, x.dtype)
    calls: list[tuple[str, str, Callable[[], Any], int]] = [
        ("layer_norm_forward", size,
         lambda: active.layer_norm_forward(x, w, b, 1e-5, x.dtype), 2 * one),
        ("layer_norm_backward", size,
         lambda: active.layer_norm_backward(dy, x, w, mean, rstd, True), 3 * one),
        ("rms_norm_forward", size, lambda: active.rms_norm_forward(x, w, 1e-5, x.dtype), 2 * one),
        ("rms_norm_backward", size, lambda: active.rms_norm_backward(dy, x, w, rms), 3 * one),
        ("gelu_forward", big, lambda: active.gelu_forward(wide, True), 2 * four),
        ("gelu_backward", big, lambda: active.gelu_backward(dwide, wide, True), 3 * four),
        ("swiglu_forward", big, lambda: active.swiglu_forward(gate, wide), 3 * four),
        ("swiglu_backward", big, lambda: active.swiglu_backward(dwide, gate, wide), 5 * four),
        ("dropout_forward", size, lambda: active.dropout_forward(x, 0.1, 1), 2 * one),
        ("add", size, lambda: active.add(x, dy), 3 * one),
    ]  # fmt: skip
    yield from (Case(*call) for call in calls)


def _loss_cases(normal: Callable[..., Array], item: int) -> Iterator[Case]:
    logits, table = normal(N, V), normal(V, C, dtype=np.float32)
    ids = np.arange(N) % V
    _, lse = active.cross_entropy_forward(logits, ids, -100)
    dlosses, dy = np.full(N, 1 / N, np.float32), normal(N, C, dtype=np.float32)
    read = N * V * item
    calls: list[tuple[str, str, Callable[[], Any], int]] = [
        ("softmax_forward", f"{N} x {V}", lambda: active.softmax_forward(logits), 2 * read),
        ("cross_entropy_forward", f"{N} x {V}",
         lambda: active.cross_entropy_forward(logits, ids, -100), read),
        ("cross_entropy_backward", f"{N} x {V}",
         lambda: active.cross_entropy_backward(dlosses, logits, ids, lse, -100), 2 * read),
        ("embedding_forward", f"{N} of {V} x {C}",
         lambda: active.embedding_forward(table, ids), 8 * N * C),
        ("embedding_backward", f"{N} of {V} x {C}",
         lambda: active.embedding_backward(dy, ids, V), 4 * (N + V) * C),
    ]  # fmt: skip
    yield from (Case(*call) for call in calls)


def _parameter_cases(normal: Callable[..., Array]) -> Iterator[Case]:
    count = 4 * C * C
    p, g, m, v = (normal(count, dtype=np.float32) for _ in range(4))
    v, step = np.abs(v), np.zeros((), np.float32)
    yield Case(
        "adam_step",
        f"{count}",
        lambda: active.adam_step([p], [g], [m], [v], [step], 0.5, 1e-3, 0.9, 0.99, 1e-8, 0.1, True),
        7 * 4 * count,
    )
    yield Case("sum_of_squares", f"{count}", lambda: active.sum_of_squares([g]), 4 * count)
