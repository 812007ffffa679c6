"""Functions beside methods, and those that choose entries, against PyTorch's."""

import inspect

import numpy as np
import pytest
import torch

import weft
from weft.autograd import functions, tensor

X = np.random.default_rng(0).uniform(0.1, 2.0, (3, 4)).astype(np.float32)
POINTWISE = ["exp", "log", "sqrt", "rsqrt", "square", "abs", "sin", "cos"]
POINTWISE += ["sigmoid", "tanh", "relu"]
REDUCTIONS = ["sum", "mean", "argmax", "argmin", "max", "min"]
CALLS = [
    *[(name, (), {}) for name in POINTWISE],
    ("pow", (3,), {}),
    ("clamp", (), {"min": 0.5, "max": 1.0}),
    ("softmax", (), {"dim": 0}),
    ("log_softmax", (), {"dim": -1}),
    *[(name, (), {}) for name in [*REDUCTIONS, "flatten", "squeeze"]],
    *[(name, (1,), {}) for name in [*REDUCTIONS, "cumsum", "unsqueeze"]],
    *[(name, (1, True), {}) for name in REDUCTIONS],
    ("reshape", ((2, 6),), {}),
    ("transpose", (0, 1), {}),
    ("split", (3,), {"dim": 1}),
    ("chunk", (2,), {"dim": 1}),
    ("topk", (2,), {}),
]
BINARY = ["matmul", "max", "min", "minimum"]


def compare(ours, theirs):
    if isinstance(theirs, tuple):
        assert len(ours) == len(theirs)
        for mine, other in zip(ours, theirs, strict=True):
            compare(mine, other)
        return
    assert ours.shape == tuple(theirs.shape)
    np.testing.assert_allclose(ours.array, theirs.detach().numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name,args,options", CALLS, ids=lambda value: str(value))
def test_functions_are_pytorchs(name, args, options):
    ours = getattr(weft, name)(tensor(X), *args, **options)
    compare(ours, getattr(torch, name)(torch.tensor(X), *args, **options))


@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two(name):
    a, b = X[:, :3], X[:, 1:]
    compare(
        getattr(weft, name)(tensor(a), tensor(b)),
        getattr(torch, name)(torch.tensor(a), torch.tensor(b)),
    )


def test_every_function_is_tested():
    defined = {
        name
        for name, f in inspect.getmembers(functions, inspect.isfunction)
        if f.__module__ == functions.__name__
    }
    assert defined == {name for name, _, _ in CALLS} | set(BINARY) | {
        "index_add",
        "index_select",
        "multinomial",
    }


def test_topk_passes_gradients_on():
    mine, other = tensor(X, requires_grad=True), torch.tensor(X, requires_grad=True)
    weft.topk(mine, 2)[0].square().sum().backward()
    torch.topk(other, 2)[0].square().sum().backward()
    compare(mine.grad, other.grad)
    with pytest.raises(RuntimeError, match="topk: 5 of 4"):
        weft.topk(mine, 5)


def test_multinomial_draws_in_proportion():
    weights = tensor([[1.0, 0.0, 3.0], [2.0, 2.0, 0.0]])
    drawn = weft.multinomial(weights, 20_000, replacement=True, generator=weft.Generator(1)).array
    assert drawn.shape == (2, 20_000)
    shares = np.stack([(drawn == i).mean(1) for i in range(3)], 1)
    # Five deviations of a share of one half in 20,000 draws: 5 · 0.5 / √20000.
    np.testing.assert_allclose(shares, [[0.25, 0, 0.75], [0.5, 0.5, 0]], atol=0.018)
    assert (shares[[0, 1], [1, 2]] == 0).all()


def test_multinomial_without_replacement_draws_each_once():
    weights = tensor(np.tile(np.float32([1, 2, 0, 4]), (50, 1)))
    drawn = weft.multinomial(weights, 3, generator=weft.Generator(2)).array
    np.testing.assert_array_equal(np.sort(drawn), np.tile([0, 1, 3], (50, 1)))
    firsts = [weft.multinomial(weights, 1, generator=weft.Generator(s)).array for s in range(40)]
    shares = np.bincount(np.concatenate(firsts).ravel(), minlength=4) / 2000
    np.testing.assert_allclose(shares, np.array([1, 2, 0, 4]) / 7, atol=0.056)


@pytest.mark.parametrize(
    "weights,count", [([1.0, -1.0], 1), ([np.inf, 1.0], 1), ([1.0, 0.0], 2), ([0.0, 0.0], 1)]
)
def test_multinomial_refuses_what_cannot_be_drawn_from(weights, count):
    with pytest.raises(RuntimeError, match="multinomial"):
        weft.multinomial(tensor(weights), count)


def test_the_one_device_is_the_cpu():
    x = weft.zeros(2, device="cpu")
    assert x.to("cpu") is x and weft.arange(2, device=x.device).device == "cpu"
    for make in (lambda: x.to("cuda"), lambda: weft.ones(2, device="cuda:0")):
        with pytest.raises(RuntimeError, match="no device 'cuda"):
            make()


def test_single_numbers_format_as_numbers():
    assert f"{tensor(1.23456):.2f}" == "1.23" == f"{torch.tensor(1.23456):.2f}"
    assert f"{tensor([1.5])}" == "tensor([1.5000])"


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
@pytest.mark.parametrize("places", [[2, 0, 2, 1], [1], []])
def test_index_select_and_index_add(dim, places):
    """As PyTorch's, with places named several times or not at all, and their gradients."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 4, 5))
    source = np.take(rng.standard_normal((3, 4, 5)), places, axis=dim) if places else None
    if source is None:
        source = np.zeros([0 if i == dim % 3 else n for i, n in enumerate(x.shape)])
    for name, arrays in (("index_select", [x]), ("index_add", [x, source])):
        mine = [weft.tensor(a, requires_grad=True) for a in arrays]
        theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
        index = np.array(places, np.int64)
        y = getattr(weft, name)(mine[0], dim, weft.tensor(index), *mine[1:])
        z = getattr(torch, name)(theirs[0], dim, torch.tensor(index), *theirs[1:])
        np.testing.assert_allclose(y.array, z.detach(), rtol=0, atol=1e-15 * 8)
        y.square().sum().backward()
        z.square().sum().backward()
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(a.grad.array, b.grad, rtol=0, atol=1e-14)
    with pytest.raises(IndexError, match="out of range"):
        weft.index_select(weft.tensor(x), dim, [7])
