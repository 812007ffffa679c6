"""What all optimisers share: groups, gradients, saved states, text."""

import copy

import numpy as np
import pytest
import torch

from weft import nn, optim
from weft.autograd import no_grad, tensor

KINDS = {
    "sgd": lambda params: optim.SGD(params, lr=0.1, momentum=0.9),
    "adam": lambda params: optim.Adam(params, lr=0.1),
    "adamw": lambda params: optim.AdamW(params, lr=0.1),
    "muon": lambda params: optim.Muon(params, lr=0.1),
}


def test_groups_have_options_of_their_own(pair):
    both = pair()
    results = []
    for library, parameters in ((optim, both.ours), (torch.optim, both.theirs)):
        groups = [
            {"params": parameters[:2], "lr": 0.5, "weight_decay": 0.0},
            {"params": iter(parameters[2:])},
        ]
        results.append(library.AdamW(groups, lr=0.01, weight_decay=0.1))
    for _ in range(3):
        both.set_gradients()
        for optimizer in results:
            optimizer.step()
    both.check()
    saved = results[0].state_dict()["param_groups"]
    assert [group["params"] for group in saved] == [[0, 1], [2, 3, 4]]
    assert [group["lr"] for group in saved] == [0.5, 0.01]


def test_text_is_pytorchs(pair):
    both = pair()
    for name in ("SGD", "Muon"):
        shapes = [(3, 4)] if name == "Muon" else [(3,)]
        both = pair(shapes)
        ours = repr(getattr(optim, name)(both.ours)).splitlines()
        theirs = repr(getattr(torch.optim, name)(both.theirs)).splitlines()
        not_here = ("differentiable", "foreach", "fused", "maximize")
        assert ours == [line for line in theirs if not line.strip().startswith(not_here)]


def test_named_parameters_are_taken(pair):
    layer = nn.Linear(2, 2)
    optimizer = optim.SGD(layer.named_parameters(), lr=0.1)
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    assert optimizer.param_groups[0]["params"][0] is layer.weight


def test_parameters_without_gradient_are_left_alone(pair):
    both = pair([(3, 4), (4, 3)])
    both.set_gradients()
    both.ours[0].grad = None
    before = both.ours[0].array.copy()
    optimizer = optim.AdamW(both.ours, lr=0.1)
    optimizer.step()
    np.testing.assert_array_equal(both.ours[0].array, before)
    assert list(optimizer.state_dict()["state"]) == [1]


def test_zero_grad(pair):
    both = pair()
    both.set_gradients()
    optimizer = optim.SGD(both.ours)
    optimizer.zero_grad(set_to_none=False)
    assert all((p.grad.array == 0).all() for p in both.ours)
    optimizer.zero_grad()
    assert all(p.grad is None for p in both.ours)


