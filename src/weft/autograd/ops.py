"""Every differentiable operation: what it computes and its gradient, side by side.

An op maps arrays to `(result, backward)`: `backward` takes the gradient of the result and returns
one gradient for each input (None where there is none). Ops know neither Tensor nor the tape;
`tensor.apply` records them. Shapes: B batch, T time, C width, H heads, D head size, V vocabulary,
N rows. Derived operations are one line each, in tensor.py.
"""

from __future__ import annotations

import builtins
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.autograd.mode import compute_dtype
from weft.kernels import active

Array = NDArray[Any]
Result = tuple[Array, Callable[..., Any]]
Shape = tuple[int, ...]
Axes = int | tuple[int, ...] | None


def sum_to(dy: Array, like: Any) -> Array | None:
    """Undo broadcasting: add up `dy` over the axes along which `like` was repeated."""
    if not isinstance(like, np.ndarray):
        return None  # a Python number has no gradient
    if dy.shape != like.shape:
        extra = dy.ndim - like.ndim
        repeated = [
            i + extra for i, n in enumerate(like.shape) if n == 1 and dy.shape[i + extra] > 1
        ]
        wide = dy.astype(np.float32) if dy.dtype.itemsize == 2 else dy
        dy = wide.sum(axis=(*range(extra), *repeated), keepdims=True).reshape(like.shape)
    return dy if dy.dtype == like.dtype else cast_array(dy, like.dtype)


def cast_array(x: Array, dtype: Any) -> Array:
    if x.dtype == dtype:
        return x
    floats = x.dtype.itemsize + np.dtype(dtype).itemsize == 6  # float32 and bfloat16
    return active.cast(x, dtype) if floats else x.astype(dtype)


def same_shape(a: Any, b: Any) -> bool:
    return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.shape == b.shape


LARGE = 1 << 15  # elements of an array worth taking from the kernels' memory


def broadcast(ufunc: np.ufunc, a: Any, b: Any) -> Array:
    """`ufunc` of operands of different shapes, one of which may be a number."""
    arrays = isinstance(a, np.ndarray) and isinstance(b, np.ndarray)
    if arrays and a.dtype == b.dtype and max(a.size, b.size) >= LARGE:
        out = active.empty(np.broadcast_shapes(a.shape, b.shape), a.dtype)
        return np.asarray(ufunc(a, b, out=out))
    return np.asarray(ufunc(a, b))


def joined(arrays: Sequence[Array], axis: int) -> Array:
    """The arrays, one behind the other."""
    first, length = arrays[0], builtins.sum([a.shape[axis] for a in arrays])
    if length * first.size < LARGE * first.shape[axis] or {a.dtype for a in arrays} != {
        first.dtype
    }:
        return np.concatenate(arrays, axis)
    axis %= first.ndim
    out = active.empty((*first.shape[:axis], length, *first.shape[axis + 1 :]), first.dtype)
    return np.concatenate(arrays, axis, out=out)


def copied(x: Array) -> Array:
    """A contiguous copy."""
    if x.size < LARGE:
        return np.array(x, order="C")
    y = active.empty(x.shape, x.dtype)
    y[...] = x
    return y


# ----- arithmetic, with broadcasting ----------------------------------------------------------


def add(a: Any, b: Any) -> Result:
    y = active.add(a, b) if same_shape(a, b) else broadcast(np.add, a, b)
    return y, lambda dy: (sum_to(dy, a), sum_to(dy, b))


def sub(a: Any, b: Any) -> Result:
    return np.asarray(a - b), lambda dy: (sum_to(dy, a), sum_to(-dy, b))


def product(a: Any, b: Any) -> Array:
    return active.mul(a, b) if same_shape(a, b) else broadcast(np.multiply, a, b)


def mul(a: Any, b: Any) -> Result:
    def backward(dy: Array) -> tuple[Array | None, Array | None]:
        da = sum_to(product(dy, b), a) if isinstance(a, np.ndarray) else None
        return da, sum_to(product(dy, a), b) if isinstance(b, np.ndarray) else None

    return product(a, b), backward


def div(a: Any, b: Any) -> Result:
    return np.asarray(a / b), lambda dy: (sum_to(dy / b, a), sum_to(-dy * a / (b * b), b))


def neg(x: Array) -> Result:
    return -x, lambda dy: -dy


def power(x: Array, exponent: float) -> Result:
    return x**exponent, lambda dy: dy * (exponent * x ** (exponent - 1))


def maximum(a: Any, b: Any) -> Result:
    def backward(dy: Array) -> tuple[Array | None, Array | None]:
        share = (a >= b) * 0.5 + (a > b) * 0.5  # equal values share the gradient
        return sum_to(dy * share, a), sum_to(dy * (1.0 - share), b)

    return np.asarray(np.maximum(a, b)), backward


# ----- one number in, one number out ----------------------------------------------------------


def exp(x: Array) -> Result:
    y = np.exp(x)
    return y, lambda dy: dy * y


def log(x: Array) -> Result:
    return np.log(x), lambda dy: dy / x


