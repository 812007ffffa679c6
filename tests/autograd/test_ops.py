"""Every operation against PyTorch, forward and backward, and against central differences."""

import numpy as np
import pytest
import torch

import weft
from weft import Tensor, apply
from weft.autograd import network_ops as net
from weft.autograd import ops
from weft.nn import functional as F


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def positive(*shape: int, seed: int = 0) -> np.ndarray:
    return np.abs(numbers(*shape, seed=seed)) + 0.5


A, B, ROW, COLUMN = numbers(3, 4), numbers(3, 4, seed=1), numbers(4, seed=2), numbers(3, 1, seed=3)

# name: (the same function of weft and torch tensors, inputs)
CASES = {
    "add": (lambda x, y: x + y, A, B),
    "add broadcast": (lambda x, y: x + y, A, ROW),
    "add both broadcast": (lambda x, y: x + y, COLUMN, ROW),
    "add number": (lambda x: 2.5 + x + 1, A),
    "sub": (lambda x, y: x - y, A, ROW),
    "rsub": (lambda x: 1.0 - x, A),
    "mul": (lambda x, y: x * y, A, B),
    "mul itself": (lambda x: x * x, A),
    "mul broadcast": (lambda x, y: x * y, A, COLUMN),
    "div": (lambda x, y: x / y, A, positive(3, 4)),
    "div broadcast": (lambda x, y: x / y, A, positive(4)),
    "rdiv": (lambda x: 1.0 / x, positive(3, 4)),
    "neg": (lambda x: -x, A),
    "pow": (lambda x: x**3, A),
    "pow half": (lambda x: x**0.5, positive(3, 4)),
    "rpow": (lambda x: 2.0**x, A),
    "pow tensor": (lambda x, y: x**y, positive(3, 4), B),
    "exp": (lambda x: x.exp(), A),
    "log": (lambda x: x.log(), positive(3, 4)),
    "sqrt": (lambda x: x.sqrt(), positive(3, 4)),
    "rsqrt": (lambda x: x.rsqrt(), positive(3, 4)),
    "abs": (lambda x: x.abs(), A),
    "sin cos": (lambda x: x.sin() * x.cos(), A),
    "sigmoid": (lambda x: x.sigmoid(), A),
    "tanh": (lambda x: x.tanh(), A),
    "relu": (lambda x: x.relu(), A),
    "clamp": (lambda x: x.clamp(-0.5, 0.7), A),
    "square": (lambda x: x.square(), A),
    "softmax": (lambda x: x.softmax(-1), A),
    "softmax first axis": (lambda x: x.softmax(0), A),
    "log_softmax": (lambda x: x.log_softmax(1), A),
    "sum": (lambda x: x.sum(), A),
    "sum axis": (lambda x: x.sum(0), A),
    "sum keepdim": (lambda x: x.sum(1, keepdim=True) * x, A),
    "sum axes": (lambda x: x.sum((0, 2)), numbers(2, 3, 4)),
    "mean": (lambda x: x.mean(), A),
    "mean axis": (lambda x: x.mean(-1), A),
    "var": (lambda x: x.var(1), A),
    "std": (lambda x: x.std(), A),
    "max": (lambda x: x.max(), A),
    "max axis": (lambda x: x.max(1)[0], A),
    "min axis": (lambda x: x.min(0, keepdim=True)[0], A),
    "cumsum": (lambda x: x.cumsum(1), A),
    "norm": (lambda x: x.norm(), A),
    "view": (lambda x: x.view(2, 6) * 2.0, A),
    "view minus one": (lambda x: x.view(-1), A),
    "reshape of a transpose": (lambda x: x.t().reshape(6, 2), A),
    "transpose": (lambda x: x.transpose(0, 2), numbers(2, 3, 4)),
    "permute": (lambda x: x.permute(2, 0, 1), numbers(2, 3, 4)),
    "T": (lambda x: x.t() @ x, A),
    "flatten": (lambda x: x.flatten(1), numbers(2, 3, 4)),
    "squeeze unsqueeze": (lambda x: x.unsqueeze(1).squeeze(1).unsqueeze(-1), A),
    "expand": (lambda x: x.expand(5, -1, 4), COLUMN),
    "index": (lambda x: x[1], A),
    "slice": (lambda x: x[:, 1:3], A),
    "step": (lambda x: x[::2, -1], A),
    "none and ellipsis": (lambda x: x[..., None, 0], A),
    "list twice the same": (lambda x: x[[0, 2, 2]], A),
    "two lists": (lambda x: x[[0, 1, 1], [3, 2, 2]], A),
    "split": (lambda x: x.split(3, 1)[0].sum() + x.split([1, 3], 1)[1].square().sum(), A),
    "chunk": (lambda x: x.chunk(2, 1)[1], A),
    "matmul": (lambda x, y: x @ y, A, numbers(4, 5)),
    "matmul batched": (lambda x, y: x @ y, numbers(2, 3, 4), numbers(2, 4, 5)),
    "matmul broadcast": (lambda x, y: x @ y, numbers(2, 1, 3, 4), numbers(5, 4, 2)),
    "matmul matrix vector": (lambda x, y: x @ y, A, ROW),
    "matmul vector matrix": (lambda x, y: x @ y, ROW, numbers(4, 3)),
    "matmul vectors": (lambda x, y: x @ y, ROW, numbers(4)),
    "matmul vector batch": (lambda x, y: x @ y, ROW, numbers(2, 4, 3)),
    "masked_fill": (lambda x: x.masked_fill(x > 0, -7.0), A),
    "two uses": (lambda x: x.exp() * x + x.sum(0), A),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_agrees_with_torch(name, dtype):
    function, *inputs = CASES[name]
    ours = [weft.tensor(x.astype(dtype), requires_grad=True) for x in inputs]
    theirs = [torch.tensor(x.astype(dtype), requires_grad=True) for x in inputs]
    result, expected = function(*ours), function(*theirs)
    # Sums here have at most 24 terms of size about 1: 64 roundings is a generous bound.
    close = dict(rtol=64 * np.finfo(dtype).eps, atol=64 * np.finfo(dtype).eps)
    np.testing.assert_allclose(result.detach().numpy(), expected.detach().numpy(), **close)
    assert result.dtype == dtype
    weight = numbers(*result.shape, seed=9).astype(dtype)
    result.backward(weft.tensor(weight))
    expected.backward(torch.tensor(weight))
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine.grad.numpy(), other.grad.numpy(), **close)


