"""Timing whole training steps of a model on made-up tokens."""

from __future__ import annotations

import resource
import statistics
import time
from typing import Any, Literal

from weft.config import ModelConfig, TrainConfig
from weft.training.memory import check_memory, estimate, most_resident
from weft.training.nonfinite import check_finite
from weft.training.planning import MadeUpStep
from weft.training.work import flop_per_token, peak

WARM_UP = 3
Precision = Literal["float32", "bfloat16"]


class TrainingStep(MadeUpStep):
    """A step as `weft train` takes it with AdamW, checked as there.

    Raises `WeftError` for a model too large for memory.
    """

    def __init__(
        self,
        config: ModelConfig,
        batch_size: int,
        precision: Precision,
        checkpoint_gradients: bool = False,
    ) -> None:
        train = TrainConfig(
            data="made-up", out="bench", steps=1_000_000, batch_size=batch_size,
            learning_rate=1e-3, precision=precision, checkpoint_gradients=checkpoint_gradients,
        )  # fmt: skip
        check_memory(config, train)
        super().__init__(config, train)

    def check(self, loss: float, norm: float) -> None:
        """Stop at what is not finite, as a run does."""
        check_finite(self.model, loss, norm, self.step, "bench")


def measure(config: ModelConfig, step: TrainingStep, steps: int) -> dict[str, Any]:
    """The numbers of `weft bench train --json`."""
    precision, batch_size = step.config.precision, step.config.batch_size
    best = peak(precision)
    times, faults = time_steps(step, steps)
    seconds = statistics.median(times)
    best = max(best, peak(precision) or 0.0) if best else None
    tokens = batch_size * config.block_size
    gflops = tokens * flop_per_token(config) / seconds / 1e9
    return {
        "milliseconds_per_step": seconds * 1e3,
        "tokens_per_second": tokens / seconds,
        "gflops": gflops,
        "peak_fraction": gflops / best if best else None,
        "peak_gflops": best,
        "parameters": sum(p.array.size for p in step.model.parameters()),
        "flop_per_token": flop_per_token(config),
        "page_faults_per_step": statistics.median(faults),
        "peak_memory_bytes": most_resident(),
        "predicted_memory_bytes": estimate(config, step.config).total,
    }


def time_steps(step: Any, steps: int) -> tuple[list[float], list[int]]:
    """Seconds, and pages that the system had to give, of each of `steps` calls after a warm-up."""
    for _ in range(WARM_UP):
        step()
    times, faults = [], []
    for _ in range(steps):
        before, started = _page_faults(), time.perf_counter()
        step()
        times.append(time.perf_counter() - started)
        faults.append(_page_faults() - before)
    return times, faults


def _page_faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
