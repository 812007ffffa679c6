"""Is a gradient right? Compare it with central differences in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from weft.autograd.mode import no_grad
from weft.autograd.tensor import Array, Tensor


class GradcheckError(RuntimeError):
    """An analytical gradient that differs from the numerical one."""


def gradcheck(
    function: Callable[..., Any],
    inputs: Sequence[Any],
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """True if the gradients of `function(*inputs)` match (f(x+eps) − f(x−eps)) / 2 eps.

    Inputs that require grad must be float64. All outputs are weighed with fixed random numbers
    and added up, so that one number depends on every entry. Raises GradcheckError naming the
    input and the worst entry (or returns False, without `raise_exception`).
    """
    checked = [t for t in inputs if isinstance(t, Tensor) and t.requires_grad]
    if not checked or any(t.dtype != np.float64 for t in checked):
        raise ValueError("gradcheck: pass float64 tensors, at least one with requires_grad=True")
    for t in checked:
        t.grad = None
    weighed_sum(function(*inputs)).backward()
    for position, t in enumerate(checked):
        analytical = np.zeros_like(t.array) if t.grad is None else t.grad.array
        numerical = central_differences(lambda: weighed_sum(function(*inputs)).item(), t.array, eps)
        wrong = ~(np.abs(analytical - numerical) <= atol + rtol * np.abs(numerical))
        if wrong.any():
            if not raise_exception:
                return False
            where = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise GradcheckError(
                f"gradcheck: input {position} at {where}: analytical {analytical[where]:.8g}, "
                f"numerical {numerical[where]:.8g}; {int(wrong.sum())} of {wrong.size} differ"
            )
    return True


def weighed_sum(outputs: Any) -> Tensor:
    """One number that depends on every entry of every output, each with its own weight."""
    rng = np.random.default_rng(0)
    total = Tensor(np.zeros((), np.float64))
    for output in outputs if isinstance(outputs, (tuple, list)) else (outputs,):
        if output.dtype == np.float64:
            total = total + (output * Tensor(rng.standard_normal(output.shape))).sum()
    return total


def central_differences(value: Callable[[], float], x: Array, eps: float) -> Array:
    """d value / d x, entry by entry; `x` is changed in place and put back."""
    gradient = np.zeros_like(x)
    with no_grad():
        for index in np.ndindex(x.shape):
            before = x[index]
            x[index] = before + eps
            above = value()
            x[index] = before - eps
            below = value()
            x[index] = before
            gradient[index] = (above - below) / (2 * eps)
    return gradient
