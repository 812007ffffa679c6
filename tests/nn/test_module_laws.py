"""What holds for any tree of modules; the same tree in PyTorch is the witness."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from weft import nn

# A tree is a description that `build` turns into modules of either library.
LEAVES = st.sampled_from(["Linear", "LayerNorm", "Dropout", "Tanh", "Embedding", "shared"])
TREES = st.recursive(
    LEAVES,
    lambda inner: st.tuples(st.sampled_from("SLD"), st.lists(inner, max_size=4)),
    max_leaves=9,
)


def build(n, tree, shared):
    if isinstance(tree, tuple):
        kind, children = tree
        modules = [build(n, child, shared) for child in children]
        if kind == "S":
            return n.Sequential(*modules)
        if kind == "L":
            return n.ModuleList(modules)
        return n.ModuleDict({f"part_{i}": module for i, module in enumerate(modules)})
    return {
        "Linear": lambda: n.Linear(2, 3),
        "LayerNorm": lambda: n.LayerNorm(2, bias=False),
        "Dropout": lambda: n.Dropout(0.1),
        "Tanh": lambda: n.Tanh(),
        "Embedding": lambda: n.Embedding(3, 2),
        "shared": lambda: shared,
    }[tree]()


def both(tree):
    return build(nn, tree, nn.Linear(1, 1)), build(torch.nn, tree, torch.nn.Linear(1, 1))


@settings(max_examples=60, deadline=None)
@given(TREES)
def test_names_state_and_text_are_pytorchs(tree):
    ours, theirs = both(tree)
    for members in ("named_parameters", "named_modules", "named_children"):
        expected = [name for name, _ in getattr(theirs, members)()]
        assert [name for name, _ in getattr(ours, members)()] == expected
    state = {name: value.shape for name, value in ours.state_dict().items()}
    assert state == {name: tuple(value.shape) for name, value in theirs.state_dict().items()}
    assert list(state) == list(theirs.state_dict())
    assert repr(ours) == repr(theirs)


@settings(max_examples=30, deadline=None)
@given(TREES, st.integers(0, 2**32 - 1))
def test_a_loaded_state_is_the_state(tree, seed):
    ours, _ = both(tree)
    other, _ = both(tree)
    rng = np.random.default_rng(seed)
    state = {
        name: rng.standard_normal(value.shape).astype(np.float32)
        for name, value in ours.state_dict().items()
    }
    for name in list(state):  # names of one parameter must not disagree
        aliases = [n for n, p in ours.state_dict().items() if p.array is _array(ours, name)]
        state[name] = state[aliases[0]]
    ours.load_state_dict(state)
    other.load_state_dict(ours.state_dict())
    for name, value in other.state_dict().items():
        np.testing.assert_array_equal(value.array, state[name])


def _array(module, name):
    return module.state_dict()[name].array


@settings(max_examples=30, deadline=None)
@given(TREES, st.booleans())
def test_modes_and_freezing_reach_everything(tree, on):
    ours, _ = both(tree)
    ours.train(on).requires_grad_(on)
    assert all(module.training is on for module in ours.modules())
    assert all(parameter.requires_grad is on for parameter in ours.parameters())
    visited = []
    ours.apply(visited.append)
    assert set(visited) == set(ours.modules()) and visited[-1] is ours
