"""Timing the reading of a prompt and the writing of new tokens."""

from __future__ import annotations

import resource
import statistics
import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.inference import LoadedModel
from weft.inference.tokens import compute, forward
from weft.random import Generator


def fit(prompt: int, new: int, block_size: int) -> tuple[int, int]:
    """A prompt and new tokens that fit into the context; at most half of it is prompt if not."""
    if prompt + new <= block_size + 1:  # the last new token is never read
        return prompt, new
    prompt = min(prompt, max(1, block_size // 2))
    return prompt, min(new, block_size - prompt + 1)


def measure(loaded: LoadedModel, prompt: int, new: int, repeats: int) -> dict[str, Any]:
    """The numbers of `weft bench generate --json`; medians."""
    ids = Generator(0).integers(0, loaded.config.vocab_size, (1, prompt))
    runs = [_once(loaded, ids, new) for _ in range(repeats + 1)][1:]
    prefill = statistics.median(run[0] for run in runs)
    decode = statistics.median(run[1] for run in runs)
    return {
        "prefill_tokens_per_second": prompt / prefill,
        "decode_tokens_per_second": (new - 1) / decode if new > 1 else None,
        "memory_bytes": runs[0][2] + weight_bytes(loaded.model),
        "peak_rss_bytes": resident_peak(),
        "prompt_tokens": prompt,
        "new_tokens": new,
    }


def _once(loaded: LoadedModel, ids: NDArray[np.int64], new: int) -> tuple[float, float, int]:
    """Seconds of prefill, seconds of the new tokens after the first, bytes of the cache."""
    length = ids.shape[1] + new - 1
    with compute(loaded.dtype):
        state = loaded.model.start(1, length)
    started = time.perf_counter()
    token = forward(loaded.model, ids, state, loaded.dtype)[:, -1].argmax(-1)
    middle = time.perf_counter()
    for _ in range(new - 1):
        token = forward(loaded.model, token[:, None], state, loaded.dtype)[:, -1].argmax(-1)
    ended = time.perf_counter()
    return middle - started, ended - middle, cache_bytes(state)


def cache_bytes(state: Any) -> int:
    """Bytes of the arrays that a state holds."""
    return sum(v.nbytes for v in vars(state).values() if isinstance(v, np.ndarray))


def weight_bytes(model: Any) -> int:
    return sum(parameter.array.nbytes for parameter in model.parameters())


def resident_peak() -> int:
    """The most memory that this process has had, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
