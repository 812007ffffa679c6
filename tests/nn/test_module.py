"""`nn.Module`: attributes, the walk over the tree, state, modes."""

import copy
import pickle

import numpy as np
import pytest
import torch

import weft
from weft import nn
from weft.autograd import Tensor, tensor


class Net(nn.Module):
    def __init__(self, width=3):
        super().__init__()
        self.first = nn.Linear(2, width)
        self.norm = nn.LayerNorm(width)
        self.blocks = nn.ModuleList([nn.Linear(width, width) for _ in range(2)])
        self.scale = nn.Parameter(tensor([2.0]))
        self.register_buffer("steps", tensor([0]))
        self.register_buffer("mask", tensor([True, False]), persistent=False)

    def forward(self, x):
        x = self.norm(self.first(x))
        for block in self.blocks:
            x = block(x)
        return x * self.scale


NAMES = [
    "scale",
    "first.weight",
    "first.bias",
    "norm.weight",
    "norm.bias",
    "blocks.0.weight",
    "blocks.0.bias",
    "blocks.1.weight",
    "blocks.1.bias",
]


def test_names_and_order():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == NAMES
    assert [id(p) for p in net.parameters()] == [id(p) for _, p in net.named_parameters()]
    assert [name for name, _ in net.named_parameters("net", recurse=False)] == ["net.scale"]
    assert [name for name, _ in net.named_buffers()] == ["steps", "mask"]
    assert [name for name, _ in net.named_children()] == ["first", "norm", "blocks"]
    assert [name for name, _ in net.named_modules()] == [
        "", "first", "norm", "blocks", "blocks.0", "blocks.1",
    ]  # fmt: skip
    assert net.get_submodule("blocks.1") is net.blocks[1]
    assert net.get_parameter("blocks.1.bias") is net.blocks[1].bias


def test_a_subclass_may_leave_out_init():
    class Plain(nn.Module):
        def __init__(self):
            self.inner = nn.Linear(2, 2)

    assert [name for name, _ in Plain().named_parameters()] == ["inner.weight", "inner.bias"]


def test_without_forward_the_call_says_so():
    with pytest.raises(NotImplementedError, match=r'Module \[Module\] is missing the required "fo'):
        nn.Module()(1)


def test_call_passes_everything_to_forward():
    class Adds(nn.Module):
        def forward(self, a, b=1, *, c=0):
            return a + b + c

    assert Adds()(1, 2, c=3) == 6


def test_attributes_move_between_kinds():
    module = nn.Module()
    module.x = 1
    module.x = nn.Parameter(tensor([1.0]))
    assert "x" not in module.__dict__ and len(list(module.parameters())) == 1
    module.x = nn.Linear(1, 1)
    assert list(module._parameters) == [] and list(module._modules) == ["x"]
    del module.x
    with pytest.raises(AttributeError, match="'Module' object has no attribute 'x'"):
        _ = module.x
    with pytest.raises(AttributeError):
        del module.x
    module.x = 2
    assert module.x == 2 and list(module.parameters()) == []


def test_a_replaced_parameter_keeps_its_place():
    layer = nn.Linear(2, 2)
    layer.weight = nn.Parameter(tensor([[1.0, 2.0]]))
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]


def test_only_the_right_kind_is_assigned():
    net = Net()
    with pytest.raises(TypeError, match="'Tensor' object to parameter 'scale'"):
        net.scale = tensor([1.0])
    with pytest.raises(TypeError, match="'int' object to child module 'first'"):
        net.first = 3
    with pytest.raises(TypeError, match="'list' object to buffer 'steps'"):
        net.steps = [1]
    net.steps, net.scale, net.first = None, None, None
    assert "steps" not in net.state_dict() and "first.weight" not in net.state_dict()


