"""PyTorch's side of benchmarks/recurrent.py: a recurrent layer, forward and back."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch


def make_step(kind: str, T: int, B: int, C: int, precision: str) -> Callable[[], float]:
    """See bench_child.py."""
    torch.manual_seed(1)
    layer: Any = getattr(torch.nn, kind)(C, C)
    numbers = np.random.default_rng(0).standard_normal((2, T, B, C)).astype(np.float32)
    x, dy = (torch.from_numpy(array) for array in numbers)
    x.requires_grad_()
    narrow = precision == "bfloat16"

    def step() -> float:
        layer.zero_grad()
        x.grad = None
        with torch.autocast("cpu", torch.bfloat16) if narrow else contextlib.nullcontext():
            y, _ = layer(x)
        y.backward(dy.to(y.dtype))
        return float(y.detach()[-1, 0, 0])

    return step