def sqrt(x: Array) -> Result:
    y = np.sqrt(x)
    return y, lambda dy: dy / (2.0 * y)


def absolute(x: Array) -> Result:
    return np.abs(x), lambda dy: dy * np.sign(x)


def sin(x: Array) -> Result:
    return np.sin(x), lambda dy: dy * np.cos(x)


def cos(x: Array) -> Result:
    return np.cos(x), lambda dy: -dy * np.sin(x)


def sigmoid(x: Array) -> Result:
    y = active.sigmoid_forward(x)
    return y, lambda dy: active.sigmoid_backward(dy, y)


def tanh(x: Array) -> Result:
    y = active.tanh_forward(x)
    return y, lambda dy: active.tanh_backward(dy, y)


def relu(x: Array) -> Result:
    y = active.relu_forward(x)
    return y, lambda dy: active.relu_backward(dy, y)


def relu2(x: Array) -> Result:
    return active.relu2_forward(x), lambda dy: active.relu2_backward(dy, x)


def gelu(x: Array, tanh: bool) -> Result:
    return active.gelu_forward(x, tanh), lambda dy: active.gelu_backward(dy, x, tanh)


def silu(x: Array) -> Result:
    return active.silu_forward(x), lambda dy: active.silu_backward(dy, x)


def swiglu(gate: Array, up: Array) -> Result:
    y = active.swiglu_forward(gate, up)
    return y, lambda dy: active.swiglu_backward(dy, gate, up)


def clamp(x: Array, low: float | None, high: float | None) -> Result:
    y = np.clip(x, low, high)
    return y, lambda dy: dy * (y == x)


def dropout(x: Array, p: float, key: int) -> Result:
    y = active.dropout_forward(x, p, key)
    return y, lambda dy: active.dropout_backward(dy, p, key, dy.dtype)


def clone(x: Array) -> Result:
    return copied(x), lambda dy: dy


def cast(x: Array, dtype: Any) -> Result:
    return cast_array(x, dtype), lambda dy: cast_array(dy, x.dtype)


def where(condition: Array, a: Any, b: Any) -> Result:
    y = np.where(condition, a, b)
    zero = y.dtype.type(0)
    return y, lambda dy: (
        None,
        sum_to(np.where(condition, dy, zero), a),
        sum_to(np.where(condition, zero, dy), b),
    )


# ----- reductions -----------------------------------------------------------------------------


def spread(dy: Array, shape: Shape, axis: Axes, keepdims: bool) -> Array:
    """The gradient of a sum: the same number for every entry that was added."""
    if axis is not None and not keepdims:
        dy = np.expand_dims(dy, axis)
    return np.broadcast_to(dy, shape)


def sum(x: Array, axis: Axes, keepdims: bool) -> Result:
    y = np.asarray(x.sum(axis=axis, keepdims=keepdims))
    return y, lambda dy: spread(dy, x.shape, axis, keepdims)


def mean(x: Array, axis: Axes, keepdims: bool) -> Result:
    y = np.asarray(x.mean(axis=axis, keepdims=keepdims))
    scale = y.size / max(x.size, 1)
    return y, lambda dy: spread(dy, x.shape, axis, keepdims) * dy.dtype.type(scale)


def extreme(x: Array, axis: int | None, keepdims: bool, largest: bool) -> Result:
    """max or min; along an axis the gradient goes to the first extreme entry, as in PyTorch."""
    if axis is None:
        y = np.asarray(x.max() if largest else x.min())
        return y, lambda dy: dy * ((x == y) / (x == y).sum()).astype(x.dtype)
    best = np.expand_dims(x.argmax(axis) if largest else x.argmin(axis), axis)
    y = np.take_along_axis(x, best, axis)

    def backward(dy: Array) -> Array:
        dx = np.zeros_like(x)
        np.put_along_axis(dx, best, dy if keepdims else np.expand_dims(dy, axis), axis)
        return dx

    return y if keepdims else y.squeeze(axis), backward


def cumsum(x: Array, axis: int) -> Result:
    y = np.cumsum(x, axis=axis, dtype=x.dtype)
    return y, lambda dy: np.flip(np.cumsum(np.flip(dy, axis), axis=axis, dtype=dy.dtype), axis)


def softmax(x: Array) -> Result:
    y = active.softmax_forward(x)
    return y, lambda dy: active.softmax_backward(dy, y)


def log_softmax(x: Array) -> Result:
    y = active.log_softmax_forward(x)
    return y, lambda dy: active.log_softmax_backward(dy, y)


# ----- shapes ---------------------------------------------------------------------------------


def sizes(shape: tuple[Any, ...]) -> Shape:
    """`view(2, 3)` and `view((2, 3))` mean the same."""
    if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        return tuple(shape[0])
    return shape


def reshape(x: Array, shape: Shape) -> Result:
    return x.reshape(shape), lambda dy: dy.reshape(x.shape)


def permute(x: Array, axes: Shape) -> Result:
    inverse = sorted(range(x.ndim), key=[axis % x.ndim for axis in axes].__getitem__)
    return x.transpose(axes), lambda dy: dy.transpose(inverse)


