"""Weft's own side of a comparison: the training step of `weft bench train`, and the peak."""

from __future__ import annotations

from typing import Any

from weft.cli.bench_train import Precision, TrainingStep
from weft.config import ModelConfig
from weft.training.work import peak


class MeasuredStep(TrainingStep):
    """A training step that also measures what the machine can do in its precision."""

    def peaks(self) -> dict[str, float]:
        """GFLOP/s of the best multiplication; nothing without native kernels."""
        kind = self.config.precision
        best = peak(kind)
        return {} if best is None else {kind: best}


def make_step(config: dict[str, Any], batch_size: int, precision: Precision) -> MeasuredStep:
    """The step of `ModelConfig(**config)`; see bench_child.py."""
    return MeasuredStep(ModelConfig(**config), batch_size, precision)
