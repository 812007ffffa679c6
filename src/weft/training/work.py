"""The work of training in floating-point operations, and the most that this machine does."""

from __future__ import annotations

from weft.config import ModelConfig
from weft.kernels import active

PEAK_SECONDS = 0.3


def flop_per_token(config: ModelConfig) -> int:
    """6 N + 12 L C T, forward and backward (Chowdhery et al. 2022, PaLM, appendix B; nanoGPT).

    N counts the weights that are multiplied: all matrices but the tables that are only looked up,
    and of experts those that a token is sent to.
    C is the width of all heads together.
    """
    C, width = config.n_embd, config.n_head * config.head_dim
    qkv = C * (width + 2 * config.n_kv_head * config.head_dim)
    mlp = (2 if config.arch == "gpt2" else 3) * C * config.intermediate_size
    mlp = config.n_expert_used * mlp + config.n_expert * C if config.n_expert else mlp
    N = config.n_layer * (qkv + width * C + mlp) + config.vocab_size * C
    return 6 * N + 12 * config.n_layer * width * config.block_size


def peak(kind: str, seconds: float = PEAK_SECONDS) -> float | None:
    """GFLOP/s ("float32", "bfloat16") or GB/s ("memory"); None without native kernels."""
    native = active.native
    if native is None or not hasattr(native, "measure_peak"):
        return None
    return float(native.measure_peak(kind, seconds))