def broadcast_to(x: Array, shape: Shape) -> Result:
    return np.broadcast_to(x, shape), lambda dy: sum_to(dy, x)


def getitem(x: Array, index: Any) -> Result:
    basic = not any(isinstance(i, (np.ndarray, list)) for i in as_tuple(index))

    def backward(dy: Array) -> Array:
        dx = np.zeros_like(x)
        if basic:
            dx[index] = dy
        else:
            np.add.at(dx, index, dy)  # the same entry may be taken several times
        return dx

    return np.asarray(x[index]), backward


def as_tuple(index: Any) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)


def pieces_of(x: Array, sizes: Sequence[int], axis: int) -> tuple[Array, ...]:
    """Views of `x`, one behind the other along the axis."""
    before = (slice(None),) * (axis % x.ndim)
    ends = itertools.accumulate(sizes)
    return tuple([x[(*before, slice(end - n, end))] for n, end in zip(sizes, ends, strict=True)])


def split(
    x: Array, sizes: tuple[int, ...], axis: int
) -> tuple[tuple[Array, ...], Callable[..., Any]]:
    pieces = pieces_of(x, sizes, axis)

    def backward(*gradients: Array | None) -> Array:
        filled = [
            np.zeros_like(piece) if dy is None else dy
            for dy, piece in zip(gradients, pieces, strict=True)
        ]
        return joined(filled, axis)

    return pieces, backward


def concatenate(*arrays: Array, axis: int) -> Result:
    sizes = [a.shape[axis] for a in arrays]
    return joined(arrays, axis), lambda dy: pieces_of(dy, sizes, axis)


def index_select(x: Array, index: Array, axis: int) -> Result:
    """The entries `index` (M) along the axis, which may name one several times."""
    rows = rows_first(x, axis)  # (N, what one entry holds)
    shape = np.moveaxis(x, axis, 0).shape[1:]
    y = active.embedding_forward(rows, index).reshape(len(index), *shape)

    def backward(dy: Array) -> tuple[Array, None]:
        dx = active.embedding_backward(rows_first(dy, axis), index, len(rows))
        return np.moveaxis(cast_array(dx, x.dtype).reshape(len(rows), *shape), 0, axis), None

    return np.moveaxis(y, 0, axis), backward


def index_add(x: Array, index: Array, source: Array, axis: int) -> Result:
    """x, and each entry i of `source` added where index[i] says: in float32, in their order."""
    shape = np.moveaxis(x, axis, 0).shape
    added = active.embedding_backward(rows_first(source, axis), index, shape[0])
    y = x + np.moveaxis(added.reshape(shape), 0, axis)

    def backward(dy: Array) -> tuple[Array, None, Array]:
        rows = active.embedding_forward(rows_first(dy, axis), index)
        dsource = np.moveaxis(rows.reshape(len(index), *shape[1:]), 0, axis)
        return dy, None, cast_array(dsource, source.dtype)

    return cast_array(y, x.dtype), backward


def rows_first(x: Array, axis: int) -> Array:
    """The entries along an axis, each as one row."""
    moved = np.moveaxis(x, axis, 0)
    return moved.reshape(len(moved), math.prod(moved.shape[1:]))


# ----- products -------------------------------------------------------------------------------


def in_compute_dtype(x: Array) -> Array:
    """`x` in the precision of `autocast`; as it is outside of it, and for float64."""
    dtype = compute_dtype()
    return x if dtype is None or x.dtype == np.float64 else cast_array(x, dtype)


def matmul(a: Array, b: Array) -> Result:
    """(..., M, K) @ (..., K, N) -> (..., M, N); leading axes broadcast, vectors as in NumPy."""
    if a.ndim == 1 or b.ndim == 1:
        return vector_matmul(a, b)
    A, B = a, b
    if a.shape[:-2] != b.shape[:-2]:
        lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        A, B = np.broadcast_to(a, lead + a.shape[-2:]), np.broadcast_to(b, lead + b.shape[-2:])
    A, B = in_compute_dtype(A), in_compute_dtype(B)

    def backward(dy: Array) -> tuple[Array | None, Array | None]:
        da = active.matmul(dy, B, False, True)  # (..., M, N) @ (..., K, N)ᵀ
        db = active.matmul(A, dy, True, False)  # (..., M, K)ᵀ @ (..., M, N)
        return sum_to(da, a), sum_to(db, b)

    return active.matmul(A, B), backward


def vector_matmul(a: Array, b: Array) -> Result:
    """A product with a vector: it is a row on the left, a column on the right."""
    A = a[None, :] if a.ndim == 1 else a
    B = b[:, None] if b.ndim == 1 else b
    y, matrix_backward = matmul(A, B)
    gone = ((-2,) if a.ndim == 1 else ()) + ((-1,) if b.ndim == 1 else ())

    def backward(dy: Array) -> tuple[Array, Array]:
        da, db = matrix_backward(np.expand_dims(dy, gone))
        return da.reshape(a.shape), db.reshape(b.shape)

    return np.asarray(y.squeeze(gone)), backward
