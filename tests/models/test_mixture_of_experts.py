"""The mixture of experts: against a plain one in PyTorch, its losses, its capacity, its bits."""

import numpy as np
import pytest
import torch

import weft
from weft.autograd import Tensor
from weft.config import ModelConfig
from weft.models import GPT
from weft.models.transformer import MixtureOfExperts
from weft.random import Generator

E, C = 4, 16


def config(**options) -> ModelConfig:
    sizes = dict(vocab_size=17, block_size=12, n_layer=2, n_head=4, n_embd=C, n_expert=E)
    return ModelConfig(**(sizes | options))


def mixture(dtype=np.float32, **options) -> MixtureOfExperts:
    """A block's experts; the router's weights are large, so that it has opinions."""
    layer = GPT(config(**options), Generator(1)).blocks[0].feed_forward
    layer.router.weight.array[...] *= 40
    for parameter in layer.parameters():
        parameter.data = Tensor(parameter.array.astype(dtype))
    return layer


def inputs(dtype=np.float32, T=7) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return tuple(rng.standard_normal((2, T, C)).astype(dtype) for _ in range(2))


def plain(layer, x, residual, k, limit=None):
    """Token by token, expert by expert: (the output, its two losses, tokens left out)."""
    weight = {name: torch.tensor(p.array) for name, p in layer.named_parameters()}
    for tensor in weight.values():
        tensor.requires_grad_()
    rows, out = x.reshape(-1, C), [row for row in residual.reshape(-1, C)]
    logits = rows @ weight["router.weight"].T
    p = logits.softmax(-1)
    top, chosen = p.topk(k)
    if k > 1:
        top = top / top.sum(-1, keepdim=True)
    read, dropped = [0] * E, 0
    for c in range(k):
        for n in range(len(rows)):
            e = int(chosen[n, c])
            read[e] += 1
            if limit is not None and read[e] > limit:
                dropped += 1
                continue
            name = f"experts.{e}."
            inner = rows[n] @ weight[name + "up.weight"].T + weight[name + "up.bias"]
            inner = torch.nn.functional.gelu(inner, approximate="tanh")
            y = inner @ weight[name + "down.weight"].T + weight[name + "down.bias"]
            out[n] = out[n] + top[n, c] * y
    part = torch.bincount(chosen.reshape(-1), minlength=E).double() / chosen.numel()
    balance = E * (part * p.mean(0)).sum()
    z = (torch.logsumexp(logits, -1) ** 2).mean()
    return torch.stack(out).reshape(x.shape), balance, z, dropped, weight


