"""The tape: order, accumulation, freeing, depth, and what it refuses."""

import gc
import threading
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import weft
from weft.nn import functional as F


def leaf(*values: float) -> weft.Tensor:
    return weft.tensor(list(values), requires_grad=True)


def test_a_chain_of_100_000_operations():
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1.0
    y.backward()
    assert x.grad.tolist() == [1.0]


def test_dropping_a_deep_graph_does_not_recurse():
    y = leaf(1.0)
    for _ in range(100_000):
        y = y + 1.0
    del y
    gc.collect()


def test_gradients_accumulate_and_are_not_shared():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (x + y).sum().backward()
    x.grad.zero_()
    assert y.grad.tolist() == [1.0, 1.0]
    (x * 2.0).sum().backward()
    (x * 3.0).sum().backward()
    assert x.grad.tolist() == [5.0, 5.0]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=12))
def test_a_diamond_of_any_shape_sums_over_all_paths(steps):
    """Each step adds two earlier results; the gradient is the number of paths from x."""
    x = leaf(1.0)
    nodes, paths = [x], [1]
    for step in steps:
        other = step % len(nodes)
        nodes.append(nodes[-1] + nodes[other])
        paths.append(paths[-1] + paths[other])
    nodes[-1].sum().backward()
    assert x.grad.item() == paths[-1]


def test_backward_twice_needs_retain_graph():
    x = leaf(2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 8.0
    with pytest.raises(RuntimeError, match="already used and freed"):
        y.backward()


def test_backward_frees_what_it_used():
    x = leaf(*[1.0] * 10)
    middle = x.exp()
    kept = weakref.ref(middle)
    loss = (middle * 2.0).sum()
    del middle
    loss.backward()
    gc.collect()
    assert kept() is None and loss.node.inputs == ()


def test_without_grad_nothing_is_recorded():
    x = leaf(1.0)
    with weft.no_grad():
        y = x * 2.0
        with weft.enable_grad():
            z = x * 2.0
    assert not y.requires_grad and y.node is None and z.requires_grad
    assert weft.is_grad_enabled()


@weft.no_grad()
def double(x):
    return x * 2.0


def test_no_grad_decorates():
    assert not double(leaf(1.0)).requires_grad


def test_modes_belong_to_their_thread():
    seen = []
    with weft.no_grad(), weft.autocast(weft.bfloat16):
        thread = threading.Thread(
            target=lambda: seen.append((weft.is_grad_enabled(), weft.compute_dtype()))
        )
        thread.start()
        thread.join()
    assert seen == [(True, None)]


def test_detach_stops_the_gradient():
    x = leaf(3.0)
    (x * x.detach()).sum().backward()
    assert x.grad.item() == 3.0


@pytest.mark.parametrize("first", ["norm", "stream"])
@pytest.mark.parametrize("kind", ["layer_norm", "rms_norm"])
def test_a_norm_adds_what_the_stream_beside_it_has(first, kind):
    """The norm's kernel adds the other gradient of its input: the sum is that of two arrays."""
    rng = np.random.default_rng(3)
    values, dy, beside = (rng.standard_normal((5, 33)).astype(np.float32) for _ in range(3))

    def gradient(norm_counts: bool, stream_counts: bool) -> np.ndarray:
        x = weft.tensor(values, requires_grad=True)
        h = x * 1.0
        h.retain_grad()
        if first == "norm":
            y, z = getattr(F, kind)(h, (33,)), h * weft.tensor(beside)
        else:
            z, y = h * weft.tensor(beside), getattr(F, kind)(h, (33,))
        kept = z.array.copy()
        (y * weft.tensor(dy) * float(norm_counts) + z * float(stream_counts)).sum().backward()
        np.testing.assert_array_equal(z.array, kept)
        np.testing.assert_array_equal(h.grad.array, x.grad.array)
        return x.grad.array

    apart = gradient(True, False) + gradient(False, True)
    np.testing.assert_array_equal(gradient(True, True), apart)
    assert not np.array_equal(apart, gradient(True, False))


def test_retain_grad_keeps_an_intermediate_gradient():
    x = leaf(3.0)
    y = x * x
    y.retain_grad()
    (y * 2.0).sum().backward()
    assert y.grad.item() == 2.0


def test_several_results_used_in_part():
    x = weft.tensor(np.arange(6.0), requires_grad=True)
    first, _, last = x.split(2)
    (first * 2.0 + last).sum().backward()
    assert x.grad.tolist() == [2, 2, 0, 0, 1, 1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: weft.tensor([1.0]).backward(), "does not require grad"),
        (lambda: leaf(1.0, 2.0).exp().backward(), "implied only for a single number"),
        (lambda: leaf(1.0).exp().backward(weft.ones(3)), "gradient .* for a tensor of"),
        (lambda: weft.tensor([1, 2], requires_grad=True), "only floating point"),
        (lambda: leaf(1.0).numpy(), "requires grad"),
        (lambda: leaf(1.0, 2.0).item(), "not a single number"),
        (lambda: leaf(1.0).__setitem__(0, 2.0), "in-place"),
        (lambda: leaf(1.0).zero_(), "in-place"),
    ],
)
def test_refuses(make, message):
    with pytest.raises(RuntimeError, match=message):
        make()
