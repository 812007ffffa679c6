"""An optimizer's state_dict (PyTorch's shape) as a flat dict of arrays, and back.

Keys are `<parameter>.<quantity>`, so that the file can be read without the optimizer. The
hyperparameters of `param_groups` are not stored: the run's configuration has them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from weft.checkpoint.tensors import Array
from weft.errors import CheckpointError


def flatten(state_dict: Mapping[str, Any], names: Sequence[str]) -> dict[str, Array]:
    """{"state": {i: {quantity: value}}} -> {"<names[i]>.<quantity>": array}.

    Values are Tensors or arrays, or Python ints and floats (kept as 0-d int64 and float64);
    None (SGD's buffer before the first step) is left out.
    """
    flat: dict[str, Array] = {}
    for index, entry in state_dict["state"].items():
        for quantity, value in entry.items():
            if value is not None:
                flat[f"{names[index]}.{quantity}"] = np.asarray(getattr(value, "array", value))
    return flat


def unflatten(
    arrays: Mapping[str, Array], names: Sequence[str], groups: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The inverse of `flatten`, with the `param_groups` of a fresh optimizer.

    Arrays are copied, so that the optimizer can write to them. Raises `CheckpointError` on a key
    that belongs to no parameter.
    """
    indices = {name: index for index, name in enumerate(names)}
    state: dict[int, dict[str, Any]] = {}
    for key, array in arrays.items():
        name, _, quantity = key.rpartition(".")
        if name not in indices:
            raise CheckpointError(
                f"optimizer state of an unknown parameter {key[:80]!r}; optimizer.safetensors; "
                "resume with the model and optimizer of the checkpoint"
            )
        state.setdefault(indices[name], {})[quantity] = _value(array)
    return {"state": state, "param_groups": [dict(group) for group in groups]}


def _value(array: Array) -> Any:
    """0-d int64 and float64 were Python numbers; everything else is an array."""
    if array.ndim == 0 and array.dtype in (np.int64, np.float64):
        return array.item()
    return np.array(array)
