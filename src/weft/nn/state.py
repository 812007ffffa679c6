"""Reading and writing a module's state: `state_dict` and `load_state_dict`, with their errors.

Unlike PyTorch's, a load that fails changes nothing: every key and shape is checked first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from weft.autograd import Tensor

if TYPE_CHECKING:
    from weft.nn.module import Module

LISTED = 10  # names of each kind that an error spells out


class IncompatibleKeys(NamedTuple):
    """What a load that was not strict left out."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"IncompatibleKeys({self.missing_keys=}, {self.unexpected_keys=})".replace(
            "self.", ""
        )


def own_state(module: Module) -> Iterator[tuple[str, Tensor]]:
    """Parameters, then persistent buffers, of the whole tree, in the order they were made."""
    for path, owner in module.named_modules(remove_duplicate=False):
        dot = f"{path}." if path else ""
        for name, parameter in owner._parameters.items():
            if parameter is not None:
                yield dot + name, parameter
        for name, buffer in owner._buffers.items():
            if buffer is not None and name not in owner._non_persistent:
                yield dot + name, buffer


def read_state(
    module: Module, destination: dict[str, Tensor] | None, prefix: str, keep_vars: bool
) -> dict[str, Tensor]:
    """See `Module.state_dict`."""
    state: dict[str, Tensor] = OrderedDict() if destination is None else destination
    for name, value in own_state(module):
        state[prefix + name] = value if keep_vars else value.detach()
    return state


def load_state(module: Module, state: Mapping[str, Any], strict: bool) -> IncompatibleKeys:
    """See `Module.load_state_dict`."""
    if not isinstance(state, Mapping):
        raise TypeError(f"Expected state_dict to be dict-like, got {type(state)}.")
    own = dict(own_state(module))
    missing = [name for name in own if name not in state]
    unexpected = [name for name in state if name not in own]
    arrays = {name: _array(state[name]) for name in own if name in state}
    mismatches = [
        f"size mismatch for {name}: copying a param with shape {_size(array)} from checkpoint, "
        f"the shape in current model is {_size(own[name].array)}."
        for name, array in arrays.items()
        if array.shape != own[name].array.shape
    ]
    problems = _key_problems(missing, unexpected) if strict else []
    _raise_for(type(module).__name__, problems + _first(mismatches, "mismatches"))
    for name, array in arrays.items():
        own[name].array[...] = array.astype(own[name].array.dtype, copy=False)
    return IncompatibleKeys(missing, unexpected)


def _array(value: Any) -> np.ndarray[Any, Any]:
    return value.array if isinstance(value, Tensor) else np.asarray(value)


def _size(array: np.ndarray[Any, Any]) -> str:
    return str(tuple(array.shape))


def _key_problems(missing: list[str], unexpected: list[str]) -> list[str]:
    kinds = (("Missing", missing), ("Unexpected", unexpected))
    return [f"{kind} key(s) in state_dict: {_quoted(names)}. " for kind, names in kinds if names]


def _quoted(names: list[str]) -> str:
    return ", ".join(_first([f'"{name}"' for name in names], "keys"))


def _first(items: list[str], kind: str) -> list[str]:
    """At most `LISTED` of them, and how many more there are."""
    left = len(items) - LISTED
    return items if left <= 0 else [*items[:LISTED], f"... and {left} more {kind}"]


def _raise_for(model: str, problems: Iterable[str]) -> None:
    text = "".join(f"\n\t{problem}" for problem in problems)
    if text:
        raise RuntimeError(f"Error(s) in loading state_dict for {model}:{text}")
