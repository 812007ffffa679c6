"""Is a gradient right? Compare it with central differences in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from weft.autograd.mode import no_grad
from weft.autograd.tensor import Array, Tensor

Place = tuple[int, ...]


class GradcheckError(RuntimeError):
    """An analytical gradient that differs from the numerical one."""


@dataclass(frozen=True)
class Comparison:
    """Both gradients of one tensor at `places`, each (N,), and which of them differ too much."""

    places: Sequence[Place]
    analytical: Array
    numerical: Array
    wrong: Array

    def first_wrong(self) -> str | None:
        """Where the first difference is, and both numbers; None where all agree."""
        if not self.wrong.any():
            return None
        i = int(np.flatnonzero(self.wrong)[0])
        return (
            f"{self.places[i]}: analytical {self.analytical[i]:.8g}, "
            f"numerical {self.numerical[i]:.8g}; {int(self.wrong.sum())} of {len(self.places)} "
            "differ"
        )


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
    input and the first wrong entry (or returns False, without `raise_exception`).
    """
    checked = [t for t in inputs if isinstance(t, Tensor) and t.requires_grad]
    if not checked or any(t.dtype != np.float64 for t in checked):
        raise ValueError("gradcheck: pass float64 tensors, at least one with requires_grad=True")
    found = compare(lambda: weighed_sum(function(*inputs)), checked, eps, atol, rtol)
    for position, comparison in enumerate(found):
        if (where := comparison.first_wrong()) is not None:
            if not raise_exception:
                return False
            raise GradcheckError(f"gradcheck: input {position} at {where}")
    return True


def compare(
    value: Callable[[], Tensor],
    tensors: Sequence[Tensor],
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    places: Callable[[Tensor], Sequence[Place]] | None = None,
) -> Iterator[Comparison]:
    """Both gradients of the number `value()` with respect to each tensor, one after the other.

    `places` chooses the entries that are compared; unless given, all of them.
    """
    for t in tensors:
        t.grad = None
    value().backward()
    gradients = [np.zeros_like(t.array) if t.grad is None else t.grad.array for t in tensors]
    for t, gradient in zip(tensors, gradients, strict=True):
        chosen = list(np.ndindex(t.shape)) if places is None else places(t)
        analytical = np.array([gradient[place] for place in chosen])
        numerical = central_differences(lambda: value().item(), t.array, eps, chosen)
        wrong = ~(np.abs(analytical - numerical) <= atol + rtol * np.abs(numerical))
        yield Comparison(chosen, analytical, numerical, wrong)


def weighed_sum(outputs: Any) -> Tensor:
    """One number that depends on every entry of every output, each with its own weight."""
    rng = np.random.default_rng(0)
    total = Tensor(np.zeros((), np.float64))
    for output in outputs if isinstance(outputs, (tuple, list)) else (outputs,):
        if output.dtype == np.float64:
            total = total + (output * Tensor(rng.standard_normal(output.shape))).sum()
    return total


def central_differences(
    value: Callable[[], float], x: Array, eps: float, places: Sequence[Place]
) -> Array:
    """d value / d x at each of `places` (N,); `x` is changed in place and put back."""
    gradient = np.zeros(len(places), x.dtype)
    with no_grad():
        for i, place in enumerate(places):
            before = x[place]
            x[place] = before + eps
            above = value()
            x[place] = before - eps
            below = value()
            x[place] = before
            gradient[i] = (above - below) / (2 * eps)
    return gradient
