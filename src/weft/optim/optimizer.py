"""`Optimizer`: parameter groups, their options, and a state that saves and loads as PyTorch's does.

A subclass gives its defaults and `update(group, parameters, gradients, states, scale)`, which
changes all parameters of a group in place, in one call of a kernel where it can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.autograd import Tensor, enable_grad

Array = NDArray[Any]
Group = dict[str, Any]
State = dict[str, Tensor]
Arrays = list[Array]
States = list[State]

# What a saved group may hold beside options: names for people, a schedule's first learning rate,
# and what PyTorch notes down about AdamW.
NOT_OPTIONS = ("param_names", "initial_lr", "decoupled_weight_decay")


class Optimizer:
    """Base class of all optimisers.

    `params` is an iterable of parameters, of (name, parameter) pairs, or of groups: dicts with
    "params" and the options in which the group differs from `defaults`.
    """

    hidden: tuple[str, ...] = ()  # options that PyTorch does not have, and so does not show

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                "but got Tensor"
            )
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        self.defaults = defaults
        self.param_groups: list[Group] = []
        self.state: dict[Tensor, State] = {}
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def update(
        self, group: Group, parameters: Arrays, gradients: Arrays, states: States, scale: float
    ) -> None:
        """Change contiguous `parameters` in place by `scale` times their gradients.

        A parameter's state is empty before its first time.
        """
        raise NotImplementedError

    def step(self, closure: Callable[[], Any] | None = None, gradient_scale: float = 1.0) -> Any:
        """Update every parameter that has a gradient; `closure` recomputes and returns the loss.

        Gradients count `gradient_scale` times: to clip them without a pass of its own.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            tensors = [p for p in group["params"] if p.grad is not None]
            if tensors:
                self._update_group(group, tensors, gradient_scale)
        return loss

    def _update_group(self, group: Group, tensors: list[Tensor], scale: float) -> None:
        arrays = [p.array for p in tensors]
        # Of a view, say of a transposed matrix, a copy: kernels write to contiguous memory alone.
        parameters = [a if a.flags.c_contiguous else np.ascontiguousarray(a) for a in arrays]
        gradients = [p.grad.array for p in tensors if p.grad is not None]
        states = [self.state.setdefault(p, {}) for p in tensors]
        self.update(group, parameters, gradients, states, scale)
        for array, parameter in zip(arrays, parameters, strict=True):
            if parameter is not array:
                array[...] = parameter

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients; with `set_to_none=False`, fill them with zeros instead."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if set_to_none:
                    parameter.grad = None
                elif parameter.grad is not None:
                    parameter.grad.array.fill(0)

    def add_param_group(self, param_group: Group) -> None:
        """Add parameters, with options of their own, to those that are updated."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        group = {**self.defaults, **param_group}
        unknown = sorted(set(param_group) - set(self.defaults) - {"params", "param_names"})
        if unknown:
            raise ValueError(
                f"{type(self).__name__} has no option {unknown[0]!r}; "
                f"its options are {', '.join(self.defaults)}"
            )
        parameters, names = _parameters_and_names(param_group["params"])
        group["params"] = parameters
        if names:
            group["param_names"] = names
        self._check_group(group)
        self.param_groups.append(group)

    def _check_group(self, group: Group) -> None:
        parameters = group["params"]
        for parameter in parameters:
            if not isinstance(parameter, Tensor):
                raise TypeError(
                    "optimizer can only optimize Tensors, "
                    f"but one of the params is {type(parameter).__name__}"
                )
            if not parameter.is_leaf:
                raise ValueError("can't optimize a non-leaf Tensor")
        if len({id(p) for p in parameters}) != len(parameters):
            raise ValueError("a parameter appears twice in one parameter group")
        known = {id(p) for other in self.param_groups for p in other["params"]}
        if any(id(p) in known for p in parameters):
            raise ValueError("some parameters appear in more than one parameter group")

    def state_dict(self) -> dict[str, Any]:
        """`{"state": {index: {name: Tensor}}, "param_groups": [{..., "params": [index]}]}`.

        Parameters are numbered through all groups in order. The tensors are not copied.
        """
        numbers = {id(p): i for i, p in enumerate(self._parameters())}
        groups = [
            {**group, "params": [numbers[id(p)] for p in group["params"]]}
            for group in self.param_groups
        ]
        state = {numbers[id(p)]: dict(values) for p, values in self.state.items() if values}
        return {"state": dict(sorted(state.items())), "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a saved state; nothing changes where it does not fit (ValueError).

        Values may be tensors, arrays or numbers; they are copied.
        """
        saved = state_dict["param_groups"]
        if len(saved) != len(self.param_groups):
            raise ValueError(
                "loaded state dict has a different number of parameter groups: "
                f"{len(saved)} there, {len(self.param_groups)} here"
            )
        options = [self._options(*pair) for pair in zip(self.param_groups, saved, strict=True)]
        numbers = [number for group in saved for number in group["params"]]
        owners = dict(zip(numbers, self._parameters(), strict=True))
        state = {
            owners[int(number)]: _copied(owners[int(number)], values)
            for number, values in state_dict["state"].items()
        }
        self.state = state
        for group, changes in zip(self.param_groups, options, strict=True):
            group.update(changes)

    def _options(self, group: Group, saved: Group) -> Group:
        """The options of a saved group; one that is on there and missing here is an error."""
        if len(saved["params"]) != len(group["params"]):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of "
                f"optimizer's group: {len(saved['params'])} parameters there, "
                f"{len(group['params'])} here"
            )
        for name, value in saved.items():
            if value and name not in group and name not in NOT_OPTIONS:
                raise ValueError(
                    f"loaded state has {name}={value!r}; {type(self).__name__} has no such option"
                )
        return {
            name: value
            for name, value in saved.items()
            if name != "params" and (name in group or name == "initial_lr")
        }

    def _parameters(self) -> list[Tensor]:
        return [parameter for group in self.param_groups for parameter in group["params"]]

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            shown = (name for name in sorted(group) if name not in ("params", *self.hidden))
            lines += [f"    {name}: {group[name]}" for name in shown]
        return "\n".join(lines) + "\n)"


