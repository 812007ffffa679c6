"""The definitions, in float64, against PyTorch: forward, and backward by its autograd."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from weft.kernels import reference
from weft.kernels.reference.normal import normal_cdf, normal_pdf

RNG = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return 1.5 * RNG.standard_normal(shape)


def leaves(*arrays: np.ndarray) -> list[torch.Tensor]:
    return [torch.tensor(a, requires_grad=True) for a in arrays]


def assert_equal(ours: Any, theirs: torch.Tensor) -> None:
    """Equal to 1e-12 of the largest value."""
    want = theirs.detach().numpy()
    assert ours.shape == want.shape
    np.testing.assert_allclose(ours, want, rtol=0, atol=1e-12 * max(1, np.abs(want).max()))


# name, PyTorch's function, and whether backward takes the output
POINTWISE: list[tuple[str, Callable[..., torch.Tensor], bool, tuple[Any, ...]]] = [
    ("gelu", lambda x: F.gelu(x, approximate="tanh"), False, (True,)),
    ("gelu", F.gelu, False, (False,)),
    ("relu", torch.relu, True, ()),
    ("relu2", lambda x: torch.relu(x) ** 2, False, ()),
    ("sigmoid", torch.sigmoid, True, ()),
    ("tanh", torch.tanh, True, ()),
    ("silu", F.silu, False, ()),
    ("softmax", lambda x: torch.softmax(x, -1), True, ()),
    ("log_softmax", lambda x: torch.log_softmax(x, -1), True, ()),
]


@pytest.mark.parametrize("name, theirs, takes_output, rest", POINTWISE)
def test_function_of_one_array(
    name: str, theirs: Callable[..., torch.Tensor], takes_output: bool, rest: tuple[Any, ...]
) -> None:
    x, dy = 3 * normal(5, 3, 17), normal(5, 3, 17)
    (leaf,) = leaves(x)
    theirs(leaf).backward(torch.tensor(dy))
    y = getattr(reference, f"{name}_forward")(x, *rest)
    dx = getattr(reference, f"{name}_backward")(dy, y if takes_output else x, *rest)
    assert_equal(y, theirs(leaf))
    assert_equal(dx, leaf.grad)


def test_swiglu() -> None:
    gate, up, dy = normal(4, 9), normal(4, 9), normal(4, 9)
    g, u = leaves(gate, up)
    y = F.silu(g) * u
    y.backward(torch.tensor(dy))
    assert_equal(reference.swiglu_forward(gate, up), y)
    dgate, dup = reference.swiglu_backward(dy, gate, up)
    assert_equal(dgate, g.grad)
    assert_equal(dup, u.grad)


def test_normal_distribution_is_exact_to_rounding() -> None:
    x = np.linspace(-37, 37, 2001)
    exact = np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in x])
    np.testing.assert_allclose(normal_cdf(x), exact, rtol=0, atol=4e-16)
    np.testing.assert_allclose(normal_cdf(x), exact, rtol=1e-12)
    slope = (normal_cdf(x + 1e-5) - normal_cdf(x - 1e-5)) / 2e-5
    np.testing.assert_allclose(normal_pdf(x), slope, atol=1e-9)


def test_matmul() -> None:
    a, b = normal(2, 3, 4, 5), normal(2, 3, 5, 6)
    for ta in (False, True):
        for tb in (False, True):
            left, right = (a.swapaxes(-1, -2) if ta else a), (b.swapaxes(-1, -2) if tb else b)
            np.testing.assert_array_equal(reference.matmul(left, right, ta, tb), a @ b)


@pytest.mark.parametrize("bias", [True, False])
def test_linear(bias: bool) -> None:
    x, w, b, dy = normal(7, 5), normal(4, 5), normal(4), normal(7, 4)
    tx, tw, tb = leaves(x, w, b)
    y = F.linear(tx, tw, tb if bias else None)
    y.backward(torch.tensor(dy))
    assert_equal(reference.linear_forward(x, w, b if bias else None), y)
    dx, dw, db = reference.linear_backward(dy, x, w, bias)
    assert_equal(dx, tx.grad)
    assert_equal(dw, tw.grad)
    if bias:
        assert_equal(db, tb.grad)
    else:
        assert db is None


@pytest.mark.parametrize("affine", [True, False])
def test_layer_norm(affine: bool) -> None:
    x, w, b, dy = normal(2, 3, 9) + 2, normal(9), normal(9), normal(2, 3, 9)
    tx, tw, tb = leaves(x, w, b)
    y = F.layer_norm(tx, (9,), tw if affine else None, tb if affine else None, 1e-5)
    y.backward(torch.tensor(dy))
    weights = (w, b) if affine else (None, None)
    ours, mean, rstd = reference.layer_norm_forward(x, *weights, 1e-5, np.float64)
    dx, dw, db = reference.layer_norm_backward(dy, x, weights[0], mean, rstd, affine)
    assert mean.shape == rstd.shape == (6, 1)
    assert_equal(ours, y)
    assert_equal(dx, tx.grad)
    if affine:
        assert_equal(dw, tw.grad)
        assert_equal(db, tb.grad)
    else:
        assert dw is None and db is None


def test_rms_norm() -> None:
    x, w, dy = normal(2, 3, 9) + 2, normal(9), normal(2, 3, 9)
    tx, tw = leaves(x, w)
    y = F.rms_norm(tx, (9,), tw, 1e-6)
    y.backward(torch.tensor(dy))
    ours, rstd = reference.rms_norm_forward(x, w, 1e-6, np.float64)
    dx, dw = reference.rms_norm_backward(dy, x, w, rstd)
    assert_equal(ours, y)
    assert_equal(dx, tx.grad)
    assert_equal(dw, tw.grad)


def test_rotary_is_the_rotation_of_transformers() -> None:
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    x, dy = normal(2, 5, 3, 8), normal(2, 5, 3, 8)
    angles = np.outer(np.arange(5), 1e4 ** (-np.arange(4) / 4))  # (T, D/2)
    cos, sin = np.cos(angles), np.sin(angles)
    (leaf,) = leaves(x)
    whole = [torch.tensor(np.concatenate([a, a], -1)[None]) for a in (cos, sin)]  # (1, T, D)
    theirs, _ = apply_rotary_pos_emb(leaf.transpose(1, 2), leaf.transpose(1, 2), *whole)
    theirs = theirs.transpose(1, 2)
    theirs.backward(torch.tensor(dy))
    assert_equal(reference.rotary_forward(x, cos, sin), theirs)
    assert_equal(reference.rotary_backward(dy, cos, sin), leaf.grad)


@pytest.mark.parametrize("Tq, Tk, H, Hkv, causal, window, sloped", [
    (70, 70, 4, 4, True, 0, False), (70, 90, 4, 2, True, 0, False),
    (1, 33, 6, 1, True, 0, False), (65, 20, 2, 2, False, 0, False),
    (70, 290, 4, 2, True, 31, False), (200, 200, 2, 2, True, 1, False),
    (70, 90, 4, 2, True, 0, True), (3, 170, 6, 3, True, 40, True),
])  # fmt: skip
def test_attention(
    Tq: int, Tk: int, H: int, Hkv: int, causal: bool, window: int, sloped: bool
) -> None:
    q, k, v, dy = (
        normal(2, Tq, H, 8),
        normal(2, Tk, Hkv, 8),
        normal(2, Tk, Hkv, 8),
        normal(2, Tq, H, 8),
    )
    tq, tk, tv = leaves(q, k, v)
    mask = None
    slopes = 2.0 ** -np.arange(1, H + 1) if sloped else None
    if causal:
        distance = torch.arange(Tk - Tq, Tk)[:, None] - torch.arange(Tk)
        seen = (distance >= 0) & (distance < (window or Tk))
        mask = torch.zeros(H, Tq, Tk, dtype=torch.float64).masked_fill(~seen, -torch.inf)
        if slopes is not None:
            mask = mask - torch.tensor(slopes)[:, None, None] * distance
    y = F.scaled_dot_product_attention(
        tq.transpose(1, 2), tk.transpose(1, 2), tv.transpose(1, 2),
        attn_mask=mask, scale=0.3, enable_gqa=True,
    ).transpose(1, 2)  # fmt: skip
    y.backward(torch.tensor(dy))
    how = (0.3, causal, 0.0, 0, window, slopes)
    ours, lse = reference.attention_forward(q, k, v, *how)
    assert_equal(ours, y)
    gradients = reference.attention_backward(dy, q, k, v, ours, lse, *how)
    for gradient, leaf in zip(gradients, (tq, tk, tv), strict=True):
        assert_equal(gradient, leaf.grad)


def test_attention_dropout_is_that_of_the_weights() -> None:
    B, Tq, Tk, H, D = 2, 67, 71, 2, 4
    q, k, v, dy = normal(B, Tq, H, D), normal(B, Tk, H, D), normal(B, Tk, H, D), normal(B, Tq, H, D)
    mask = reference.dropout_forward(np.ones((B, H, Tq, Tk)), 0.25, 9)
    tq, tk, tv = leaves(q, k, v)
    weights = torch.softmax(torch.einsum("bihd,bjhd->bhij", tq, tk) * 0.5, -1) * torch.tensor(mask)
    y = torch.einsum("bhij,bjhd->bihd", weights, tv)
    y.backward(torch.tensor(dy))
    ours, lse = reference.attention_forward(q, k, v, 0.5, False, 0.25, 9)
    assert_equal(ours, y)
    gradients = reference.attention_backward(dy, q, k, v, ours, lse, 0.5, False, 0.25, 9)
    for gradient, leaf in zip(gradients, (tq, tk, tv), strict=True):
        assert_equal(gradient, leaf.grad)


def test_embedding() -> None:
    w, ids, dy = normal(5, 6), RNG.integers(0, 5, (3, 4)), normal(3, 4, 6)
    (leaf,) = leaves(w)
    y = F.embedding(torch.tensor(ids), leaf)
    y.backward(torch.tensor(dy))
    assert_equal(reference.embedding_forward(w, ids), y)
    assert_equal(reference.embedding_backward(dy, ids, 5), leaf.grad)


def test_cross_entropy() -> None:
    logits, dlosses = 4 * normal(7, 9) + 50, normal(7)
    targets = np.array([1, 2, -100, 4, 8, 0, -100])
    (leaf,) = leaves(logits)
    losses = F.cross_entropy(leaf, torch.tensor(targets), reduction="none")
    losses.backward(torch.tensor(dlosses))
    ours, lse = reference.cross_entropy_forward(logits, targets, -100)
    assert_equal(ours, losses)
    assert_equal(lse, torch.logsumexp(leaf, -1))
    gradient = reference.cross_entropy_backward(dlosses, logits, targets, lse, -100)
    assert_equal(gradient, leaf.grad)


@pytest.mark.parametrize("decoupled", [True, False])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_adam(decoupled: bool, weight_decay: float) -> None:
    p, m, v, steps = normal(50), np.zeros(50), np.zeros(50), np.zeros(())
    theirs = torch.nn.Parameter(torch.tensor(p))
    kind = torch.optim.AdamW if decoupled else torch.optim.Adam
    optimizer = kind([theirs], lr=0.1, betas=(0.9, 0.95), weight_decay=weight_decay)
    for _ in range(5):
        g = normal(50)
        theirs.grad = torch.tensor(g)
        optimizer.step()
        lists = ([x] for x in (p, 2 * g, m, v, steps))
        reference.adam_step(*lists, 0.5, 0.1, 0.9, 0.95, 1e-8, weight_decay, decoupled)
    assert_equal(p, theirs)


@pytest.mark.parametrize("momentum, dampening, nesterov", [
    (0.0, 0.0, False), (0.9, 0.0, False), (0.9, 0.3, False), (0.9, 0.0, True),
])  # fmt: skip
def test_sgd(momentum: float, dampening: float, nesterov: bool) -> None:
    p, buf = normal(50), np.full(50, np.nan) if momentum else None
    theirs = torch.nn.Parameter(torch.tensor(p))
    optimizer = torch.optim.SGD([theirs], 0.1, momentum, dampening, 0.1, nesterov)
    for step in range(5):
        g = normal(50)
        theirs.grad = torch.tensor(g)
        optimizer.step()
        lists = ([p], [2 * g], None if buf is None else [buf])
        reference.sgd_step(*lists, 0.5, 0.1, momentum, dampening, 0.1, nesterov, step == 0)
    assert_equal(p, theirs)


def test_sum_of_squares_and_scale() -> None:
    x = normal(200_003).astype(np.float32)
    total = reference.sum_of_squares([x[:7], x[7:]])
    assert total == pytest.approx(math.fsum(x.astype(float) ** 2), rel=1e-14)
    reference.scale_([x[:7], x[7:]], 0.0)
    assert not x.any()
