"""Every kernel, in every instruction set that this CPU can run, against its exact definition.

"reference" is one of the backends: the definitions run in float32 and bfloat16 must themselves be
within the bounds.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest
from compare import failures
from inputs import Inputs, bfloat16, float32
from twin import Twin
from twins import TWINS

from weft.kernels import active, reference

BACKENDS = ["reference", *(active.native.isas() if active.native else [])]
REASON = "no native kernels: weft._native was not built, or WEFT_KERNELS=reference"
ROWS = [
    pytest.param(twin, dtype, id=f"{twin.label}-{dtype.name}")
    for twin in TWINS
    for dtype in twin.dtypes
]
PRIMES = (37, 61, 127, 251)
# Definitions alone: what a file or a test needs, and no step of a model waits for.
WITHOUT_TWIN = {"philox", "dequantize", "quantize_int4", "quantize_int8", "quantize_rows"}
WITHOUT_TWIN |= {"pack_matrix", "pack_quantized", "packed_linear"}  # bytes: test_packed.py
MANY_PRIMES = (*PRIMES, 509, 1021, 2039)


def kernels_of(backend: str) -> Any:
    if backend == "reference":
        return reference
    active.native.set_isa(backend)
    return active.native


def covered(backend: str, twin: Twin) -> Any:
    module = kernels_of(backend)
    if not hasattr(module, twin.name):
        pytest.skip(f"{twin.name} has no native twin; kernels.active runs its definition")
    return module


def lanes_of(backend: str) -> int:
    return 4 if backend == "reference" else active.native.lanes()


def compact(lanes: int) -> list[int]:
    return sorted({0, 1, 2, lanes - 1, lanes, lanes + 1, 2 * lanes, 2 * lanes + 1, 37, 127})


def check(twin: Twin, module: Any, i: Inputs) -> None:
    args = twin.inputs(i)
    with np.errstate(all="ignore"):
        lines = failures(twin, args, twin.run(module, args))
    assert not lines, f"n = {i.n}, rows = {i.rows}, offset = {i.offset}: {'; '.join(lines)}"


def test_there_are_native_rows() -> None:
    if active.native is None:
        pytest.skip(REASON)
    assert {name for name in reference.__all__ if not hasattr(active.native, name)} <= WITHOUT_TWIN


def test_every_kernel_has_a_row() -> None:
    assert {twin.name for twin in TWINS} == set(reference.__all__) - WITHOUT_TWIN


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("twin, dtype", ROWS)
def test_twin(twin: Twin, dtype: np.dtype, backend: str) -> None:
    module = covered(backend, twin)
    for index, n in enumerate(compact(lanes_of(backend))):
        if n >= twin.least:
            check(twin, module, Inputs(n, dtype, offset=index % 4))


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("twin, dtype", ROWS)
def test_twin_at_every_length(twin: Twin, dtype: np.dtype, backend: str) -> None:
    module = covered(backend, twin)
    for n in (*range(2 * lanes_of(backend) + 2), *MANY_PRIMES):
        for offset in range(4) if n < 256 else (1,):
            if twin.least <= n <= twin.most:
                check(twin, module, Inputs(n, dtype, offset=offset, rows=5))


# More elements than one thread's share, and many more rows than one piece of a sum over rows.
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "name", ["add", "gelu_forward", "softmax_forward", "layer_norm_backward", "rms_norm_backward",
             "embedding_backward", "cross_entropy_backward", "dropout_forward", "adam_step"],
)  # fmt: skip
def test_many_rows(name: str, backend: str) -> None:
    twin = next(t for t in TWINS if t.name == name)
    check(twin, covered(backend, twin), Inputs(41, float32, rows=1531))


# So long a depth that it is cut, and what follows the product waits for the last piece.
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [float32, bfloat16], ids=str)
def test_long_depth(dtype: np.dtype, backend: str) -> None:
    twin = next(t for t in TWINS if t.name == "linear_forward" and "residual" in t.variant)
    module, i = kernels_of(backend), Inputs(4096, dtype)
    args = (i.normal(64, 4096), i.weight(128, 4096), i.weight(128), i.weight(64, 128), 0.0, 0)
    for _ in range(5):  # what was left undone once showed in the second call
        assert not failures(twin, args, twin.run(module, args))


# Rows so many that the gradient of the weight is made of two halves.
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [float32, bfloat16], ids=str)
def test_weight_in_halves(dtype: np.dtype, backend: str) -> None:
    twin = next(t for t in TWINS if t.name == "linear_backward")
    i = Inputs(70, dtype)
    args = (i.normal(1003, 90), i.normal(1003, 70), i.weight(90, 70), True)
    assert not failures(twin, args, twin.run(kernels_of(backend), args))


# Several tiles of queries and of keys, whole ones of them outside of the window.
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("twin, dtype", [
    row for row in ROWS if row.values[0].variant.startswith(("Tq-window", "Tk-window"))
])  # fmt: skip
def test_long_window(twin: Twin, dtype: np.dtype, backend: str) -> None:
    check(twin, covered(backend, twin), Inputs(197, dtype, offset=1))


@pytest.mark.parametrize("backend", sorted({"reference", BACKENDS[-1]}))
@pytest.mark.parametrize("twin, dtype", ROWS)
def test_wrong_twin_is_rejected(twin: Twin, dtype: np.dtype, backend: str) -> None:
    module = covered(backend, twin)
    args = twin.inputs(Inputs(37, dtype))
    assert failures(twin, args, twin.run(module, twin.wrong(*args)))


@pytest.mark.parametrize("twin, dtype", ROWS)
def test_one_wrong_element_is_rejected(twin: Twin, dtype: np.dtype) -> None:
    """The last element of each result, one percent (in bfloat16, three) of the largest away."""
    args = twin.inputs(Inputs(37, dtype))
    for index, result in enumerate(twin.run(reference, args)):
        if result is None:
            continue
        results = [np.array(r) if r is not None else None for r in twin.run(reference, args)]
        wide = np.asarray(result, np.float64)
        step = (0.03 if result_dtype(result) == bfloat16 else twin.noticed) * np.abs(wide).max()
        wide.reshape(-1)[-1] += step if wide.reshape(-1)[-1] > 0 else -step
        results[index] = wide.astype(result_dtype(result))
        assert failures(twin, args, tuple(results)), f"result {index}"


def result_dtype(result: Any) -> np.dtype:
    return np.asarray(result).dtype


def spoiled(twin: Twin, args: tuple[Any, ...], value: float) -> list[tuple[Any, ...]]:
    """The arguments with one element replaced, once for each floating array."""
    rng = np.random.default_rng(zlib.crc32(twin.label.encode()))
    versions = []
    for index, a in enumerate(args):
        if isinstance(a, np.ndarray) and a.dtype.kind not in "iu" and a.size:
            copy = a.copy()
            copy.reshape(-1)[rng.integers(a.size)] = value
            versions.append((*args[:index], copy, *args[index + 1 :]))
    return versions


# Where what is not a number goes, the definition decides.
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("twin, dtype", ROWS)
def test_not_a_number(twin: Twin, dtype: np.dtype, backend: str) -> None:
    module = covered(backend, twin)
    for args in spoiled(twin, twin.inputs(Inputs(37, dtype)), np.nan):
        with np.errstate(all="ignore"):
            results, (expected, _) = twin.run(module, args), twin.truth(args)
        for got, want in zip(results, expected, strict=True):
            if got is not None:
                np.testing.assert_array_equal(np.isnan(np.asarray(got, np.float64)), np.isnan(want))


INFINITY = {"softmax_forward", "log_softmax_forward", "cross_entropy_forward", "relu_forward",
            "relu2_forward", "sigmoid_forward", "tanh_forward", "gelu_forward", "silu_forward",
            "add", "mul", "cast", "embedding_backward", "dropout_forward", "scale_",
            "sum_of_squares"}  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize("twin, dtype", [row for row in ROWS if row.values[0].name in INFINITY])
def test_infinity(twin: Twin, dtype: np.dtype, value: float, backend: str) -> None:
    module = covered(backend, twin)
    for args in spoiled(twin, twin.inputs(Inputs(37, dtype)), value):
        with np.errstate(all="ignore"):
            results, (expected, _) = twin.run(module, args), twin.truth(args)
        for got, want in zip(results, expected, strict=True):
            got, want = np.asarray(got, np.float64), np.asarray(want)
            np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
            np.testing.assert_array_equal(got[np.isinf(want)], want[np.isinf(want)])
            assert not np.isinf(got[np.isfinite(want)]).any()


@pytest.mark.parametrize("twin, dtype", ROWS)
def test_array_that_is_not_contiguous(twin: Twin, dtype: np.dtype, native: Any) -> None:
    if not hasattr(native, twin.name):
        pytest.skip(f"{twin.name} has no native twin; kernels.active runs its definition")
    args = twin.inputs(Inputs(37, dtype))
    spread = tuple(
        scattered(a) if isinstance(a, np.ndarray) and i not in twin.changed else a
        for i, a in enumerate(args)
    )
    for a, b in zip(twin.run(native, args), twin.run(native, spread), strict=True):
        np.testing.assert_array_equal(a, b)


def scattered(a: np.ndarray) -> np.ndarray:
    """The same values in every second place of memory, backwards."""
    buffer = np.zeros((*a.shape[:-1], 2 * a.shape[-1]) if a.ndim else (2,), a.dtype)
    view = buffer[..., ::-2] if a.ndim else buffer[0:1].reshape(())
    view[...] = a
    return view
