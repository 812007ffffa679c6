"""Blocks of 32 with a scale: bounds of the error, and the bytes of the gguf package."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from weft.kernels import active
from weft.kernels.reference import dequantize, quantize_int4, quantize_int8, quantize_rows

EPS16 = 2.0**-11  # the rounding of a float16, of its value; 2^-25 below its normal numbers
VALUES = st.floats(-60_000, 60_000, width=32)
MATRICES = arrays(
    np.float32, st.tuples(st.integers(1, 3), st.sampled_from([32, 96])), elements=VALUES
)


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32) * np.float32(0.02)


def blocks(x: np.ndarray) -> np.ndarray:
    return np.asarray(x, np.float64).reshape(*x.shape[:-1], -1, 32)


def check_error(w: np.ndarray, q: np.ndarray, scale: np.ndarray, furthest: int) -> None:
    """Half a step, and what the rounding of the step to `scale`'s type adds to q steps."""
    step = np.abs(blocks(w)).max(-1, keepdims=True) / furthest
    rounding = (EPS16 * step + 2.0**-25) if scale.dtype == np.float16 else 2.0**-23 * step
    bound = (
        0.5 * step * (1 + 1e-5) + furthest * rounding + 127 * 2.0**-126
    )  # no smaller step has an inverse
    error = np.abs(blocks(w) - blocks(dequantize(q, scale)))
    beyond = furthest == 8  # the end that int4 does not have: 7 stands for 7.5 to 8
    other_end = beyond & (blocks(q) == 7)
    assert (error <= np.where(other_end, step + 8 * rounding, bound)).all()


@given(MATRICES)
def test_int8_is_off_by_at_most_half_a_step(w):
    q, scale = quantize_int8(w)
    assert q.dtype == np.int8 and scale.dtype == np.float16 and np.abs(q.astype(int)).max() <= 127
    check_error(w, q, scale, 127)


@given(MATRICES)
def test_int4_is_off_by_at_most_half_a_step_but_at_the_other_end(w):
    q, scale = quantize_int4(w)
    assert q.dtype == np.int8 and scale.dtype == np.float16 and q.min() >= -8 and q.max() <= 7
    check_error(w, q, scale, 8)


@given(MATRICES)
def test_activations_are_off_by_at_most_half_a_step(x):
    q, scale = quantize_rows(x)
    assert q.dtype == np.int8 and scale.dtype == np.float32
    check_error(x, q, scale, 127)


@given(MATRICES)
def test_a_search_never_makes_a_block_worse(w):
    def squared_error(q, scale):
        return ((blocks(w) - blocks(dequantize(q, scale))) ** 2).sum(-1)

    default, searched = quantize_int4(w), quantize_int4(w, search=True)
    assert searched[0].min() >= -8 and searched[0].max() <= 7
    assert (squared_error(*searched) <= squared_error(*default) * (1 + 1e-5) + 1e-30).all()


def test_a_search_pays_on_normal_weights():
    w = normal(1, 64, 256)
    default, searched = quantize_int4(w), quantize_int4(w, search=True)
    error = [np.square(w - dequantize(*pair)).sum() for pair in (default, searched)]
    assert error[1] < 0.9 * error[0]  # the best of 300 scales gives 0.886


def test_what_integers_can_say_comes_back():
    integers = np.arange(-127, 129, dtype=np.float32).reshape(4, 64).clip(-127, 127)
    integers[:, ::32] = 127  # every block's scale is 1
    q, scale = quantize_int8(integers)
    np.testing.assert_array_equal(dequantize(q, scale), integers)
    nibbles = np.tile(np.arange(-8, 8, dtype=np.float32), 4)[None] * 0.5
    q, scale = quantize_int4(nibbles)
    np.testing.assert_array_equal(dequantize(q, scale), nibbles)
    for quantize in (quantize_int8, quantize_int4, quantize_rows):
        for nothing in (0.0, 1e-44):  # 1e-44: a step without a float32 inverse
            q, scale = quantize(np.full((2, 64), nothing, np.float32))
            np.testing.assert_array_equal(dequantize(q, scale), 0)


def test_halves_go_away_from_zero_and_no_other():
    below = np.nextafter(np.float32(0.5), np.float32(0))
    row = np.array([[127, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, below, -below] + [0] * 23], np.float32)
    assert quantize_int8(row)[0][0, :9].tolist() == [127, 1, -1, 2, -2, 3, -3, 0, 0]


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e-7, 1e-10, 3e3])
def test_bytes_of_the_gguf_package(scale):
    gguf = pytest.importorskip("gguf", reason="pip install gguf: llama.cpp's blocks in NumPy")
    from gguf import quants

    w = normal(2, 48, 320) * np.float32(50 * scale)
    w[0, :32], w[1, :4] = 0, -w[1, 4:8]  # a block of zeros; equal extremes of both signs
    q, d = quantize_int8(w)
    ours = np.concatenate([d[..., None].view(np.uint8), q.reshape(48, 10, 32).view(np.uint8)], -1)
    theirs = quants.quantize(w, gguf.GGMLQuantizationType.Q8_0)
    np.testing.assert_array_equal(ours.reshape(48, -1), theirs)
    q, d = quantize_int4(w)
    nibbles = (q + 8).astype(np.uint8).reshape(48, 10, 32)
    packed = nibbles[..., :16] | nibbles[..., 16:] << 4
    ours = np.concatenate([d[..., None].view(np.uint8), packed], -1)
    theirs = quants.quantize(w, gguf.GGMLQuantizationType.Q4_0)
    np.testing.assert_array_equal(ours.reshape(48, -1), theirs)


def test_any_number_of_axes_and_no_rows():
    w = normal(3, 2, 3, 64)
    q, scale = active.quantize_int8(w)
    assert q.shape == (2, 3, 64) and scale.shape == (2, 3, 2)
    np.testing.assert_array_equal(q[1], active.quantize_int8(w[1])[0])
    searched = functools.partial(active.quantize_int4, search=True)
    for quantize in (active.quantize_int8, active.quantize_int4, searched, active.quantize_rows):
        q, scale = quantize(np.zeros((0, 64), np.float32))
        assert active.dequantize(q, scale).shape == (0, 64)


@pytest.mark.parametrize("quantize", [quantize_int8, quantize_int4, quantize_rows])
@pytest.mark.parametrize("shape", [(2, 33), (2, 16), ()])
def test_rows_that_are_no_multiple_of_32(quantize, shape):
    with pytest.raises(ValueError, match="multiple of 32"):
        quantize(np.zeros(shape, np.float32))


@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38])
def test_what_no_scale_reaches_is_an_error_in_weights_and_nan_in_activations(value):
    w = np.ones((2, 64), np.float32)
    w[1, 40] = value
    for quantize in (quantize_int8, quantize_int4):
        with pytest.raises(ValueError, match="not finite, or too large"):
            quantize(w)
    with np.errstate(invalid="ignore"):
        back = dequantize(*quantize_rows(w))
    np.testing.assert_array_equal(back[0], 1)
    np.testing.assert_array_equal(back[1, :32], 1)
    if value < np.inf:
        assert back[1, 40] == pytest.approx(value)
    else:
        assert np.isnan(back[1, 32:]).all()


def test_scales_of_another_shape():
    q, scale = quantize_int8(np.ones((2, 64), np.float32))
    with pytest.raises(ValueError, match="needs scale"):
        dequantize(q, scale[:1])
