"""The operations of recurrent networks, as in ops.py: a layer over a whole sequence.

x (T, B, I) is multiplied with W_ih for all steps at once; the kernels do what goes step by step.
Shapes: T time, B batch, I width of the input, C width of the state, G gates. Results are the states
after each step (T, B, C) and the last one (B, C), which is float32 whatever the compute precision.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from weft.autograd.ops import Array, cast_array, in_compute_dtype
from weft.kernels import active

Results = tuple[tuple[Array, ...], Callable[..., Any]]


def rnn(
    x: Array, h0: Array, w_ih: Array, w_hh: Array, b_ih: Array | None, b_hh: Array | None
) -> Results:
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh) -> y (T, B, C), h (B, C)."""
    pre, input_backward = inputs(x, w_ih, both(b_ih, b_hh))
    hidden, h = active.rnn_forward(pre, w_hh, h0)

    def backward(dy: Array | None, dh: Array | None) -> tuple[Array | None, ...]:
        arrived = gradients(hidden, dy), state_gradient(h, dh)
        dpre, dw_hh, dh0 = active.rnn_backward(*arrived, w_hh, hidden)
        dx, dw_ih, db = input_backward(dpre)
        return dx, dh0, dw_ih, dw_hh, db, copy_of(db)

    return (hidden[1:], h), backward


def gru(
    x: Array, h0: Array, w_ih: Array, w_hh: Array, b_ih: Array | None, b_hh: Array | None
) -> Results:
    """The gated recurrent unit (Cho et al., arXiv:1406.1078) -> y (T, B, C), h (B, C)."""
    pre, input_backward = inputs(x, w_ih, b_ih)
    hidden, gates, h = active.gru_forward(pre, w_hh, b_hh, h0)

    def backward(dy: Array | None, dh: Array | None) -> tuple[Array | None, ...]:
        arrived = gradients(hidden, dy), state_gradient(h, dh)
        dpre, dw_hh, db_hh, dh0 = active.gru_backward(*arrived, w_hh, hidden, gates)
        dx, dw_ih, db_ih = input_backward(dpre)
        return dx, dh0, dw_ih, dw_hh, db_ih, None if b_hh is None else db_hh

    return (hidden[1:], h), backward


def lstm(
    x: Array, h0: Array, c0: Array, w_ih: Array, w_hh: Array, b_ih: Array | None,
    b_hh: Array | None,
) -> Results:  # fmt: skip
    """Long short-term memory (Hochreiter & Schmidhuber 1997) -> y (T, B, C), h, c (B, C)."""
    pre, input_backward = inputs(x, w_ih, both(b_ih, b_hh))
    hidden, cells, gates, h = active.lstm_forward(pre, w_hh, h0, c0)

    def backward(dy: Array | None, dh: Array | None, dc: Array | None) -> tuple[Array | None, ...]:
        arrived = gradients(hidden, dy), state_gradient(h, dh), state_gradient(h, dc)
        dpre, dw_hh, dh0, dc0 = active.lstm_backward(*arrived, w_hh, hidden, cells, gates)
        dx, dw_ih, db = input_backward(dpre)
        return dx, dh0, dc0, dw_ih, dw_hh, db, copy_of(db)

    return (hidden[1:], h, np.array(cells[-1])), backward


def inputs(x: Array, w: Array, b: Array | None) -> tuple[Array, Callable[..., Any]]:
    """What all steps get from x: x wᵀ + b (T, B, G C), and the way back to dx, dw, db."""
    rows = in_compute_dtype(x).reshape(-1, x.shape[-1])  # (N, I)
    pre = active.linear_forward(rows, w, b)
    shape, has_bias = pre.shape, b is not None  # pre itself is not kept

    def backward(dpre: Array) -> tuple[Array, Array, Array | None]:
        dx, dw, db = active.linear_backward(dpre.reshape(shape), rows, w, has_bias)
        return cast_array(dx.reshape(x.shape), x.dtype), dw, db

    return pre.reshape(*x.shape[:-1], len(w)), backward


def both(b_ih: Array | None, b_hh: Array | None) -> Array | None:
    """Where they are only ever added up, two biases are one."""
    return None if b_ih is None or b_hh is None else active.add(b_ih, b_hh)


def copy_of(db: Array | None) -> Array | None:
    """The second bias' gradient: the same numbers, and an array of its own."""
    return None if db is None else np.array(db)


def gradients(hidden: Array, dy: Array | None) -> Array:
    """The gradient of the output, in its precision; zeros where nobody has used it."""
    return np.zeros_like(hidden[1:]) if dy is None else cast_array(dy, hidden.dtype)


def state_gradient(h: Array, dh: Array | None) -> Array:
    return np.zeros_like(h) if dh is None else cast_array(dh, h.dtype)
