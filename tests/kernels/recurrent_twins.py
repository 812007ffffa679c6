"""The recurrent layers' rows of the table of twins, and how far they may be from the exact result.

As in bounds.py, in units of u = 2^-24. An error of one step goes on to the next: what is multiplied
by w is wrong by what the step before was, and in bfloat16 by a rounding. Slopes are taken at their
steepest: 1 of tanh, 1/4 of the sigmoid. Products of errors are what `SECOND` is for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from bounds import FUNCTION, NARROW
from inputs import Inputs, bfloat16, float32
from twin import Twin, moved

from weft.kernels import reference

Array = Any
SECOND = 1.05


def forward_inputs(axis: str, gates: int) -> Any:
    """n stands for T, B or C; weights are small, so that an error fades from step to step.

    Of "few" rows the weights are not packed.
    """

    def inputs(i: Inputs) -> tuple[Any, ...]:
        n = i.n
        sizes = {"T": (n, 2, 5), "B": (3, n, 5), "C": (3, i.rows, n), "few": (2, 2, n)}
        T, B, C = sizes[axis]
        w = i.place(i.weight(gates * C, C) * (0.3 / C), float32)
        bias = [i.weight(3 * C)] if gates == 3 else []
        states = [i.weight(B, C) for _ in range(2 if gates == 4 else 1)]
        return i.normal(T, B, gates * C), w, *bias, *states

    return inputs


def backward_inputs(axis: str, gates: int) -> Any:
    def inputs(i: Inputs) -> tuple[Any, ...]:
        pre, w, *rest = forward_inputs(axis, gates)(i)
        kernel = {1: reference.rnn_forward, 3: reference.gru_forward, 4: reference.lstm_forward}
        *saved, last = i.result(kernel[gates], pre, w, *rest)
        dy = i.normal(len(pre), *last.shape)
        states = [i.weight(*last.shape) for _ in range(2 if gates == 4 else 1)]
        return dy, *states, w, *saved

    return inputs


def as_multiplied(index: int) -> Any:
    """A float32 weight is rounded to the sequence's precision first: exactly so, by definition."""

    def evaluated(*args: Any) -> tuple[Any, ...]:
        return tuple(a.astype(args[0].dtype) if i == index else a for i, a in enumerate(args))

    return evaluated


# ---- forward ------------------------------------------------------------------------------------


def product(h: Array, wrong: Array, w: Array, rounding: float) -> Array:
    """Of h wᵀ, where h is `wrong`, and rounded."""
    return (wrong + (rounding + len(w[0]) + 3) * np.abs(h)) @ np.abs(w).T


def rnn_forward(pre: Array, w: Array, h0: Array, rounding: float = 0) -> tuple[Array, ...]:
    hidden, _ = reference.rnn_forward(pre, w, h0)
    errors = np.zeros_like(hidden)
    for t in range(len(pre)):
        sums = product(hidden[t], errors[t], w, rounding)
        errors[t + 1] = SECOND * (sums + 3 * np.abs(pre[t]) + FUNCTION * np.abs(hidden[t + 1]))
    return errors, errors[-1]


def gru_forward(
    pre: Array, w: Array, b: Array, h0: Array, rounding: float = 0
) -> tuple[Array, ...]:
    hidden, gates, _ = reference.gru_forward(pre, w, b, h0)
    errors, wrong_gates = np.zeros_like(hidden), np.zeros_like(gates)
    for t in range(len(pre)):
        sums = product(hidden[t], errors[t], w, rounding) + 3 * np.abs(b)
        x_r, x_z, x_n = np.split(3 * np.abs(pre[t]), 3, -1)
        e_r, e_z, e_m = np.split(sums, 3, -1)
        r, z, n, m = np.split(gates[t], 4, -1)
        e_r, e_z = ((e + x) / 4 + FUNCTION + 2 for e, x in ((e_r, x_r), (e_z, x_z)))
        e_n = np.abs(m) * e_r + r * e_m + 3 * np.abs(r * m) + x_n + FUNCTION * np.abs(n)
        wrong_gates[t] = SECOND * np.concatenate([e_r, e_z, e_n, e_m], -1)
        sizes = np.abs(n), np.abs(hidden[t])
        errors[t + 1] = SECOND * ((1 - z) * e_n + z * errors[t] + (e_z + 4) * sum(sizes))
    return errors, wrong_gates, errors[-1]


