"""RNN, GRU and LSTM against PyTorch: first weights, results, all gradients; and their laws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import weft
from weft import nn
from weft.autograd import Tensor, autocast, gradcheck, recurrent_ops, tensor
from weft.kernels import active

KINDS = ["RNN", "GRU", "LSTM"]
SIZES = [  # input, hidden, layers, T, B: even and uneven, one step, one sequence
    (16, 32, 1, 8, 6),
    (5, 7, 3, 9, 4),
    (3, 33, 2, 1, 13),
    (20, 1, 2, 4, 1),
]


def twins(kind: str, *args: Any, **options: Any) -> tuple[Any, Any]:
    """Ours and PyTorch's, with the same weights."""
    ours, theirs = getattr(nn, kind)(*args, **options), getattr(torch.nn, kind)(*args, **options)
    theirs.load_state_dict({k: torch.tensor(v.array) for k, v in ours.state_dict().items()})
    return ours, theirs


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def states(kind: str, *shape: int) -> list[np.ndarray]:
    return [normal(*shape, seed=7 + i) for i in range(2 if kind.startswith("LSTM") else 1)]


def packed(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else tuple(values)


def unpacked(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple) else [value]


def compare(ours: Any, theirs: Any, x: np.ndarray, hx: list[np.ndarray], agree: Any) -> None:
    """Results, and the gradients of input, states and weights, when all results are used."""
    mine = [tensor(a, requires_grad=True) for a in (x, *hx)]
    other = [torch.tensor(a, requires_grad=True) for a in (x, *hx)]
    results = ours(mine[0], packed(mine[1:])) if hx else ours(mine[0])
    expected = theirs(other[0], packed(other[1:])) if hx else theirs(other[0])
    if not isinstance(expected, tuple):
        results, expected = (results,), (expected,)
    results, expected = ([*v[:-1], *unpacked(v[-1])] for v in (results, expected))
    total, sum_expected = tensor(0.0), torch.tensor(0.0)
    for seed, (a, b) in enumerate(zip(results, expected, strict=True)):
        agree(a, b)
        weight = normal(*a.shape, seed=20 + seed)
        total = total + (a * tensor(weight)).sum()
        sum_expected = sum_expected + (b * torch.tensor(weight)).sum()
    total.backward()
    sum_expected.backward()
    named = zip(ours.parameters(), theirs.parameters(), strict=True)
    pairs = [(a.grad, b.grad) for a, b in [*zip(mine, other, strict=True), *named]]
    # All are sums of the same steps' gradients. Where those cancel, the roundings of the terms
    # stay: a gradient counts as no smaller than a hundredth of the largest.
    largest = [float(b.abs().max()) for _, b in pairs]
    for (a, b), size in zip(pairs, largest, strict=True):
        agree(a, b, 1e-5 * max(1.0, 0.01 * max(largest) / max(size, 1e-30)))


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_layers(kind: str, sizes: Any, agree: Any) -> None:
    I, C, L, T, B = sizes  # noqa: E741
    compare(*twins(kind, I, C, L), normal(T, B, I), states(kind, L, B, C), agree)


@pytest.mark.parametrize("kind", KINDS)
def test_options(kind: str, agree: Any) -> None:
    ours, theirs = twins(kind, 5, 6, 2, bias=False, batch_first=True)
    compare(ours, theirs, normal(3, 4, 5), [], agree)
    compare(*twins(kind, 5, 6), normal(4, 5), states(kind, 1, 6), agree)  # one sequence alone


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", ["RNNCell", "GRUCell", "LSTMCell"])
def test_cells(kind: str, bias: bool, agree: Any) -> None:
    ours, theirs = twins(kind, 5, 9, bias=bias)
    x, hx = normal(3, 5), states(kind, 3, 9)
    mine = unpacked(ours(tensor(x), packed([tensor(a) for a in hx])))
    other = unpacked(theirs(torch.tensor(x), packed([torch.tensor(a) for a in hx])))
    for a, b in zip(mine, other, strict=True):
        agree(a, b)
    alone, expected = ours(tensor(x[0])), theirs(torch.tensor(x[0]))
    for a, b in zip(unpacked(alone), unpacked(expected), strict=True):
        agree(a, b)


@pytest.mark.parametrize("kind", [*KINDS, "RNNCell", "GRUCell", "LSTMCell"])
def test_first_weights_are_those_of_pytorch(kind: str) -> None:
    args = (5, 7) if kind.endswith("Cell") else (5, 7, 2)
    weft.manual_seed(3)
    torch.manual_seed(3)
    ours, theirs = getattr(nn, kind)(*args), getattr(torch.nn, kind)(*args)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for name, value in theirs.state_dict().items():
        np.testing.assert_array_equal(ours.state_dict()[name].array, value.numpy())
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("kind", KINDS)
def test_two_halves_are_the_whole(kind: str) -> None:
    """The state carries everything, in float32; the projections differ in the order of sums."""
    layer = getattr(nn, kind)(6, 17, 2)
    for precision, tolerance in ((np.float32, 1e-5), (weft.bfloat16, 2.0**-5)):  # 2^-8 a step
        with weft.no_grad(), autocast(precision):
            x = tensor(normal(10, 3, 6))
            whole, last = layer(x)
            first, state = layer(x[:4])
            second, end = layer(x[4:], state)
        joined = np.concatenate([first.array, second.array]).astype(np.float32)
        np.testing.assert_allclose(joined, whole.array.astype(np.float32), rtol=0, atol=tolerance)
        for a, b in zip(unpacked(end), unpacked(last), strict=True):
            np.testing.assert_allclose(a.array, b.array, rtol=0, atol=tolerance)
            assert a.dtype == np.float32


@pytest.mark.parametrize("dtype", [np.dtype(np.float32), weft.bfloat16])
def test_two_halves_of_the_steps_are_the_whole_bit_by_bit(dtype: Any) -> None:
    pre, w = normal(9, 3, 68).astype(dtype), 0.2 * normal(68, 17)
    h0, c0 = states("LSTM", 3, 17)
    hidden, cells, _, h = active.lstm_forward(pre, w, h0, c0)
    first, first_cells, _, state = active.lstm_forward(pre[:4], w, h0, c0)
    second, second_cells, _, end = active.lstm_forward(pre[4:], w, state, first_cells[-1])
    np.testing.assert_array_equal(end, h)
    np.testing.assert_array_equal(np.concatenate([first, second[1:]]), hidden)
    np.testing.assert_array_equal(np.concatenate([first_cells, second_cells[1:]]), cells)


@pytest.mark.parametrize("op", [recurrent_ops.rnn, recurrent_ops.gru, recurrent_ops.lstm])
def test_gradients_in_float64(op: Any) -> None:
    gates = {"rnn": 1, "gru": 3, "lstm": 4}[op.__name__]
    rng = np.random.default_rng(0)
    h, w = [(2, 3)] * (2 if gates == 4 else 1), [(gates * 3, 4), (gates * 3, 3)]
    shapes = [(3, 2, 4), *h, *w, (gates * 3,), (gates * 3,)]
    inputs = [tensor(0.5 * rng.standard_normal(s), dtype=weft.float64, requires_grad=True)
              for s in shapes]  # fmt: skip

    def total(*args: Tensor) -> Tensor:
        y, *last = weft.autograd.apply_several(op, *args)
        parts = [(y * y).sum(), *((s * s).sum() for s in last)]
        return parts[0] + sum(parts[2:], parts[1])

    assert gradcheck(total, inputs)


def test_only_the_last_state_is_used(agree: Any) -> None:
    ours, theirs = twins("LSTM", 3, 5)
    x = normal(4, 2, 3)
    ours(tensor(x))[1][0].sum().backward()
    theirs(torch.tensor(x))[1][0].sum().backward()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        agree(a.grad, b.grad)


def test_dropout_is_between_layers_and_in_training_alone() -> None:
    layer, x = nn.GRU(4, 50, 2, dropout=0.5), tensor(normal(6, 3, 4))
    weft.manual_seed(1)
    first = layer(x)[0].array
    weft.manual_seed(1)
    np.testing.assert_array_equal(layer(x)[0].array, first)
    layer.eval()
    assert np.abs(layer(x)[0].array - first).max() > 0.01
    one = nn.GRU(4, 50, 1, dropout=0.5)
    np.testing.assert_array_equal(one(x)[0].array, one.eval()(x)[0].array)


def test_what_is_not_supported_is_named() -> None:
    for options in ({"bidirectional": True}, {"proj_size": 3}):
        with pytest.raises(NotImplementedError, match=next(iter(options))):
            nn.LSTM(4, 8, **options)
    with pytest.raises(NotImplementedError, match="relu"):
        nn.RNN(4, 8, nonlinearity="relu")
    with pytest.raises(ValueError, match="Unknown nonlinearity"):
        nn.RNNCell(4, 8, nonlinearity="gelu")
    with pytest.raises(ValueError, match="dropout"):
        nn.GRU(4, 8, dropout=1.5)
    layer = nn.LSTM(4, 8)
    with pytest.raises(RuntimeError, match="expected"):
        layer(tensor(normal(3, 2, 5)))
    with pytest.raises(RuntimeError, match="hidden size"):
        layer(tensor(normal(3, 2, 4)), (tensor(normal(1, 3, 8)),) * 2)
    with pytest.raises(RuntimeError, match="larger than 0"):
        layer(tensor(normal(0, 2, 4)))