def counters(states: States) -> Arrays:
    """Each state's "step", a float32 scalar as in PyTorch; zero the first time."""
    for state in states:
        if "step" not in state:
            state["step"] = Tensor(np.zeros((), np.float32))
    return [state["step"].array for state in states]


def buffers(states: States, name: str, like: Arrays) -> Arrays:
    """Each state's array `name`; zeros, shaped as those of `like`, the first time."""
    for state, array in zip(states, like, strict=True):
        if name not in state:
            state[name] = Tensor(np.zeros_like(array, order="C"))
    return [state[name].array for state in states]


def refuse_negative(**options: float) -> None:
    """ValueError for an option below zero, or NaN."""
    for name, value in options.items():
        if not value >= 0.0:
            raise ValueError(f"Invalid {name} value: {value}")


def _parameters_and_names(params: Any) -> tuple[list[Tensor], list[str]]:
    if isinstance(params, Tensor):
        return [params], []
    if isinstance(params, set):
        raise TypeError("optimizer parameters need an order that stays; use a list, not a set")
    items = list(params)
    named = [item for item in items if isinstance(item, tuple)]
    if named and len(named) != len(items):
        raise ValueError("all optimizer params should be with/without names; some are missing")
    if named:
        return [parameter for _, parameter in named], [name for name, _ in named]
    return items, []


def _copied(parameter: Tensor, values: Mapping[str, Any]) -> State:
    """State in the parameter's dtype ("step" stays float32); shapes must be the parameter's."""
    state: State = {}
    for name, value in values.items():
        if value is None:
            continue
        array = np.asarray(value.array if isinstance(value, Tensor) else value)
        if array.ndim and array.shape != parameter.array.shape:
            raise ValueError(
                f"loaded state has {name} of shape {array.shape} "
                f"for a parameter of shape {parameter.array.shape}"
            )
        dtype = parameter.array.dtype if array.ndim else np.float32
        state[name] = Tensor(np.array(array, dtype=dtype, order="C"))
    return state
