"""Packed matrices: the same bytes from both twins, products within their bound, the same bits for
any number of rows and threads."""

from __future__ import annotations

import itertools
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from weft.kernels import active, reference
from weft.kernels.reference.packed import unpack_matrix

KINDS = ("float32", "bfloat16", "int8", "int4")
BACKENDS = ["reference", *(active.native.isas() if active.native else [])]
SHAPES = [(1, 1), (5, 7), (16, 32), (17, 33), (35, 64), (130, 96)]
U = 2.0**-24


@pytest.fixture(params=BACKENDS)
def kernels(request: Any) -> Any:
    if request.param == "reference":
        return reference
    active.native.set_isa(request.param)
    return active.native


@pytest.fixture(autouse=True)
def best_again() -> Any:
    yield
    if active.native:
        active.native.set_isa(active.native.isas()[-1])
        active.native.set_num_threads(active.native.processors())


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([*shape, seed]).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_bytes(kernels: Any, kind: str, shape: tuple[int, int]) -> None:
    w = normal(*shape)
    w[0, 0] = 0.5  # among others, blocks whose values lie half-way between two integers
    w[-1] = np.linspace(-127, 127, shape[1]).round() / 2
    for source in (w, w.astype(ml_dtypes.bfloat16)):
        want = reference.pack_matrix(source, kind)
        assert np.array_equal(kernels.pack_matrix(source, kind), want)
        assert np.array_equal(kernels.pack_matrix(np.ascontiguousarray(source.T), kind, True), want)
        assert want.ctypes.data % 64 == 0


@pytest.mark.parametrize("shape", SHAPES)
def test_bytes_of_searched_scales(kernels: Any, shape: tuple[int, int]) -> None:
    w = normal(*shape) * np.geomspace(1e-3, 1e3, shape[0], dtype=np.float32)[:, None]
    w[0, 1:] = 0
    w[-1] = np.linspace(-8, 8, shape[1]).round()
    for source in (w, w.astype(ml_dtypes.bfloat16), np.zeros_like(w)):
        want = reference.pack_matrix(source, "int4", search=True)
        assert np.array_equal(kernels.pack_matrix(source, "int4", search=True), want)
        turned = np.ascontiguousarray(source.T)
        assert np.array_equal(kernels.pack_matrix(turned, "int4", True, True), want)
    searched = reference.pack_matrix(w, "int4", search=True)
    assert w.size < 1000 or not np.array_equal(reference.pack_matrix(w, "int4"), searched)


@pytest.mark.parametrize("kind", ["int8", "int4"])
@pytest.mark.parametrize("number", [np.nan, np.inf, -1e7])
def test_what_no_scale_can_hold_is_refused(kernels: Any, kind: str, number: float) -> None:
    w = normal(40, 96)
    w[39, 95] = number
    for search in (False, True):
        with pytest.raises(ValueError, match="not finite, or too large for a float16 scale"):
            kernels.pack_matrix(w, kind, search=search)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_unpacking(kind: str, shape: tuple[int, int]) -> None:
    w = normal(*shape)
    back = unpack_matrix(reference.pack_matrix(w, kind), kind, *shape)
    # Of int4 -8 is the largest, and 7 stands for 8 at the other end; scales are float16.
    step = {"float32": 0, "bfloat16": 2**-8, "int8": 0.5 / 127, "int4": 1 / 8}[kind]
    scale = 2**-11 if kind in ("int8", "int4") else 0
    assert back.shape == shape
    assert (np.abs(back - w) <= (step + scale) * (1 + 1e-5) * np.abs(w).max()).all()


def exact(x: np.ndarray, data: np.ndarray, kind: str, outputs: int) -> np.ndarray:
    return reference.packed_linear(x.astype(np.float64), data, kind, outputs)


