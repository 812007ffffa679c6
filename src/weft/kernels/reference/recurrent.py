"""A recurrent layer over a whole sequence, forward and back through time: RNN, GRU, LSTM.

Elman 1990; Cho et al., arXiv:1406.1078, with the reset gate where PyTorch has it; Hochreiter &
Schmidhuber 1997 with the forget gate of Gers et al. 2000. csrc/recurrent.cpp has the same
functions. What a step gets from its input, x W_ihᵀ + b, comes in as `pre` for all steps at once;
the gradient of `pre` goes out, and is what W_ih, b and x have theirs from. Here is what cannot be
done for all steps at once, and the gradient of its weight.

Time comes first, so that a step's rows lie together: pre (T, B, G C) for G gates, w (G C, C).
`hidden` (T + 1, B, C) is the state before the first step and after each: the layer's output is
hidden[1:]. The state that a step hands on is float32; where it is multiplied, it has pre's dtype.
"""

from __future__ import annotations

import numpy as np

from weft.kernels.reference.activation import sigmoid_forward
from weft.kernels.reference.precision import Array, bfloat16, gradient_dtype, narrow, widen


def rnn_forward(pre: Array, w: Array, h0: Array) -> tuple[Array, Array]:
    """h_t = tanh(pre_t + h_{t-1} wᵀ): (T, B, C), (C, C), (B, C) -> hidden (T + 1, B, C), h (B, C).

    h is the last state, in float32.
    """
    x, weight, h = widen(pre), _weight(w, pre), widen(h0)
    hidden = _states(pre, h)
    for t in range(len(x)):
        h = np.tanh(x[t] + widen(hidden[t]) @ weight.T)  # (B, C)
        hidden[t + 1] = narrow(h, pre.dtype)
    return hidden, np.array(h)


def rnn_backward(dy: Array, dh: Array, w: Array, hidden: Array) -> tuple[Array, Array, Array]:
    """dy of hidden[1:] (T, B, C), dh of h (B, C) -> dpre (T, B, C), dw (C, C), dh0 (B, C)."""
    g, y, weight, dh = widen(dy), widen(hidden), _weight(w, hidden), widen(dh)
    dpre = np.empty_like(dy)
    for t in reversed(range(len(g))):
        d = (dh + g[t]) * (1 - y[t + 1] ** 2)  # (B, C)
        dpre[t] = narrow(d, dy.dtype)
        dh = widen(dpre[t]) @ weight
    return dpre, _weight_gradient(dpre, hidden), np.array(dh)


def gru_forward(pre: Array, w: Array, b: Array | None, h0: Array) -> tuple[Array, Array, Array]:
    """h_t = (1 - z) n + z h_{t-1}, with r, z = σ(pre + s), n = tanh(pre + r s), s = h_{t-1} wᵀ + b.

    Gates in the order r, z, n: (T, B, 3C), (3C, C), (3C,), (B, C) -> hidden (T + 1, B, C), gates
    (T, B, 4C), which are r, z, n and n's s, and h (B, C), the last state in float32.
    """
    x, weight, h = widen(pre), _weight(w, pre), widen(h0)
    hidden = _states(pre, h)
    C = h.shape[-1]
    gates = np.empty((*pre.shape[:2], 4 * C), pre.dtype)
    for t in range(len(x)):
        s = widen(hidden[t]) @ weight.T  # (B, 3C)
        s = s if b is None else s + widen(b)
        r, z = np.split(sigmoid_forward(x[t][:, : 2 * C] + s[:, : 2 * C]), 2, axis=-1)
        m = s[:, 2 * C :]
        n = np.tanh(x[t][:, 2 * C :] + r * m)
        h = (1 - z) * n + z * h
        gates[t] = narrow(np.concatenate([r, z, n, m], axis=-1), pre.dtype)
        hidden[t + 1] = narrow(h, pre.dtype)
    return hidden, gates, np.array(h)