def lstm_forward(
    pre: Array, w: Array, h0: Array, c0: Array, rounding: float = 0
) -> tuple[Array, ...]:
    hidden, cells, gates, _ = reference.lstm_forward(pre, w, h0, c0)
    errors, wrong_cells, wrong_gates = (np.zeros_like(a) for a in (hidden, cells, gates))
    for t in range(len(pre)):
        sums = product(hidden[t], errors[t], w, rounding) + 3 * np.abs(pre[t])
        e_i, e_f, e_g, e_o = np.split(sums, 4, -1)
        i, f, g, o = np.split(gates[t], 4, -1)
        e_i, e_f, e_o = (e / 4 + FUNCTION + 2 for e in (e_i, e_f, e_o))
        e_g = e_g + FUNCTION * np.abs(g)
        wrong_gates[t] = SECOND * np.concatenate([e_i, e_f, e_g, e_o], -1)
        kept, new = np.abs(cells[t]), np.abs(g)
        wrong_cells[t + 1] = SECOND * (
            e_f * kept + f * wrong_cells[t] + e_i * new + i * e_g + 2 * (f * kept + i * new)
        )
        y = np.abs(np.tanh(cells[t + 1]))
        errors[t + 1] = SECOND * (e_o * y + o * wrong_cells[t + 1] + (FUNCTION + 1) * o * y)
    return errors, wrong_cells, wrong_gates, errors[-1]


# ---- backward -----------------------------------------------------------------------------------


def slope(y: Array) -> tuple[Array, Array]:
    """1 - y² and what it is wrong by; a random call's y may be beyond 1."""
    return 1 - y**2, y**2 + np.abs(1 - y**2)


def product_back(d: Array, wrong: Array, w: Array, rounding: float) -> Array:
    """Of d w, where d is `wrong`, and rounded."""
    return (wrong + (rounding + len(w) + 3) * np.abs(d)) @ np.abs(w)


def weight_gradient(d: Array, wrong: Array, hidden: Array, rounding: float) -> Array:
    C = hidden.shape[-1]
    d, wrong = (a.reshape(-1, a.shape[-1]) for a in (d, wrong))
    error = wrong + (rounding + len(d) + 2) * np.abs(d)
    return error.T @ np.abs(hidden[:-1]).reshape(-1, C)


def rnn_backward(
    dy: Array, dh: Array, w: Array, hidden: Array, rounding: float = 0
) -> tuple[Array, ...]:
    errors, d = np.zeros_like(dy), np.zeros_like(dy)
    e_dh = np.zeros_like(dh)
    for t in reversed(range(len(dy))):
        steep, e_steep = slope(hidden[t + 1])
        size = np.abs(dh) + np.abs(dy[t])
        d[t] = (dh + dy[t]) * steep
        errors[t] = SECOND * ((e_dh + 2 * size) * np.abs(steep) + size * e_steep)
        e_dh = SECOND * product_back(d[t], errors[t], w, rounding)
        dh = d[t] @ w
    return errors, weight_gradient(d, errors, hidden, rounding), e_dh


def gru_backward(
    dy: Array, dh: Array, w: Array, hidden: Array, gates: Array, rounding: float = 0
) -> tuple[Array, ...]:
    dpre, ds = (np.zeros((*dy.shape[:2], len(w))) for _ in range(2))
    e_pre, e_s, e_dh = np.zeros_like(dpre), np.zeros_like(dpre), np.zeros_like(dh)
    for t in reversed(range(len(dy))):
        r, z, n, m = np.split(gates[t], 4, -1)
        e_dh = e_dh + np.abs(dh) + np.abs(dy[t])
        dh = dh + dy[t]
        steep, e_steep = slope(n)
        dn, e_dn = (
            dh * (1 - z) * steep,
            np.abs(1 - z) * ((e_dh + 4 * np.abs(dh)) * np.abs(steep) + np.abs(dh) * e_steep),
        )
        to_z, to_r = np.abs((hidden[t] - n) * z * (1 - z)), np.abs(m * r * (1 - r))
        dz, dr = dh * (hidden[t] - n) * z * (1 - z), dn * m * r * (1 - r)
        e_dz, e_dr = (e_dh + 6 * np.abs(dh)) * to_z, (e_dn + 5 * np.abs(dn)) * to_r
        dpre[t], e_pre[t] = np.concatenate([dr, dz, dn], -1), np.concatenate([e_dr, e_dz, e_dn], -1)
        ds[t] = np.concatenate([dr, dz, dn * r], -1)
        e_s[t] = np.concatenate([e_dr, e_dz, (e_dn + np.abs(dn)) * np.abs(r)], -1)
        e_dh = (e_dh + 3 * np.abs(dh)) * np.abs(z)
        e_dh = SECOND * (e_dh + product_back(ds[t], e_s[t], w, rounding))
        dh = dh * z + ds[t] @ w
    rows, wrong = (a.reshape(-1, len(w)) for a in (np.abs(ds), e_s))
    db = (wrong + (rounding + len(rows) + 2) * rows).sum(0)
    return SECOND * e_pre, SECOND * weight_gradient(ds, e_s, hidden, rounding), SECOND * db, e_dh


