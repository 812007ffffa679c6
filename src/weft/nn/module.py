"""`Module`: a tree of layers that owns parameters and buffers, with PyTorch's names and rules.

What it is not: there are no hooks, no devices and no compilation; `state.py` has the reading and
writing of states, `tree.py` the printing. A subclass may leave out `super().__init__()`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

import numpy as np

from weft.autograd import Tensor
from weft.autograd.device import check_device
from weft.nn.parameter import Parameter
from weft.nn.state import IncompatibleKeys, load_state, read_state
from weft.nn.tree import tree


class Module:
    """Base class of all layers and models; assign parameters and modules as attributes."""

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _non_persistent: set[str]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        # Here rather than in __init__, so that assigning a layer works from the first line of any
        # subclass, and copy.copy, copy.deepcopy and pickle find a complete object.
        module = super().__new__(cls)
        module.__dict__.update(
            training=True, _parameters={}, _buffers={}, _modules={}, _non_persistent=set()
        )
        return module

    def __init__(self) -> None:
        pass

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What a call computes; every subclass defines it."""
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        result: Tensor = self.forward(*args, **kwargs)  # a user's module may return what it likes
        return result

    # ----- attributes: parameters, buffers and modules are kept apart from plain values

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Parameter):
            self._put(self._parameters, name, value)
        elif isinstance(value, Module):
            self._put(self._modules, name, value)
        elif name in self._parameters:
            _refuse_unless(name, value, "parameter", Parameter)
            self._parameters[name] = value
        elif name in self._modules:
            _refuse_unless(name, value, "child module", Module)
            self._modules[name] = value
        elif name in self._buffers:
            _refuse_unless(name, value, "buffer", Tensor)
            self._buffers[name] = value
        else:
            super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:  # only asked when ordinary look-up has failed
        for store in ("_modules", "_parameters", "_buffers"):
            values = self.__dict__.get(store)
            if values and name in values:
                return values[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __delattr__(self, name: str) -> None:
        for store in (self._parameters, self._buffers, self._modules):
            if name in store:
                del store[name]
                self._non_persistent.discard(name)
                return
        super().__delattr__(name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._parameters, *self._buffers, *self._modules})

    def _put(self, store: dict[str, Any], name: str, value: Any) -> None:
        """Keep `value` in `store` and nowhere else; one that was there keeps its place."""
        self.__dict__.pop(name, None)
        self._non_persistent.discard(name)
        others: tuple[dict[str, Any], ...] = (self._parameters, self._buffers, self._modules)
        for other in others:
            if other is not store:
                other.pop(name, None)
        store[name] = value

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter under `name`; None keeps the place without a parameter (no bias)."""
        self._check_name(name, "parameter")
        _refuse_unless(name, param, "parameter", Parameter)
        self._put(self._parameters, name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is state but not trained; only a persistent one is saved."""
        self._check_name(name, "buffer")
        _refuse_unless(name, tensor, "buffer", Tensor)
        self._put(self._buffers, name, tensor)
        if not persistent:
            self._non_persistent.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a child module under `name`."""
        self._check_name(name, "module")
        _refuse_unless(name, module, "child module", Module)
        self._put(self._modules, name, module)

    register_module = add_module

    def _check_name(self, name: str, role: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{role} name should be a string. Got {type(name).__name__}")
        if "." in name:
            raise KeyError(f'{role} name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError(f'{role} name can\'t be empty string ""')
        known = name in self._parameters or name in self._buffers or name in self._modules
        if hasattr(self, name) and not known:
            raise KeyError(f"attribute '{name}' already exists")

    # ----- walking the tree

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and all below it, depth first, each once, with dotted names."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, child in self._modules.items():
            if child is not None:
                yield from child.named_modules(memo, _join(prefix, name), remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """This module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly below this one, each once."""
        seen: set[Module] = set()
        for name, child in self._modules.items():
            if child is not None and child not in seen:
                seen.add(child)
                yield name, child

    def children(self) -> Iterator[Module]:
        """The modules directly below this one, without names."""
        return (child for _, child in self.named_children())

    def _named_members(
        self, store: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        modules: Any = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else [(prefix, self)]
        )
        for path, module in modules:
            for name, value in getattr(module, store).items():
                if value is None or id(value) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(value))
                yield _join(path, name), value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """All parameters with dotted names; a shared (tied) one once, under its first name."""
        return self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """All parameters, a shared one once, in the order of `named_parameters`."""
        modules = _each_once(self) if recurse else [self]
        found = {id(p): p for module in modules for p in module._parameters.values()}
        return iter([parameter for parameter in found.values() if parameter is not None])

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """All buffers with dotted names."""
        return self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """All buffers."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        """The module at a dotted path; "" is this one. AttributeError if there is none."""
        module = self
        for name in target.split(".") if target else []:
            child = module._modules.get(name)
            if child is None:
                raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
            module = child
        return module

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path. AttributeError if there is none."""
        path, _, name = target.rpartition(".")
        parameter = self.get_submodule(path)._parameters.get(name)
        if parameter is None:
            raise AttributeError(f"no parameter `{target}` in {type(self).__name__}")
        return parameter

    # ----- doing something to all of the tree

    def apply(self, fn: Callable[[Module], None]) -> Self:
        """Call `fn` on every module, children first; for initialisation."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Self:
        """Switch dropout on (or, with False, off) in the whole tree."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch dropout off in the whole tree."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Freeze (False) or thaw all parameters."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients; with `set_to_none=False`, fill them with zeros instead."""
        for parameter in self.parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad.array.fill(0)

    def to(self, target: Any) -> Self:
        """Convert floating-point parameters and buffers to a dtype, in place.

        The only device is "cpu": `to("cpu")` changes nothing, any other name is a RuntimeError.
        """
        if isinstance(target, str):
            check_device(target)
            return self
        for value in [*self.parameters(), *self.buffers()]:
            if _is_floating(value.array.dtype):
                _convert(value, np.dtype(target))
        return self

    def float(self) -> Self:
        """All floating-point parameters and buffers as float32."""
        return self.to(np.float32)

    def double(self) -> Self:
        """All floating-point parameters and buffers as float64."""
        return self.to(np.float64)

    # ----- state and text

    def state_dict(
        self,
        *,
        destination: dict[str, Tensor] | None = None,
        prefix: str = "",
        keep_vars: bool = False,
    ) -> dict[str, Tensor]:
        """Parameters and persistent buffers by name, sharing memory with the module.

        A tied parameter is there under each of its names. `keep_vars` keeps the parameters
        themselves instead of detached tensors.
        """
        return read_state(self, destination, prefix, keep_vars)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True
    ) -> IncompatibleKeys:
        """Copy values (tensors or arrays) in by name; either all of them, or, on error, none.

        Raises RuntimeError naming missing and unexpected keys (if `strict`) and wrong shapes.
        """
        return load_state(self, state_dict, strict)

    def extra_repr(self) -> str:
        """What is printed between the brackets of a layer."""
        return ""

    def __repr__(self) -> str:
        return tree(self)


def _refuse_unless(name: str, value: Any, role: str, wanted: type) -> None:
    if value is not None and not isinstance(value, wanted):
        raise TypeError(
            f"cannot assign '{type(value).__name__}' object to {role} '{name}' "
            f"({wanted.__name__} or None expected)"
        )


def _each_once(root: Module) -> list[Module]:
    """What `named_modules` gives, without the names: every training step asks for parameters."""
    seen: dict[int, Module] = {}
    stack = [root]
    while stack:
        module = stack.pop()
        if id(module) not in seen:
            seen[id(module)] = module
            stack += [child for child in reversed(module._modules.values()) if child is not None]
    return list(seen.values())


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _is_floating(dtype: np.dtype[Any]) -> bool:
    # bfloat16 is a user-defined dtype of kind "V", and the only one of its kind here.
    return dtype.kind in "fV"


def _convert(value: Tensor, dtype: np.dtype[Any]) -> None:
    value.data = Tensor(value.array.astype(dtype))
    if value.grad is not None:
        value.grad = Tensor(value.grad.array.astype(dtype))