@pytest.mark.parametrize("k", [1, 2, 4])
@pytest.mark.parametrize("capacity", [None, 0.6])
def test_equal_to_a_plain_one(k, capacity):
    layer = mixture(np.float64, n_expert_used=k, expert_capacity=capacity)
    arrays = inputs(np.float64)
    ours = [weft.tensor(a, requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    limit = None if capacity is None else int(np.ceil(capacity * 14 * k / E))
    want, balance, z, dropped, weight = plain(layer, *theirs, k, limit)
    got, loss = layer(*ours)
    near = dict(rtol=0, atol=1e-12)  # float64: some hundred roundings of numbers of a few units
    np.testing.assert_allclose(got.array, want.detach(), **near)
    np.testing.assert_allclose(loss.item(), (0.01 * balance + 0.001 * z).item(), **near)
    assert layer.routing.dropped == dropped and (dropped > 0) == (capacity is not None)
    (got.sum() + loss).backward()
    (want.sum() + 0.01 * balance + 0.001 * z).backward()
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine.grad.array, other.grad, **near)
    for name, parameter in layer.named_parameters():
        other = weight[name].grad
        expected = np.zeros(parameter.shape) if other is None else other
        np.testing.assert_allclose(parameter.grad.array, expected, err_msg=name, **near)


@pytest.mark.parametrize("capacity", [None, 0.5])
def test_gradients(capacity):
    layer = mixture(np.float64, expert_capacity=capacity)
    x, residual = (weft.tensor(a, requires_grad=True) for a in inputs(np.float64, T=3))
    assert weft.gradcheck(lambda x, residual: layer(x, residual)[0], [x, residual])
    assert weft.gradcheck(lambda x: layer(x, residual)[1], [x])


def test_an_expert_that_reads_nothing_has_a_gradient_of_zeros():
    layer = mixture(n_expert_used=1)
    x, residual = (weft.tensor(a[:1, :1], requires_grad=True) for a in inputs())
    y, loss = layer(x, residual)
    (y.sum() + loss).backward()
    used = [np.abs(e.up.weight.grad.array).max() > 0 for e in layer.experts]
    assert sum(used) == 1


@weft.no_grad()
def test_a_text_does_not_depend_on_its_neighbours():
    model = GPT(config(), Generator(1)).eval()
    ids = np.random.default_rng(0).integers(0, 17, (5, 12))
    together = model(ids).array
    for i, row in enumerate(ids):
        alone = model(row[None]).array[0]
        # Sums of up to 64 terms, which a product of fewer rows may add up in another order.
        bound = 64 * np.finfo(np.float32).eps * np.abs(alone).max()
        assert np.abs(together[i] - alone).max() <= bound


@weft.no_grad()
def test_a_capacity_is_for_training_alone():
    limited = GPT(config(expert_capacity=0.25), Generator(1))
    free = GPT(config(), Generator(1)).eval()
    ids = np.random.default_rng(0).integers(0, 17, (2, 12))
    assert not np.array_equal(limited(ids).array, free(ids).array)
    assert np.array_equal(limited.eval()(ids).array, free(ids).array)


def test_capacity_leaves_out_the_last():
    """Six tokens, all for expert 2 first and expert 0 second; each reads ceil(0.75 · 12/4) = 3."""
    layer = mixture(expert_capacity=0.75)
    order, sizes = layer.dispatch(np.tile([2, 0], (6, 1)))
    assert list(sizes) == [3, 0, 3, 0]
    assert list(order) == [6, 7, 8, 0, 1, 2]  # second choices of tokens 0-2, first ones of 0-2


def test_losses_of_a_router_without_opinions():
    """Balance is 1 where all probabilities are equal; z is (log E)²."""
    layer = mixture()
    layer.router.weight.array[...] = 0
    layer(*(weft.tensor(a) for a in inputs()))
    assert layer.routing.balance == pytest.approx(1, abs=1e-6)
    assert layer.routing.z == pytest.approx(np.log(E) ** 2, rel=1e-6)
    assert list(layer.routing.sizes) == [14, 14, 0, 0]  # of equals, the first


def test_the_loss_in_training_has_the_routers_share():
    model = GPT(config(), Generator(1))
    ids = np.random.default_rng(0).integers(0, 17, (2, 2, 12))
    whole = model.loss(ids[0], ids[1]).item()
    routing = [block.feed_forward.routing for block in model.blocks]
    extra = sum(0.01 * r.balance + 0.001 * r.z for r in routing)
    model.eval()
    text = model.loss(ids[0], ids[1]).item()
    assert whole == pytest.approx(text + extra, rel=1e-6)
    model.train()
    half = model.loss(ids[0], ids[1], count=48).item()  # one of two micro-batches of 24
    assert half == pytest.approx(whole / 2, rel=1e-6)


@pytest.mark.parametrize("dtype", [None, weft.bfloat16])
def test_checkpointed_gradients_are_the_same_bits(dtype):
    grads = []
    for checkpointed in (False, True):
        model = GPT(config(dropout=0.1), Generator(1)).train()
        model.checkpoint_gradients = checkpointed
        ids = np.random.default_rng(0).integers(0, 17, (2, 2, 12))
        weft.manual_seed(3)
        with weft.autocast(dtype):
            loss = model.loss(ids[0], ids[1])
        loss.backward()
        grads.append([p.grad.array for p in model.parameters()])
    for a, b in zip(*grads, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_router_stays_in_float32():
    layer = mixture()
    x = weft.tensor(inputs()[0])
    with weft.autocast(weft.bfloat16):
        logits, _ = layer.probabilities(x.view(-1, C).to(weft.bfloat16))
    exact, _ = layer.probabilities(x.to(weft.bfloat16).float().view(-1, C))
    assert logits.dtype == np.float32
    np.testing.assert_array_equal(logits.array, exact.array)