def lstm_backward(
    dy: Array, dh: Array, dc: Array, w: Array, hidden: Array, cells: Array, gates: Array,
    rounding: float = 0,
) -> tuple[Array, ...]:  # fmt: skip
    d, errors = np.zeros_like(gates), np.zeros_like(gates)
    e_dh, e_dc = np.zeros_like(dh), np.zeros_like(dc)
    for t in reversed(range(len(dy))):
        i, f, g, o = np.split(gates[t], 4, -1)
        e_dh = e_dh + np.abs(dh) + np.abs(dy[t])
        dh = dh + dy[t]
        y = np.tanh(cells[t + 1])
        steep, e_steep = slope(y)
        e_steep = e_steep + 2 * FUNCTION * y**2
        more = np.abs(dh * o)
        slow = np.abs(o * steep)
        e_dc = e_dc + np.abs(dc) + (e_dh + 4 * np.abs(dh)) * slow + more * e_steep
        dc = dc + dh * o * steep
        size, steep_g = np.abs(dc), slope(g)
        parts = (
            (dc * g * i * (1 - i), (e_dc + 5 * size) * np.abs(g * i * (1 - i))),
            (dc * cells[t] * f * (1 - f), (e_dc + 5 * size) * np.abs(cells[t] * f * (1 - f))),
            (
                dc * i * steep_g[0],
                np.abs(i) * ((e_dc + 3 * size) * np.abs(steep_g[0]) + size * steep_g[1]),
            ),
            (dh * y * o * (1 - o), (e_dh + (FUNCTION + 5) * np.abs(dh)) * np.abs(y * o * (1 - o))),
        )
        d[t], errors[t] = (np.concatenate(a, -1) for a in zip(*parts, strict=True))
        e_dh = SECOND * product_back(d[t], errors[t], w, rounding)
        e_dc = SECOND * (e_dc + size) * np.abs(f)
        dh, dc = d[t] @ w, dc * f
    dw = weight_gradient(d, errors, hidden, rounding)
    return SECOND * errors, SECOND * dw, e_dh, e_dc


def rounded(bound: Any) -> Any:
    """Where the sequence is bfloat16, what is multiplied by w is rounded to it."""
    return lambda *args: bound(*args, rounding=NARROW)


def rows() -> list[Twin]:
    """Each kernel along each axis; wrong is a weight whose columns are one place further."""
    found = []
    for name, gates in (("rnn", 1), ("gru", 3), ("lstm", 4)):
        for axis in ("T", "B", "C", "few"):
            for backward in (False, True)[: 1 if axis == "few" else 2]:
                kernel = f"{name}_{'backward' if backward else 'forward'}"
                bound = globals()[kernel]
                place = (3 if gates == 4 else 2) if backward else 1
                inputs = (backward_inputs if backward else forward_inputs)(axis, gates)
                for dtype, noticed in ((float32, 0.01), (bfloat16, 0.1)):
                    found.append(
                        Twin(
                            kernel, axis, inputs, bound, wrong_at(place), least=1, most=300,
                            evaluated=as_multiplied(place), narrow_error=rounded(bound),
                            dtypes=(dtype,), noticed=noticed,
                        )
                    )  # fmt: skip
    return found


def wrong_at(place: int) -> Any:
    return lambda *args: tuple(moved(a) if i == place else a for i, a in enumerate(args))


RECURRENT = rows()
