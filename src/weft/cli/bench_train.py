"""Timing whole training steps of a model on made-up tokens."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np

from weft.autograd import autocast
from weft.config import ModelConfig
from weft.kernels import active
from weft.models import GPT
from weft.nn import functional as F
from weft.nn.clip_grad import clip_grad_norm_
from weft.optim import AdamW
from weft.random import Generator

WARM_UP = 3
PEAK_SECONDS = 0.3


class TrainingStep:
    """A model, AdamW and one batch; call it to take a step. The loss is in `loss`."""

    def __init__(self, config: ModelConfig, batch_size: int, precision: str) -> None:
        generator = Generator(0)
        self.model = GPT(config, generator)
        self.parameters = list(self.model.parameters())
        self.optimizer = AdamW(self.parameters, lr=1e-3, weight_decay=0.1)
        self.dtype = np.dtype(precision)
        shape = (batch_size, config.block_size)
        self.x = generator.integers(0, config.vocab_size, shape)
        self.y = generator.integers(0, config.vocab_size, shape)
        self.loss = 0.0

    def __call__(self) -> None:
        with autocast(self.dtype):
            logits = self.model(self.x)  # (B, T, V)
            loss = F.cross_entropy(logits.flatten(0, 1), self.y.reshape(-1))
        loss.backward()
        clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.loss = loss.item()


def measure(config: ModelConfig, batch_size: int, precision: str, steps: int) -> dict[str, Any]:
    """The numbers of `weft bench train --json`."""
    step = TrainingStep(config, batch_size, precision)
    best = peak(precision)
    seconds = statistics.median(time_steps(step, steps))
    best = max(best, peak(precision) or 0.0) if best else None
    tokens = batch_size * config.block_size
    gflops = tokens * flop_per_token(config) / seconds / 1e9
    return {
        "milliseconds_per_step": seconds * 1e3,
        "tokens_per_second": tokens / seconds,
        "gflops": gflops,
        "peak_fraction": gflops / best if best else None,
        "peak_gflops": best,
        "parameters": sum(p.array.size for p in step.parameters),
        "flop_per_token": flop_per_token(config),
    }


def time_steps(step: Any, steps: int) -> list[float]:
    """Seconds of each of `steps` calls, after a warm-up."""
    for _ in range(WARM_UP):
        step()
    times = []
    for _ in range(steps):
        started = time.perf_counter()
        step()
        times.append(time.perf_counter() - started)
    return times


def flop_per_token(config: ModelConfig) -> int:
    """6 N + 12 L C T, forward and backward (Chowdhery et al. 2022, PaLM, appendix B; nanoGPT).

    N counts the weights that are multiplied: all matrices but the tables that are only looked up.
    C is the width of all heads together.
    """
    C, width = config.n_embd, config.n_head * config.head_dim
    qkv = C * (width + 2 * config.n_kv_head * config.head_dim)
    mlp = (2 if config.arch == "gpt2" else 3) * C * config.intermediate_size
    N = config.n_layer * (qkv + width * C + mlp) + config.vocab_size * C
    return 6 * N + 12 * config.n_layer * width * config.block_size


def peak(kind: str) -> float | None:
    """GFLOP/s ("float32", "bfloat16") or GB/s ("memory"); None without native kernels."""
    native = active.native
    if native is None or not hasattr(native, "measure_peak"):
        return None
    return float(native.measure_peak(kind, PEAK_SECONDS))