def wanted(*shape: int, seed: int = 0) -> Tensor:
    return weft.tensor(numbers(*shape, seed=seed), requires_grad=True)


GRADCHECKED = {
    "linear": (lambda x, w, b: F.linear(x, w, b), (2, 3, 4), (5, 4), (5,)),
    "linear without bias": (lambda x, w: F.linear(x, w), (3, 4), (5, 4)),
    "linear with residual and dropout": (
        lambda x, w, b, r: F.linear(x, w, b, r, 0.3, generator=weft.random.Generator(5)),
        (2, 3, 4), (5, 4), (5,), (2, 3, 5),
    ),
    "feed_forward": (
        lambda x, up, a, down, b, r: F.feed_forward(
            x, (up, a), (down, b), r, 0.3, generator=weft.random.Generator(5)
        ),
        (2, 3, 4), (7, 4), (7,), (4, 7), (4,), (2, 3, 4),
    ),
    "gated_feed_forward": (
        lambda x, gate, c, up, a, down, b, r: F.gated_feed_forward(
            x, (gate, c), (up, a), (down, b), r, 0.3, generator=weft.random.Generator(5)
        ),
        (2, 3, 4), (7, 4), (7,), (7, 4), (7,), (4, 7), (4,), (2, 3, 4),
    ),
    "feed_forward bare": (
        lambda x, up, down: F.feed_forward(x, (up, None), (down, None), activation="gelu"),
        (3, 4), (7, 4), (4, 7),
    ),
    "feed_forward relu2": (
        lambda x, up, down: F.feed_forward(x, (up, None), (down, None), activation="relu2"),
        (3, 4), (7, 4), (4, 7),
    ),
    "linear_cross_entropy": (
        lambda x, w: F.linear_cross_entropy(x, w, np.array([2, -100, 0])), (3, 4), (5, 4),
    ),
    "relu2": (lambda x: apply(ops.relu2, x), (17,)),
    "index_select": (
        lambda x: apply(ops.index_select, x, np.array([2, 0, 2]), axis=1), (2, 3, 4),
    ),
    "index_add": (
        lambda x, s: apply(ops.index_add, x, np.array([2, 0, 2]), s, axis=0), (3, 4), (3, 4),
    ),
    "gelu tanh": (lambda x: apply(ops.gelu, x, tanh=True), (17,)),
    "gelu erf": (lambda x: apply(ops.gelu, x, tanh=False), (17,)),
    "silu": (lambda x: apply(ops.silu, x), (9,)),
    "swiglu": (lambda x, y: apply(ops.swiglu, x, y), (3, 4), (3, 4)),
    "layer_norm": (
        lambda x, w, b: apply(net.layer_norm, x, w, b, eps=1e-5), (2, 3, 6), (6,), (6,),
    ),
    "layer_norm bare": (lambda x: apply(net.layer_norm, x, None, None, eps=1e-5), (3, 6)),
    "rms_norm": (lambda x, w: apply(net.rms_norm, x, w, eps=1e-6), (2, 3, 6), (6,)),
    "rotary": (
        lambda x: apply(net.rotary, x, *(f(numbers(3, 2)) for f in (np.cos, np.sin))), (2, 3, 2, 4),
    ),
    "rotary_qkv": (
        lambda x: F.rotary_qkv(x, 2, *(f(numbers(3, 2)) for f in (np.cos, np.sin))), (2, 3, 4, 4),
    ),
    "rotary_qkv, grouped, norm": (
        lambda x, q, k: F.rotary_qkv(
            x, 4, *(f(numbers(3, 2)) for f in (np.cos, np.sin)), weights=(q, k), eps=1e-3
        ),
        (2, 3, 8, 4), (4,), (4,),
    ),
    "attention": (
        lambda q, k, v: apply(net.attention, q, k, v, scale=None, causal=True, p=0.0, key=0),
        (2, 4, 2, 6), (2, 4, 2, 6), (2, 4, 2, 6),
    ),
    "attention, grouped, more keys, dropout": (
        lambda q, k, v: apply(net.attention, q, k, v, scale=0.3, causal=True, p=0.25, key=7),
        (2, 3, 4, 6), (2, 5, 2, 6), (2, 5, 2, 6),
    ),
    "attention, window, slopes": (
        lambda q, k, v: apply(
            net.attention, q, k, v, scale=0.3, causal=True, p=0.0, key=0, window=2,
            slopes=np.array([0.5, 0.25]),
        ),
        (2, 4, 2, 6), (2, 5, 2, 6), (2, 5, 2, 6),
    ),
    "attention of one array, window, slopes": (
        lambda x: apply(
            net.attention_qkv, x, heads=4, scale=0.3, causal=True, p=0.25, key=7, window=2,
            slopes=np.array([0.5, 0.25, 0.1, 1.0]),
        ),
        (2, 3, 8, 6),
    ),
    "attention of one array": (
        lambda x: apply(net.attention_qkv, x, heads=4, scale=0.3, causal=True, p=0.25, key=7),
        (2, 3, 8, 6),
    ),
    "dropout": (lambda x: apply(ops.dropout, x, p=0.4, key=3), (40,)),
    "embedding": (
        lambda w: apply(net.embedding, w, np.array([[0, 2, 2], [1, 2, 0]])), (3, 4),
    ),
    "cross_entropy": (
        lambda x: apply(net.cross_entropy, x, np.array([1, 0, -100]), ignore_index=-100), (3, 5),
    ),
    "where": (lambda x, y: weft.where(weft.tensor(A > 0), x, y), (3, 4), (4,)),
    "maximum": (lambda x, y: weft.maximum(x, y), (3, 4), (3, 4)),
    "cat": (lambda x, y: weft.cat([x, y, x], 1), (3, 2), (3, 4)),
    "stack": (lambda x, y: weft.stack([x, y], 1), (3, 2), (3, 2)),
    "tril": (lambda x: weft.tril(x, -1) + weft.triu(x), (4, 4)),
}  # fmt: skip


