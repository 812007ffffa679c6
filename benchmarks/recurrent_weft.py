"""Weft's side of benchmarks/recurrent.py: a recurrent layer, forward and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from weft import nn
from weft.autograd import autocast, tensor
from weft.random import Generator
from weft.training.precision import dtype_of
from weft.training.work import peak


class Step:
    """One pass over (T, B, C) and back to all gradients, that of the input too."""

    def __init__(self, layer: Any, T: int, B: int, C: int, precision: Any) -> None:
        self.layer, self.precision = layer, precision
        x, dy = np.random.default_rng(0).standard_normal((2, T, B, C)).astype(np.float32)
        self.x, self.dy = tensor(x, requires_grad=True), dy

    def __call__(self) -> float:
        self.layer.zero_grad()
        self.x.grad = None
        with autocast(dtype_of(self.precision)):
            y, _ = self.layer(self.x)
            y.backward(tensor(self.dy.astype(y.dtype)))
        return float(y.array[-1, 0, 0])

    def peaks(self) -> dict[str, float]:
        best = peak(self.precision)
        return {} if best is None else {self.precision: best}


def make_step(kind: str, T: int, B: int, C: int, precision: str) -> Callable[[], float]:
    """See bench_child.py."""
    return Step(getattr(nn, kind)(C, C, generator=Generator(1)), T, B, C, precision)