@pytest.mark.parametrize("register", ["register_parameter", "register_buffer", "add_module"])
@pytest.mark.parametrize(
    "name,error", [("a.b", KeyError), ("", KeyError), ("train", KeyError), (3, TypeError)]
)
def test_bad_names(register, name, error):
    with pytest.raises(error):
        getattr(nn.Module(), register)(name, None)


def test_registered_values_have_the_right_kind():
    module = nn.Module()
    for register in (module.register_parameter, module.add_module):
        with pytest.raises(TypeError):
            register("x", tensor([1.0]))
    with pytest.raises(TypeError):
        module.register_buffer("x", np.zeros(1))


def test_shared_parameters_are_listed_once_but_saved_under_each_name():
    class Tied(nn.Module):
        def __init__(self):
            self.embedding = nn.Embedding(5, 3)
            self.head = nn.Linear(3, 5, bias=False)
            self.head.weight = self.embedding.weight

    tied = Tied()
    assert [name for name, _ in tied.named_parameters()] == ["embedding.weight"]
    assert len(list(tied.named_parameters(remove_duplicate=False))) == 2
    state = tied.state_dict()
    assert list(state) == ["embedding.weight", "head.weight"]
    assert state["head.weight"].array is state["embedding.weight"].array
    tied.load_state_dict({name: tensor(np.full((5, 3), 7.0)) for name in state})
    assert tied.head.weight is tied.embedding.weight and (tied.head.weight.array == 7).all()


def test_shared_modules_are_walked_once():
    layer = nn.Linear(2, 2)
    net = nn.Sequential(layer, nn.Tanh(), layer)
    assert len(list(net.modules())) == 3 and len(list(net.children())) == 2
    assert len(list(net.parameters())) == 2
    assert list(net.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_state_shares_memory_and_leaves_the_tape():
    net = Net()
    state = net.state_dict()
    assert list(state) == ["scale", "steps", *NAMES[1:]]
    assert state["scale"].array is net.scale.array and not state["scale"].requires_grad
    assert net.state_dict(keep_vars=True)["scale"] is net.scale
    assert next(iter(net.state_dict(prefix="net."))) == "net.scale"


@pytest.mark.parametrize("as_arrays", [True, False])
def test_state_round_trip(as_arrays):
    net, other = Net(), Net()
    state = net.state_dict()
    result = other.load_state_dict({n: t.array for n, t in state.items()} if as_arrays else state)
    assert repr(result) == "<All keys matched successfully>"
    x = tensor(np.random.default_rng(0).standard_normal((4, 2)).astype(np.float32))
    np.testing.assert_array_equal(net(x).array, other(x).array)
    other.scale.array += 1
    assert other.scale.array != net.scale.array  # loading copies


def test_state_goes_to_pytorch_and_back():
    net = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3), nn.Embedding(4, 3))
    peer = torch.nn.Sequential(
        torch.nn.Linear(2, 3), torch.nn.LayerNorm(3), torch.nn.Embedding(4, 3)
    )
    peer.load_state_dict({n: torch.from_numpy(t.array) for n, t in net.state_dict().items()})
    again = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3), nn.Embedding(4, 3))
    again.load_state_dict(peer.state_dict())
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(again.state_dict()[name].array, value.array)


def test_an_unfit_state_is_refused_with_pytorchs_words_and_changes_nothing():
    def build(n):
        return n.Sequential(n.Linear(2, 3), n.Linear(3, 1))

    bad = {"0.weight": np.ones((3, 2), np.float32), "0.bias": np.ones(4, np.float32), "x": 1.0}
    ours, theirs = build(nn), build(torch.nn)
    before = {name: value.array.copy() for name, value in ours.state_dict().items()}
    with pytest.raises(RuntimeError) as ours_says:
        ours.load_state_dict(bad)
    with pytest.raises(RuntimeError) as theirs_says:
        theirs.load_state_dict({name: torch.tensor(value) for name, value in bad.items()})
    expected = str(theirs_says.value).replace("torch.Size([4])", "(4,)")
    assert str(ours_says.value) == expected.replace("torch.Size([3])", "(3,)")
    for name, value in ours.state_dict().items():
        np.testing.assert_array_equal(value.array, before[name])


