"""One row of the table of twins, and the small changes that make a twin wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from inputs import Inputs, bfloat16, exact, float32

from weft.kernels import reference


@dataclass(frozen=True)
class Twin:
    """inputs(i) -> arguments; error(*arguments in float64) -> bounds; wrong(*arguments) -> others.

    changed: which arguments are changed in place, and are then the results. listed: which are lists
    of arrays; here each is one array, whose first row and rest the kernel gets. evaluated: how the
    arguments become those of the exact evaluation. narrow_error: the bounds where arguments are
    bfloat16, if a kernel then rounds more than its result.
    """

    name: str
    variant: str
    inputs: Callable[[Inputs], tuple[Any, ...]]
    error: Callable[..., Any]
    wrong: Callable[..., tuple[Any, ...]]
    changed: tuple[int, ...] = ()
    listed: tuple[int, ...] = ()
    evaluated: Callable[..., tuple[Any, ...]] = lambda *args: args
    least: int = 0  # the shortest n that makes sense
    most: int = 1 << 20  # and the longest that the exact evaluation can afford
    dtypes: tuple[np.dtype, ...] = (float32, bfloat16)
    noticed: float = 0.01  # what one float32 element must be off by, of the largest, to be rejected
    narrow_error: Callable[..., Any] | None = None

    @property
    def label(self) -> str:
        return f"{self.name}-{self.variant}" if self.variant else self.name

    def run(self, module: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The results of this kernel of a module; those changed in place, as copies."""
        if self.changed:
            args = tuple(a.copy() if i in self.changed else a for i, a in enumerate(args))
        passed = [rows_of(a) if i in self.listed else a for i, a in enumerate(args)]
        value = getattr(module, self.name)(*passed)
        if value is NotImplemented:
            raise AssertionError(f"{self.name} does not cover these arguments")
        if self.changed:
            value = tuple(args[i] for i in self.changed)
        return tuple(value) if isinstance(value, tuple) else (value,)

    def truth(self, args: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Results in float64, and their bounds in units of 2^-24."""
        wide = tuple(exact(a) for a in self.evaluated(*args))
        narrow = any(isinstance(a, np.ndarray) and a.dtype == bfloat16 for a in args)
        limits = (self.narrow_error if narrow and self.narrow_error else self.error)(*wide)
        return self.run(reference, wide), limits if isinstance(limits, tuple) else (limits,)


def rows_of(a: Any) -> Any:
    return a if a is None else [a[:1], a[1:]]


def unary(name: str, error: Callable[..., Any], wrong: Callable[..., Any], *rest: Any) -> Twin:
    variant = {(): "", (True,): "tanh", (False,): "erf"}[rest]
    return Twin(name, variant, lambda i: (i.normal(i.rows, i.n), *rest), error, wrong)


def gradient(name: str, saved: Callable[[Any], Any], error: Any, wrong: Any, *rest: Any) -> Twin:
    """A backward that takes dy and a saved array; saved turns x into it."""
    variant = {(): "", (True,): "tanh", (False,): "erf"}[rest]

    def inputs(i: Inputs) -> tuple[Any, ...]:
        return i.normal(i.rows, i.n), i.result(saved, i.normal(i.rows, i.n)), *rest

    return Twin(name, variant, inputs, error, wrong)


def more(x: Any, factor: float = 1.02) -> Any:
    """Two percent more: five bfloat16 roundings."""
    return (x.astype(float32) * factor).astype(x.dtype)


def more_first(x: Any, *rest: Any) -> tuple[Any, ...]:
    return more(x), *rest


def more_second(x: Any, y: Any, *rest: Any) -> tuple[Any, ...]:
    return x, more(y), *rest


def turned(*args: Any) -> tuple[Any, ...]:
    """The last argument negated: a switch the wrong way round."""
    return *args[:-1], not args[-1]


def moved(x: Any) -> Any:
    """Each row one element to the right."""
    return np.roll(x, 1, axis=-1)
