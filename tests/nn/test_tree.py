"""`print(model)` is PyTorch's text, character for character."""

from collections import OrderedDict

import pytest
import torch

from weft import nn


def workshop(n):
    class Model(n.Module):
        def __init__(self):
            super().__init__()
            self.fc1 = n.Linear(2, 2)
            self.fc2 = n.Linear(2, 1, bias=False)
            self.sigmoid = n.Sigmoid()

    return Model()


def every_layer(n):
    return n.Sequential(
        n.Linear(3, 4),
        n.Embedding(10, 3),
        n.LayerNorm(3),
        n.LayerNorm((3, 4), eps=1e-6, bias=False),
        n.LayerNorm(3, elementwise_affine=False),
        n.RMSNorm(3),
        n.RMSNorm([3, 4], eps=1e-6, elementwise_affine=False),
        n.Dropout(),
        n.Dropout(0.1, inplace=True),
        n.Sigmoid(),
        n.Tanh(),
        n.ReLU(),
        n.ReLU(inplace=True),
        n.GELU(),
        n.GELU(approximate="tanh"),
        n.SiLU(),
        n.SiLU(inplace=True),
        n.Softmax(),
        n.Softmax(dim=-1),
        n.Flatten(),
        n.Flatten(0, 1),
        n.Identity(),
        n.MSELoss(),
        n.CrossEntropyLoss(),
    )


def block(n):
    return n.Sequential(
        OrderedDict(norm=n.LayerNorm(4), inner=n.Sequential(n.Linear(4, 4), n.GELU()))
    )


def lists(n):
    return n.ModuleDict(
        {
            "empty": n.ModuleList(),
            "alone": n.ModuleList([n.Tanh()]),
            "same": n.ModuleList([block(n) for _ in range(3)]),
            "runs": n.ModuleList([n.Tanh(), n.ReLU(), n.ReLU(), n.Tanh(), n.Linear(1, 1)]),
            "nothing": n.Sequential(),
        }
    )


def extras(n):
    class Child(n.Module):
        def __init__(self, text):
            super().__init__()
            self.text = text

        def extra_repr(self):
            return self.text

    class Parent(Child):
        def __init__(self, text):
            super().__init__(text)
            self.child = Child("two\nlines")
            self.other = Child("a blank line\n\nbetween")
            self.grandchild = n.ModuleList([Child("two\nlines"), Child("one")])
            self.none = None

    return Parent("one line")


@pytest.mark.parametrize("build", [workshop, every_layer, block, lists, extras])
def test_tree_is_pytorchs(build):
    assert repr(build(nn)) == repr(build(torch.nn))


def test_missing_children_are_printed_as_pytorch_does():
    def build(n):
        module = n.Module()
        module.add_module("head", None)
        module.body = n.Tanh()
        return module

    assert repr(build(nn)) == repr(build(torch.nn))


@pytest.mark.parametrize("requires_grad", [True, False])
def test_parameters_print_as_pytorchs(requires_grad):
    numbers = torch.tensor([[0.5406, 0.5869], [-0.1657, 0.6496]])
    ours = nn.Parameter(numbers.numpy(), requires_grad=requires_grad)
    assert repr(ours) == repr(torch.nn.Parameter(numbers, requires_grad=requires_grad))