@pytest.mark.parametrize("name", GRADCHECKED)
def test_gradient_matches_central_differences(name):
    function, *shapes = GRADCHECKED[name]
    inputs = [wanted(*shape, seed=i) for i, shape in enumerate(shapes)]
    assert weft.gradcheck(function, inputs)


def test_bfloat16_gradients_have_the_dtype_of_their_tensor():
    x = weft.tensor(A, dtype=weft.float32, requires_grad=True)
    w = weft.tensor(numbers(5, 4), dtype=weft.float32, requires_grad=True)
    with weft.autocast(weft.bfloat16):
        y = F.linear(x, w)
    assert y.dtype == weft.bfloat16
    (y.float() * 1.0).sum().backward()
    assert x.grad.dtype == weft.float32 and w.grad.dtype == weft.float32
    # One rounding of each factor and of the result to 8 bits.
    expected = A @ numbers(5, 4).T
    bound = 3 * 2.0**-8 * (np.abs(A) @ np.abs(numbers(5, 4)).T)
    assert (np.abs(y.detach().numpy().astype(np.float64) - expected) <= bound).all()


def test_mixed_addition_is_float32():
    x = weft.tensor(A, dtype=weft.bfloat16, requires_grad=True)
    y = weft.tensor(B, dtype=weft.float32, requires_grad=True)
    (x + y).sum().backward()
    assert (x + y).dtype == weft.float32
    assert x.grad.dtype == weft.bfloat16 and y.grad.dtype == weft.float32


def test_the_fused_loss_gives_its_gradients_twice():
    x = weft.tensor(A, dtype=weft.float32, requires_grad=True)
    w = weft.tensor(numbers(5, 4), dtype=weft.float32, requires_grad=True)
    loss = F.linear_cross_entropy(x, w, np.arange(len(A)))
    loss.backward(retain_graph=True)
    once = w.grad.numpy().copy()
    w.grad.zero_()  # the leaf's own memory: it must not be what the tape gives next time
    loss.backward()
    np.testing.assert_array_equal(w.grad.numpy(), once)