def gru_backward(
    dy: Array, dh: Array, w: Array, hidden: Array, gates: Array
) -> tuple[Array, Array, Array, Array]:
    """dy (T, B, C), dh (B, C) -> dpre (T, B, 3C), dw (3C, C), db (3C,), dh0 (B, C)."""
    g, y, weight, dh = widen(dy), widen(hidden), _weight(w, hidden), widen(dh)
    T, B, C = dy.shape
    dpre, ds = np.empty((T, B, 3 * C), dy.dtype), np.empty((T, B, 3 * C), dy.dtype)
    for t in reversed(range(T)):
        r, z, n, m = np.split(widen(gates[t]), 4, axis=-1)  # (B, C) each
        dh = dh + g[t]
        dn = dh * (1 - z) * (1 - n**2)
        dz = dh * (y[t] - n) * z * (1 - z)
        dr = dn * m * r * (1 - r)
        dpre[t] = narrow(np.concatenate([dr, dz, dn], axis=-1), dy.dtype)
        ds[t] = narrow(np.concatenate([dr, dz, dn * r], axis=-1), dy.dtype)
        dh = dh * z + widen(ds[t]) @ weight
    db = narrow(widen(ds).reshape(-1, 3 * C).sum(0), gradient_dtype(ds))
    return dpre, _weight_gradient(ds, hidden), db, np.array(dh)


def lstm_forward(pre: Array, w: Array, h0: Array, c0: Array) -> tuple[Array, Array, Array, Array]:
    """c_t = f c_{t-1} + i g, h_t = o tanh(c_t), with i, f, o = σ(a), g = tanh(a), a = pre + h wᵀ.

    Gates in the order i, f, g, o: (T, B, 4C), (4C, C), (B, C), (B, C) -> hidden (T + 1, B, C),
    cells (T + 1, B, C) in float32, gates (T, B, 4C), h (B, C), the last state in float32.
    """
    x, weight, h = widen(pre), _weight(w, pre), widen(h0)
    hidden = _states(pre, h)
    cells = np.empty(hidden.shape, gradient_dtype(pre))
    cells[0] = c0
    gates = np.empty_like(pre)
    for t in range(len(x)):
        i, f, a, o = np.split(x[t] + widen(hidden[t]) @ weight.T, 4, axis=-1)  # (B, C) each
        i, f, g, o = sigmoid_forward(i), sigmoid_forward(f), np.tanh(a), sigmoid_forward(o)
        cells[t + 1] = f * cells[t] + i * g
        h = o * np.tanh(cells[t + 1])
        gates[t] = narrow(np.concatenate([i, f, g, o], axis=-1), pre.dtype)
        hidden[t + 1] = narrow(h, pre.dtype)
    return hidden, cells, gates, np.array(h)


def lstm_backward(
    dy: Array, dh: Array, dc: Array, w: Array, hidden: Array, cells: Array, gates: Array
) -> tuple[Array, Array, Array, Array]:
    """dy (T, B, C), dh, dc (B, C) -> dpre (T, B, 4C), dw (4C, C), dh0 (B, C), dc0 (B, C)."""
    g_y, weight, dh, dc = widen(dy), _weight(w, hidden), widen(dh), widen(dc)
    dpre = np.empty_like(gates)
    for t in reversed(range(len(dy))):
        i, f, g, o = np.split(widen(gates[t]), 4, axis=-1)  # (B, C) each
        y = np.tanh(cells[t + 1])
        dh = dh + g_y[t]
        dc = dc + dh * o * (1 - y**2)
        da = [
            dc * g * i * (1 - i),
            dc * cells[t] * f * (1 - f),
            dc * i * (1 - g**2),
            dh * y * o * (1 - o),
        ]
        dpre[t] = narrow(np.concatenate(da, axis=-1), dy.dtype)
        dh, dc = widen(dpre[t]) @ weight, dc * f
    return dpre, _weight_gradient(dpre, hidden), np.array(dh), np.array(dc)


def _states(pre: Array, h0: Array) -> Array:
    """Room for all states (T + 1, B, C), with the first of them."""
    hidden = np.empty((len(pre) + 1, *h0.shape), pre.dtype)
    hidden[0] = narrow(h0, pre.dtype)
    return hidden


def _weight(w: Array, x: Array) -> Array:
    """A float32 master weight meets bfloat16 activations in their precision."""
    return widen(narrow(w, bfloat16)) if x.dtype == bfloat16 else widen(w)


def _weight_gradient(d: Array, hidden: Array) -> Array:
    """(T, B, G C) and the states before each step -> (G C, C)."""
    rows = widen(d).reshape(-1, d.shape[-1])  # (N, G C)
    before = widen(hidden[:-1]).reshape(-1, hidden.shape[-1])  # (N, C)
    return narrow(rows.T @ before, gradient_dtype(d))
