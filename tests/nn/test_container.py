"""`Sequential`, `ModuleList` and `ModuleDict`, as PyTorch's."""

from collections import OrderedDict

import pytest

from weft import nn
from weft.autograd import tensor


def names(module):
    return [name for name, _ in module.named_children()]


def test_sequential_runs_in_order():
    net = nn.Sequential(OrderedDict(first=nn.ReLU(), second=nn.Tanh()))
    assert names(net) == ["first", "second"] and net.second is net[1]
    assert net(tensor([-1.0])).item() == 0.0
    assert nn.Sequential()(3) == 3


@pytest.mark.parametrize("kind", [nn.Sequential, lambda *m: nn.ModuleList(m)])
def test_indexing(kind):
    a, b, c = nn.Tanh(), nn.ReLU(), nn.Sigmoid()
    modules = kind(a, b, c)
    assert len(modules) == 3 and list(modules) == [a, b, c]
    assert modules[0] is a and modules[-1] is c
    assert type(modules[1:]) is type(modules) and list(modules[1:]) == [b, c]
    assert names(modules[1:]) == ["0", "1"]
    with pytest.raises(IndexError):
        modules[3]
    modules[-1] = d = nn.Identity()
    assert list(modules) == [a, b, d] and names(modules) == ["0", "1", "2"]
    del modules[0]
    assert list(modules) == [b, d] and names(modules) == ["0", "1"]
    assert a in kind(a) and b not in kind(a)


@pytest.mark.parametrize("kind", [nn.Sequential, lambda *m: nn.ModuleList(m)])
def test_growing(kind):
    a, b, c, d = (nn.Identity() for _ in range(4))
    modules = kind(a)
    assert modules.append(c) is modules and modules.insert(1, b) is modules
    assert list(modules) == [a, b, c]
    longer = modules + kind(d)
    assert type(longer) is type(modules) and list(longer) == [a, b, c, d] and len(modules) == 3
    modules += [d]
    assert list(modules) == [a, b, c, d] and names(modules) == ["0", "1", "2", "3"]
    assert modules.pop() is d and modules.pop(0) is a and list(modules) == [b, c]
    modules.extend(modules)
    assert list(modules) == [b, c, b, c]


def test_only_modules_are_taken():
    with pytest.raises(TypeError, match="'int' object to child module '0'"):
        nn.ModuleList([3])


def test_module_dict():
    a, b = nn.Tanh(), nn.ReLU()
    modules = nn.ModuleDict({"a": a})
    modules["b"] = b
    assert modules.a is a and modules["b"] is b and "b" in modules and len(modules) == 2
    assert list(modules) == list(modules.keys()) == ["a", "b"]
    assert list(modules.values()) == [a, b] and dict(modules.items()) == {"a": a, "b": b}
    del modules["a"]
    assert names(modules) == ["b"]
    with pytest.raises(KeyError):
        modules["keys"] = a  # would hide the method
