"""Learning rate as a function of the step: constant, linear, cosine, wsd, each after a warm-up.

Pure functions, so a resumed run needs no state. Steps count from 0. Cosine: Loshchilov & Hutter
2016 (arXiv 1608.03983); warmup-stable-decay (wsd): Hu et al. 2024 (arXiv 2404.06395).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from weft.errors import ConfigError


def warmup(step: int, steps: int) -> float:
    """Fraction of the peak during a warm-up of `steps`: 1/(steps+1), 2/(steps+1), ..., then 1."""
    return min(1.0, (step + 1) / (steps + 1))


def constant(progress: float) -> float:
    """Stays at the peak."""
    return 1.0


def linear(progress: float) -> float:
    """Falls on a straight line from 1 at progress 0 to 0 at progress 1."""
    return 1.0 - progress


def cosine(progress: float) -> float:
    """Falls from 1 to 0 as half a period of a cosine."""
    return 0.5 * (1.0 + math.cos(math.pi * progress))


def wsd(progress: float, decay_fraction: float = 0.2) -> float:
    """Stays at 1, then falls on a straight line to 0 over the last `decay_fraction`."""
    return min(1.0, (1.0 - progress) / decay_fraction)


SHAPES: dict[str, Callable[[float], float]] = {
    "constant": constant,
    "linear": linear,
    "cosine": cosine,
}


def learning_rate(
    step: int,
    *,
    steps: int,
    peak: float,
    floor: float = 0.0,
    warmup_steps: int = 0,
    shape: str = "cosine",
    decay_fraction: float = 0.2,
) -> float:
    """Learning rate of `step` in [0, steps): warm-up to `peak`, then `shape` down to `floor`.

    The floor is reached at `steps`, the step after the last one; beyond it the floor stays.
    """
    if step < warmup_steps:
        return peak * warmup(step, warmup_steps)
    progress = 1.0 if step >= steps else (step - warmup_steps) / (steps - warmup_steps)
    if shape == "wsd":
        fraction = wsd(progress, decay_fraction)
    elif shape in SHAPES:
        fraction = SHAPES[shape](progress)
    else:
        known = ", ".join([*SHAPES, "wsd"])
        raise ConfigError(f"unknown schedule {shape!r}; learning_rate; choose one of {known}")
    return floor + (peak - floor) * fraction