def bound(x: np.ndarray, data: np.ndarray, kind: str, outputs: int) -> np.ndarray:
    """K roundings of sums that |x| |w| bounds, two more for the scales; inputs that count as
    bfloat16, or bytes of 1/127 of the largest, are at most that much larger than they are."""
    w = np.abs(unpack_matrix(data, kind, outputs, x.shape[1])).astype(np.float64)
    largest = np.abs(x).max() / 127 + 2**-8 * np.abs(x)
    return (x.shape[1] + 4) * U * ((np.abs(x) + largest) @ w.T) + 1e-36


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [1, 2, 5, 19])
@pytest.mark.parametrize("shape", SHAPES)
def test_product(kernels: Any, kind: str, rows: int, shape: tuple[int, int]) -> None:
    x, w = normal(rows, shape[1], seed=1), normal(*shape)
    data = reference.pack_matrix(w, kind)
    want, limit = exact(x, data, kind, shape[0]), bound(x, data, kind, shape[0])
    got = kernels.packed_linear(x, data, kind, shape[0])
    assert got.shape == want.shape
    assert (np.abs(got - want) <= limit).all()
    wrong = kernels.packed_linear(x, reference.pack_matrix(w * 1.02, kind), kind, shape[0])
    assert (np.abs(wrong - want) > limit).any()


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_many_rows_take_the_weights_as_numbers(kernels: Any, kind: str) -> None:
    """In bfloat16 at worst: an error of 2^-8 in each factor."""
    x, w = normal(50, 96, seed=1), normal(70, 96)
    data = reference.pack_matrix(w, kind)
    numbers = unpack_matrix(data, kind, 70, 96).astype(np.float64)
    want, size = x @ numbers.T, np.abs(x).astype(np.float64) @ np.abs(numbers).T
    got = kernels.packed_linear(x, data, kind, 70, True)
    limit = (2 * 2.0**-8 + 2.0**-16 + 100 * U) * size
    assert (np.abs(got - want) <= limit).all()
    assert (np.abs(got * 1.02 - want) > limit).any()


@pytest.mark.parametrize("kind", KINDS)
def test_rows_do_not_depend_on_each_other(kernels: Any, kind: str) -> None:
    if kernels is reference:
        pytest.skip("NumPy's products of few and of many rows round differently")
    x, data = normal(40, 100, seed=1), reference.pack_matrix(normal(150, 100), kind)
    together = kernels.packed_linear(x, data, kind, 150)
    for first, size in itertools.product((0, 7), (1, 2, 3, 6, 17, 33)):
        some = x[first : first + size]
        assert np.array_equal(
            kernels.packed_linear(some, data, kind, 150), together[first : first + size]
        )
    for threads in (1, 2, 3):
        kernels.set_num_threads(threads)
        assert np.array_equal(kernels.packed_linear(x, data, kind, 150), together)


def test_what_is_no_number_stays_in_its_row(kernels: Any) -> None:
    for kind, value in itertools.product(KINDS, (np.nan, np.inf)):
        x, data = normal(3, 64, seed=1), reference.pack_matrix(normal(20, 64), kind)
        clean = kernels.packed_linear(x, data, kind, 20)
        x[1, 40] = value
        with np.errstate(all="ignore"):
            got = kernels.packed_linear(x, data, kind, 20)
        assert not np.isfinite(got[1]).any()
        assert np.array_equal(got[[0, 2]], clean[[0, 2]])


def test_bad_arguments() -> None:
    if active.native is None:
        pytest.skip("the checks of the native twins")
    native, data = active.native, reference.pack_matrix(normal(20, 64), "int8")
    with pytest.raises(ValueError, match="int5"):
        native.pack_matrix(normal(20, 64), "int5")
    with pytest.raises(ValueError, match="two axes"):
        native.pack_matrix(normal(2, 20, 64), "int8")
    with pytest.raises(ValueError, match="choose 1 to"):
        native.pack_matrix(np.zeros((0, 4), np.float32), "int8")
    with pytest.raises(ValueError, match="bytes, not"):
        native.packed_linear(normal(1, 64), data[:-1], "int8", 20)
    with pytest.raises(ValueError, match="bytes, not"):
        native.packed_linear(normal(1, 64), data, "int4", 20)
    with pytest.raises(ValueError, match="choose 1 to"):
        native.packed_linear(normal(1, 64), data, "int8", 0)
    moved = np.empty(data.nbytes + 1, np.uint8)[1:]
    with pytest.raises(ValueError, match="aligned"):
        native.packed_linear(normal(1, 64), moved, "int8", 20)
