"""Where a step's loss or gradient became NaN or infinite, in words that name a part of the model.

A step checks two numbers, its loss and its gradient's norm, and looks further only when one of
them is not finite: at the weights, then at every module's output in the step's forward pass, run
once more with the same batch, precision and dropout, then at the gradients.
"""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.autograd import Tensor, no_grad
from weft.errors import NonFiniteError
from weft.nn import Module
from weft.random import manual_seed
from weft.training.precision import computing_in
from weft.training.step import MicroBatch, batch_loss


def check_finite(
    model: Module,
    loss: float,
    norm: float,
    step: int,
    place: str,
    forward: Forward | None = None,
) -> None:
    """Raise `NonFiniteError` that names the step and where NaN or infinity came from.

    Called before the update, so the weights are still those of the step before. `forward`, a
    `Forward`, runs the step's forward pass again; without it no module's output is looked at.
    """
    if math.isfinite(loss) and math.isfinite(norm):
        return
    what = (
        f"the loss is {loss:g}" if not math.isfinite(loss) else f"the gradient's norm is {norm:g}"
    )
    where = first_not_finite(model, forward)
    raise NonFiniteError(
        f"{what} at step {step}, first in {where}; {place}; the last checkpoint is good: "
        "lower --learning-rate or use --precision float32, and --resume",
        what=what,
        where=where,
        step=step,
    )


def check_weights(model: Module, step: int, place: str) -> None:
    """Raise `NonFiniteError` when a weight is NaN or infinite, before it reaches a checkpoint."""
    where = _weights(model)
    if where is not None:
        raise NonFiniteError(
            f"{where} are not finite after step {step}; {place}; "
            "the last checkpoint is good: lower --learning-rate, and --resume",
            what="a weight is not finite",
            where=where,
            step=step,
        )


def first_not_finite(model: Module, forward: Callable[[], str | None] | None = None) -> str:
    """Where NaN or infinity is: weights first, because they spoil every output and gradient.

    Then the modules in forward order, then the gradients, which are met from the last one back.
    """
    found = _weights(model) or (forward() if forward is not None else None)
    if found is not None:
        return found
    for name, parameter in reversed(list(model.named_parameters())):
        if parameter.grad is not None and not _finite(parameter.grad.array):
            return f"the gradient of {name}"
    return "the logits"


class Forward:
    """A step's forward pass, to be run again. Made before the step, which moves states on.

    `seed` is that of the step's dropout. To make one copies no array: a state is moved on by
    being given others.
    """

    def __init__(self, model: Module, batches: Sequence[MicroBatch], dtype: Any, seed: int) -> None:
        self.model, self.dtype, self.seed = model, dtype, seed
        self.batches = [(x, y, *map(copy.copy, state)) for x, y, *state in batches]

    def __call__(self) -> str | None:
        """The first module in forward order whose output is not finite; None if all are."""
        manual_seed(self.seed)
        quiet = np.errstate(over="ignore", invalid="ignore")
        with quiet, no_grad(), computing_in(self.dtype), _watched(self.model) as found:
            for x, y, *state in self.batches:
                batch_loss(self.model, x, y, 1, *state)
                if found:
                    return found[0]
        return None


@contextlib.contextmanager
def _watched(model: Module) -> Iterator[list[str]]:
    """Inside, the names of modules whose output is not finite are appended to the list.

    Inner modules end before those that they are in, so the first name is the most precise. What a
    module is given already spoilt was made by the one inside which it is called. Each object's own
    `forward` is covered, and none of any other model on any other thread.
    """
    found: list[str] = []
    inside: list[str] = []  # the modules that are being called

    def watch(name: str, forward: Callable[..., Any]) -> Callable[..., Any]:
        def checked(*args: Any, **kwargs: Any) -> Any:
            if not found and not _all_finite([*args, *kwargs.values()]):
                maker = inside[-1] if inside else ""
                found.append(maker or f"the model itself, before {name or 'the first module'}")
            inside.append(name)
            result = forward(*args, **kwargs)
            inside.pop()
            if not found and not _all_finite(result):
                found.append(name or "the logits")
            return result

        return checked

    modules = list(model.named_modules())
    before = [vars(module).get("forward") for _, module in modules]
    for name, module in modules:
        vars(module)["forward"] = watch(name, module.forward)
    try:
        yield found
    finally:
        for (_, module), own in zip(modules, before, strict=True):
            if own is None:
                del vars(module)["forward"]
            else:
                vars(module)["forward"] = own


def _all_finite(value: Any) -> bool:
    """Whether all tensors in a value, or in a list or tuple of such, are finite."""
    if isinstance(value, list | tuple):
        return all(map(_all_finite, value))
    return not isinstance(value, Tensor) or _finite(value.array)


def _weights(model: Module) -> str | None:
    for name, parameter in model.named_parameters():
        if not _finite(parameter.array):
            return f"the weights of {name}"
    return None


def _finite(array: NDArray[Any]) -> bool:
    return bool(np.isfinite(array).all())
