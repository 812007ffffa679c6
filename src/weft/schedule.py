"""Learning rate as a function of the step: constant, linear, cosine, wsd, each after a warm-up.

Pure functions, so a resumed run needs no state. Steps count from 0. Cosine: Loshchilov & Hutter
2016 (arXiv 1608.03983); warmup-stable-decay (wsd): Hu et al. 2024 (arXiv 2404.06395).

A run by the clock learns on its way how many steps it will have. Each time it does, it takes a new
`Pace`: from where the schedule stands now, straight to its end. No rate jumps, and every schedule
comes to its end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Pace:
    """From `step` on, the schedule goes from `progress` at a steady pace to 1 at `steps`."""

    step: int
    progress: float
    steps: int

    def at(self, step: int) -> float:
        """Progress in [0, 1] of a step at or after `self.step`."""
        if step >= self.steps:
            return 1.0
        return self.progress + (1 - self.progress) * (step - self.step) / (self.steps - self.step)


def progress(step: int, steps: int, warmup_steps: int = 0, paces: Sequence[Pace] = ()) -> float:
    """Share of the schedule after the warm-up that is over before `step`, in [0, 1].

    `paces` are in the order of their steps; the last one that has begun counts.
    """
    for pace in reversed(paces):
        if pace.step <= step:
            return pace.at(step)
    return Pace(warmup_steps, 0.0, steps).at(max(step, warmup_steps))


def learning_rate(
    step: int,
    *,
    steps: int,
    peak: float,
    floor: float = 0.0,
    warmup_steps: int = 0,
    shape: str = "cosine",
    decay_fraction: float = 0.2,
    paces: Sequence[Pace] = (),
) -> float:
    """Learning rate of `step` in [0, steps): warm-up to `peak`, then `shape` down to `floor`.

    The floor is reached at `steps`, the step after the last one; beyond it the floor stays.
    """
    if step < warmup_steps:
        return peak * warmup(step, warmup_steps)
    done = progress(step, steps, warmup_steps, paces)
    if shape == "wsd":
        fraction = wsd(done, decay_fraction)
    elif shape in SHAPES:
        fraction = SHAPES[shape](done)
    else:
        known = ", ".join([*SHAPES, "wsd"])
        raise ConfigError(f"unknown schedule {shape!r}; learning_rate; choose one of {known}")
    return floor + (peak - floor) * fraction