def test_not_strict_loads_what_fits_and_tells_the_rest():
    layer = nn.Linear(2, 2)
    result = layer.load_state_dict({"weight": np.ones((2, 2)), "extra": 0}, strict=False)
    assert result.missing_keys == ["bias"] and result.unexpected_keys == ["extra"]
    assert (layer.weight.array == 1).all() and layer.weight.dtype == np.float32
    with pytest.raises(RuntimeError, match="size mismatch for weight"):
        layer.load_state_dict({"weight": np.ones((3, 2))}, strict=False)


def test_long_lists_of_keys_are_cut_at_ten():
    net = nn.Sequential(*[nn.Linear(1, 1) for _ in range(20)])
    with pytest.raises(RuntimeError, match=r'"4\.bias", \.\.\. and 30 more'):
        net.load_state_dict({})
    wrong = {name: np.zeros(7) for name in net.state_dict()}
    with pytest.raises(RuntimeError, match=r"\.\.\. and 30 more") as error:
        net.load_state_dict(wrong)
    assert str(error.value).count("size mismatch") == 10


def test_state_dict_must_be_a_mapping():
    with pytest.raises(TypeError, match="dict-like"):
        Net().load_state_dict([1])


def test_train_and_eval_reach_every_module():
    net = nn.Sequential(nn.Dropout(0.5), nn.ModuleList([nn.Dropout(0.5)]))
    assert net.eval() is net and not any(m.training for m in net.modules())
    assert net.train() is net and all(m.training for m in net.modules())
    with pytest.raises(ValueError, match="boolean"):
        net.train(1)


def test_apply_visits_children_first():
    seen = []
    net = Net()
    assert net.apply(seen.append) is net
    assert seen == [net.first, net.norm, *net.blocks, net.blocks, net]


def test_freezing():
    net = Net()
    net.first.requires_grad_(False)
    net(tensor([[1.0, 2.0]])).sum().backward()
    assert net.first.weight.grad is None and net.scale.grad is not None


def test_zero_grad():
    net = Net()
    net(tensor([[1.0, 2.0]])).sum().backward()
    net.zero_grad(set_to_none=False)
    assert all((p.grad.array == 0).all() for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_to_converts_floats_in_place():
    net = Net()
    scale = net.scale
    assert net.double() is net and net.scale is scale and scale.dtype == np.float64
    assert scale.requires_grad and net.steps.dtype == np.int64 and net.mask.dtype == np.bool_
    x = weft.autograd.ones(1, 2, dtype=np.float64)
    net(x).sum().backward()
    assert net.scale.grad.dtype == np.float64
    assert net.float().scale.grad.dtype == np.float32
    assert net.to(weft.float64).scale.dtype == np.float64
    assert net.to("cpu") is net
    with pytest.raises(RuntimeError, match="no device 'cuda'"):
        net.to("cuda")


@pytest.mark.parametrize("way", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_are_complete_and_apart(way):
    net = Net().eval()
    other = way(net)
    x = tensor([[1.0, 2.0]])
    np.testing.assert_array_equal(net(x).array, other(x).array)
    assert repr(other) == repr(net) and not other.training
    other.scale.array += 1
    assert net.scale.item() == 2.0 and isinstance(other.scale, nn.Parameter)


def test_dir_lists_parameters_and_modules():
    assert {"scale", "steps", "first", "forward"} <= set(dir(Net()))


def test_parameters_share_the_memory_of_what_they_are_made_from():
    array = np.zeros(3, np.float32)
    assert nn.Parameter(array).array is array
    assert nn.Parameter(Tensor(array)).array is array
    assert nn.Parameter([1.0, 2.0]).dtype == np.float32
    assert nn.Parameter().shape == (0,)
    assert nn.Parameter(array).requires_grad and not nn.Parameter(array, False).requires_grad