def test_closure_is_run_with_gradients_on():
    p = nn.Parameter([3.0])
    optimizer = optim.SGD([p], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with no_grad():
        loss = optimizer.step(closure)
    assert loss.item() == 9.0 and p.item() == pytest.approx(3.0 - 0.1 * 6.0)


def test_views_are_updated_in_place():
    matrix = np.arange(6, dtype=np.float32).reshape(2, 3)
    p = nn.Parameter(matrix.T)
    p.grad = tensor(np.ones((2, 3), np.float32).T)
    optim.SGD([p], lr=1.0).step()
    np.testing.assert_array_equal(matrix, np.arange(6).reshape(2, 3) - 1)


def test_float64_parameters():
    p = nn.Parameter(np.ones(3))
    p.grad = tensor(np.full(3, 0.5))
    optimizer = optim.AdamW([p], lr=0.1)
    optimizer.step()
    assert p.dtype == np.float64 and optimizer.state[p]["exp_avg"].dtype == np.float64


@pytest.mark.parametrize("kind", KINDS)
def test_a_scaled_gradient_is_that_many_times_the_gradient(kind, pair):
    """Clipping in the update gives the bits of clipping before it."""
    one, two = pair([(3, 4), (5, 2)]), pair([(3, 4), (5, 2)])
    fused, separate = KINDS[kind](one.ours), KINDS[kind](two.ours)
    for _ in range(3):
        one.set_gradients()
        for p, q in zip(one.ours, two.ours, strict=True):
            q.grad = tensor(np.float32(0.3) * p.grad.array)
        fused.step(gradient_scale=0.3)
        separate.step()
    for p, q in zip(one.ours, two.ours, strict=True):
        np.testing.assert_array_equal(p.array, q.array)


def test_views_and_float64_parameters_beside_others():
    """Each moves as it would alone."""

    def parameters():
        values = np.arange(6, dtype=np.float32).reshape(2, 3)
        return [nn.Parameter(values.T), nn.Parameter(values + 1), nn.Parameter(values + 2.0)]

    together, alone = parameters(), parameters()
    together[2].array, alone[2].array = (p[2].array.astype(float) for p in (together, alone))
    for p, q in zip(together, alone, strict=True):
        p.grad = tensor(np.full(p.shape, 0.5, p.dtype))
        q.grad = tensor(np.full(q.shape, 0.5, q.dtype))
    optim.AdamW(together, lr=0.1).step()
    for p, q in zip(together, alone, strict=True):
        optim.AdamW([q], lr=0.1).step()
        assert p.dtype == q.dtype
        np.testing.assert_allclose(p.array, q.array, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_state_goes_on_bit_by_bit(kind, pair):
    both = pair([(3, 4), (5, 2)])
    optimizer = KINDS[kind](both.ours)
    for _ in range(3):
        both.set_gradients()
        optimizer.step()
    optimizer.param_groups[0]["lr"] = 0.05
    others = [nn.Parameter(p.array.copy()) for p in both.ours]
    resumed = KINDS[kind](others)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for _ in range(3):
        both.set_gradients()
        for p, other in zip(both.ours, others, strict=True):
            other.grad = p.grad
        optimizer.step()
        resumed.step()
    for p, other in zip(both.ours, others, strict=True):
        np.testing.assert_array_equal(p.array, other.array)


def test_loading_copies(pair):
    both, other = pair(), pair()
    both.set_gradients()
    optimizer, second = optim.Adam(both.ours), optim.Adam(other.ours)
    optimizer.step()
    second.load_state_dict(optimizer.state_dict())
    mine, copied = optimizer.state[both.ours[0]], second.state[other.ours[0]]
    assert mine["exp_avg"].array is not copied["exp_avg"].array
    assert copied["step"].item() == 1.0 and copied["step"].dtype == np.float32


def test_an_unfit_state_is_refused_and_changes_nothing(pair):
    both = pair([(3, 4), (5,)])
    both.set_gradients()
    optimizer = optim.Adam(both.ours, lr=0.1)
    optimizer.step()
    before = copy.deepcopy(optimizer.state_dict())
    one_group = optim.Adam(pair([(3, 4)]).ours, lr=7.0)
    two_groups = optim.Adam([{"params": [p]} for p in pair([(3, 4), (5,)]).ours], lr=7.0)
    other_shape = pair([(3, 3), (5,)])
    other_shape.set_gradients()
    wrong_shape = optim.Adam(other_shape.ours, lr=7.0)
    wrong_shape.step()
    for unfit, words in [
        (two_groups, "different number of parameter groups"),
        (one_group, "doesn't match the size"),
        (wrong_shape, r"exp_avg of shape \(3, 3\) for a parameter of shape \(3, 4\)"),
    ]:
        with pytest.raises(ValueError, match=words):
            optimizer.load_state_dict(unfit.state_dict())
    assert repr(optimizer.state_dict()) == repr(before)


def test_bad_parameters():
    p = nn.Parameter([1.0])
    for bad, error, words in [
        ([], ValueError, "empty parameter list"),
        (p, TypeError, "iterable of Tensors"),
        ([3], TypeError, "one of the params is int"),
        ([p * 2], ValueError, "non-leaf"),
        ([p, p], ValueError, "twice"),
        ([{"params": [p]}, {"params": [p]}], ValueError, "more than one parameter group"),
        ([{"params": {p}}], TypeError, "use a list, not a set"),
        ([("name", p), nn.Parameter([2.0])], ValueError, "with/without names"),
        ([{"params": [p], "learning_rate": 1.0}], ValueError, "no option 'learning_rate'"),
    ]:
        with pytest.raises(error, match=words):
            optim.SGD(bad)
    with pytest.raises(TypeError, match="must be a dict"):
        optim.SGD([p]).add_param_group([p])
