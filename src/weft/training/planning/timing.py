"""How long a training step takes on this machine: measured, on made-up tokens."""

from __future__ import annotations

import time

from weft.config import ModelConfig, TrainConfig
from weft.models import GPT
from weft.random import Generator
from weft.training.optimization import Optimization
from weft.training.precision import dtype_of
from weft.training.step import clip, gradients

REPEATS = 3


class MadeUpStep:
    """A model, its optimiser and one batch of made-up tokens; call it to take a step.

    The parts are those of `weft train`. `train` is resolved: precision, rates and steps are known.
    """

    def __init__(self, model: ModelConfig, train: TrainConfig) -> None:
        self.config = train
        generator = Generator(0)
        self.model = GPT(model, generator)
        self.model.checkpoint_gradients = train.checkpoint_gradients
        self.optimization = Optimization(self.model, train)
        self.dtype = dtype_of(train.precision)
        shape = (train.batch_size, model.block_size)
        tokens, targets = (generator.integers(0, model.vocab_size, shape) for _ in range(2))
        self.batch = tokens, targets
        self.step = 0

    def __call__(self) -> float:
        """The loss of the step."""
        loss = gradients(self.model, [self.batch], self.dtype)
        norm, scale = clip(self.optimization.parameters, self.config.grad_clip)
        self.check(loss, norm)
        self.optimization.step(self.step, scale)
        self.optimization.zero_grad()
        self.step += 1
        return loss

    def check(self, loss: float, norm: float) -> None:
        """Called before each update; here for those who want to stop."""


def step_seconds(model: ModelConfig, train: TrainConfig) -> float:
    """The fastest of a few steps after the first one, times the micro-batches of a step."""
    step = MadeUpStep(model, train)
    times = []
    for _ in range(1 + REPEATS):
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    return train.accumulate * min(times[1:])
