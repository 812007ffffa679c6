"""What a kernel cannot do, it refuses: the right error, and never a crash or a silent broadcast."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from inputs import bfloat16

from weft.kernels import active


def f(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def i(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


EITHER = (ValueError, IndexError)
ADAM = (1.0, 0.1, 0.9, 0.9, 1e-8, 0.0, True)
MUON = (1.0, 1.0, 0.9, True, 3.4445, -4.775, 2.0315, 1e-7, 5)
SGD = (1.0, 0.1, 0.9, 0.0, 0.0, False, False)

WRONG_SHAPES: list[tuple[str, tuple[Any, ...]]] = [
    ("matmul", (f(2, 3), f(4, 5))),
    ("matmul", (f(3), f(3, 4))),
    ("matmul", (f(2, 2, 3), f(3, 3, 4))),
    ("linear_forward", (f(2, 3), f(4, 5), None)),
    ("linear_forward", (f(2, 3), f(4, 3), f(5))),
    ("linear_backward", (f(2, 4), f(3, 3), f(4, 3), True)),
    ("gelu_backward", (f(2, 3), f(5, 7), True)),
    ("relu_backward", (f(2, 3), f(5, 7))),
    ("swiglu_forward", (f(2, 3), f(5, 7))),
    ("swiglu_backward", (f(2, 3), f(2, 3), f(5, 7))),
    ("softmax_backward", (f(2, 3), f(5, 7))),
    ("layer_norm_forward", (f(2, 3), f(4), None, 1e-5, np.float32)),
    ("layer_norm_forward", (f(2, 3), f(3), f(5), 1e-5, np.float32)),
    ("layer_norm_forward", (f(2, 0), None, None, 1e-5, np.float32)),
    ("layer_norm_forward", (f(), None, None, 1e-5, np.float32)),
    ("layer_norm_backward", (f(2, 3), f(2, 3), f(3), f(5, 1), f(5, 1), True)),
    ("rms_norm_forward", (f(2, 3), f(4), 1e-5, np.float32)),
    ("rms_norm_backward", (f(5, 7), f(2, 3), f(3), f(2, 1))),
    ("rms_norm_backward", (f(2, 3), f(2, 3), f(3), f(2))),
    ("layer_norm_backward", (f(2, 3), f(2, 3), f(3), f(2), f(2, 1), True)),
    ("rotary_forward", (f(2, 5, 3, 8), f(5, 3), f(5, 3))),
    ("rotary_forward", (f(2, 5, 3, 7), f(5, 3), f(5, 3))),
    ("attention_forward", (f(1, 2, 4, 8), f(1, 2, 3, 8), f(1, 2, 3, 8), 1.0, True, 0.0, 0)),
    ("attention_forward", (f(1, 2, 4, 8), f(1, 2, 4, 6), f(1, 2, 4, 6), 1.0, True, 0.0, 0)),
    ("attention_forward", (f(1, 2, 4, 8), f(1, 3, 4, 8), f(1, 2, 4, 8), 1.0, True, 0.0, 0)),
    ("attention_forward", (f(1, 5, 4, 8), f(1, 2, 4, 8), f(1, 2, 4, 8), 1.0, True, 0.0, 0)),
    ("attention_forward", (*(f(1, 2, 4, 8),) * 3, 1.0, True, 0.0, 0, -1)),
    ("attention_forward", (*(f(1, 2, 4, 8),) * 3, 1.0, False, 0.0, 0, 2)),
    ("attention_forward", (*(f(1, 2, 4, 8),) * 3, 1.0, False, 0.0, 0, 0, f(4))),
    ("attention_forward", (*(f(1, 2, 4, 8),) * 3, 1.0, True, 0.0, 0, 0, f(3))),
    (
        "attention_qkv_backward",
        (f(1, 2, 4, 8), f(1, 2, 4, 8), f(1, 2, 4, 8), f(1, 4, 2), 1.0, True, 0.0, 0),
    ),
    ("embedding_backward", (f(2, 3), i(0, 1, 1), 4)),
    ("cross_entropy_forward", (f(2, 3), i(0, 1, 2), -100)),
    ("cross_entropy_forward", (f(2, 3, 4), i(0, 1), -100)),
    ("add", (f(2, 3), f(3))),
    ("add_", (f(2, 3), f(3))),
    ("mul", (f(2, 3), f(3))),
    ("adam_step", ([f(3)], [f(4)], [f(3)], [f(3)], [f(1)], *ADAM)),
    ("adam_step", ([f(3)], [f(3)], [f(3)], [f(3)], [f(2)], *ADAM)),
    ("adam_step", ([f(3)], [f(3)], [f(3)], [f(3)], [], *ADAM)),
    ("adam_step", ([f(3)], [f(3)], [], [f(3)], [f(1)], *ADAM)),
    ("muon_step", ([f(2, 3)], [f(2, 3)], [f(2, 3)], f(2), *MUON)),
    ("muon_step", ([f(2, 3)], [f(2, 3)], [f(3, 2)], f(1), *MUON)),
    ("muon_step", ([f(3)], [f(3)], [f(3)], f(1), *MUON)),
    ("muon_step", ([f(2, 3)], [f(2, 3)], [f(2, 3)], f(1), *MUON[:-1], 100)),
    ("muon_step", ([f(2, 3)], [f(2, 3)], [f(2, 3)], f(1), *MUON[:-1], -1)),
    ("sgd_step", ([f(3)], [f(3)], [f(4)], *SGD)),
    ("sgd_step", ([f(3)], [f(3), f(3)], None, *SGD)),
]


@pytest.mark.parametrize("name, args", WRONG_SHAPES)
def test_wrong_shapes(name: str, args: tuple[Any, ...]) -> None:
    with pytest.raises(EITHER):
        getattr(active, name)(*args)


OUT_OF_RANGE: list[tuple[str, tuple[Any, ...]]] = [
    (name, args)
    for bad in (-1, 4, 2**40, -(2**63))
    for name, args in (
        ("embedding_forward", (f(4, 3), i(0, bad, 1))),
        ("embedding_backward", (f(3, 2), i(0, bad, 1), 4)),
        ("cross_entropy_forward", (f(3, 4), i(0, bad, 1), -100)),
        ("cross_entropy_backward", (f(3), f(3, 4), i(0, bad, 1), f(3), -100)),
    )
]


@pytest.mark.parametrize("name, args", OUT_OF_RANGE)
def test_ids_out_of_range(name: str, args: tuple[Any, ...]) -> None:
    with pytest.raises(IndexError, match="out of range"):
        getattr(active, name)(*args)


WRONG_TYPES: list[tuple[str, tuple[Any, ...]]] = [
    ("gelu_forward", (i(1, 2), True)),
    ("softmax_forward", (np.ones((2, 3), np.float16),)),
    ("add", (i(1, 2), i(1, 2))),
    ("linear_forward", (i(1, 2)[None], i(1, 2)[None], None)),
    ("layer_norm_forward", (np.ones((2, 3), bool), None, None, 1e-5, np.float32)),
    ("embedding_forward", (f(4, 3), f(2))),
    ("cross_entropy_forward", (f(2, 3), f(2), -100)),
    ("scale_", ([np.ones(3, bfloat16)], 2.0)),
    ("scale_", ([f(3), i(1, 2)], 2.0)),
    (
        "adam_step",
        ([np.ones(3, bfloat16)], [f(3)], [f(3)], [f(3)], [f(1)], *ADAM),
    ),
]


@pytest.mark.parametrize("name, args", WRONG_TYPES)
def test_wrong_types(name: str, args: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        getattr(active, name)(*args)


def test_arguments_that_are_no_arrays(native: Any) -> None:
    for name in ("gelu_forward", "softmax_forward", "add", "matmul", "embedding_forward"):
        for junk in ("text", None, [1.0, 2.0], 3.0):
            with pytest.raises(TypeError):
                getattr(native, name)(junk, junk)


def test_in_place_needs_contiguous_writable_memory() -> None:
    with pytest.raises(ValueError):
        active.scale_([f(6)[::2]], 2.0)
    frozen = f(3)
    frozen.flags.writeable = False
    with pytest.raises(ValueError):
        active.scale_([frozen], 2.0)


def test_arrays_that_are_changed_share_no_memory(native: Any) -> None:
    """Which of two threads comes first would show in the result."""
    x, ones = f(9), f(8)
    for p, g, m, v, step in (
        (x[1:], x[:8], f(8), f(8), f(1)),
        (x[1:], ones, x[:8], f(8), f(1)),
        (x[1:], ones, f(8), x[1:], f(1)),
        (x[1:], ones, f(8), f(8), x[8:]),
    ):
        with pytest.raises(ValueError, match="share"):
            native.adam_step([p], [g], [m], [v], [step], *ADAM)
    with pytest.raises(ValueError, match="share"):
        native.sgd_step([x[1:]], [ones], [x[:8]], *SGD)
    with pytest.raises(ValueError, match="share"):
        native.scale_([ones, x, x], 2.0)
    with pytest.raises(ValueError, match="share"):
        native.add_(x[1:], x[:8])
    assert (x == 1).all() and (ones == 1).all()
    native.add_(x, x)  # but each element to itself is well defined
    native.sgd_step([f(8), f(8)], [ones, ones], None, *SGD)  # and reading twice harms nobody
    assert (x == 2).all()


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 5)])
def test_empty_arrays(shape: tuple[int, ...]) -> None:
    x = f(*shape)
    for name in ("gelu_forward", "relu_forward", "silu_forward", "softmax_forward"):
        rest = (True,) if name == "gelu_forward" else ()
        assert getattr(active, name)(x, *rest).shape == shape
    assert active.add(x, x).shape == shape
    assert active.dropout_forward(x, 0.5, 1).shape == shape
    assert active.sum_of_squares([x, x]) == 0.0
    active.scale_([x, f(3), x], 2.0)
    assert active.sum_of_squares([]) == 0.0


def test_empty_batches() -> None:
    no_rows = f(0, 3)
    y, mean, rstd = active.layer_norm_forward(no_rows, f(3), f(3), 1e-5, np.float32)
    assert y.shape == (0, 3) and mean.shape == rstd.shape == (0, 1)
    dx, dw, db = active.layer_norm_backward(y, no_rows, f(3), mean, rstd, True)
    assert dx.shape == (0, 3) and not dw.any() and not db.any()
    assert active.embedding_forward(f(4, 3), i()).shape == (0, 3)
    assert not active.embedding_backward(f(0, 3), i(), 4).any()
    losses, lse = active.cross_entropy_forward(no_rows, i(), -100)
    assert losses.shape == lse.shape == (0,)
    assert active.cross_entropy_backward(losses, no_rows, i(), lse, -100).shape == (0, 3)
    assert active.linear_forward(no_rows, f(2, 3), f(2)).shape == (0, 2)
    dx, dw, db = active.linear_backward(f(0, 2), no_rows, f(2, 3), True)
    assert dx.shape == (0, 3) and not dw.any() and not db.any()
    assert (active.matmul(f(2, 0), f(0, 3)) == 0).all()


def test_no_rows_of_enormous_length(native: Any) -> None:
    x, rstd = f(0, 2**40), f(0, 1)
    assert native.rms_norm_forward(x, None, 1e-5, np.float32)[0].shape == x.shape
    assert native.layer_norm_forward(x, None, None, 1e-5, np.float32)[0].shape == x.shape
    assert native.rms_norm_backward(x, x, None, rstd)[0].shape == x.shape
    assert native.layer_norm_backward(x, x, None, rstd, rstd, False)[0].shape == x.shape


def test_heads_of_no_size() -> None:
    q = f(1, 4, 2, 0)
    y, lse = active.attention_forward(q, q, q, 1.0, True, 0.0, 0)
    assert y.shape == q.shape
    np.testing.assert_allclose(lse, np.log([[[1, 2, 3, 4]] * 2]), atol=1e-6)


def test_float64_is_the_references_work() -> None:
    x = np.ones((2, 3))
    for name in ("softmax_forward", "relu_forward", "tanh_forward"):
        assert getattr(active, name)(x).dtype == np.float64
    assert active.add(x, f(2, 3)).dtype == np.float64
    y, mean, rstd = active.layer_norm_forward(x, x[0], None, 1e-5, np.float64)
    assert y.dtype == mean.dtype == rstd.dtype == np.float64


def test_the_error_of_an_array_outlives_a_dtype_that_is_asked_for_its_own(native: Any) -> None:
    """NumPy reads the number's `.dtype`, and lost on the way that there was no memory."""
    with pytest.raises(MemoryError):
        native.cast(np.broadcast_to(f(1), (1 << 50,)), np.float32(1.0))


def test_ids_of_any_integer_type() -> None:
    w = np.arange(12, dtype=np.float32).reshape(4, 3)
    for dtype in (np.int32, np.int64, np.uint16, np.uint32):
        ids = np.array([3, 0, 3], dtype)
        np.testing.assert_array_equal(active.embedding_forward(w, ids), w[[3, 0, 3]])
        dw = active.embedding_backward(f(3, 3), ids, 4)
        np.testing.assert_array_equal(dw[:, 0], [1, 0, 0, 2])


def test_a_probability_of_nothing_is_no_warning() -> None:
    """NaN and infinity are results here, not warnings: training looks at the loss."""
    x = np.array([[np.inf, -np.inf, np.nan, 1e38]], np.float32)
    for name in ("softmax_forward", "log_softmax_forward", "silu_forward", "sigmoid_forward"):
        assert getattr(active, name)(x).shape == x.shape
    assert active.mul(x, x).shape == x.shape
