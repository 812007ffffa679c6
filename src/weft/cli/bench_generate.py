"""Timing the reading of prompts and the writing of new tokens, in one stream or in many together.

The loop is the decoder's and nothing else: the likeliest token, no text, no sampling.
"""

from __future__ import annotations

import math
import resource
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

from weft.config import ModelConfig
from weft.formats.parameters import parameter_shapes
from weft.formats.quantized import ALWAYS_INT8, BLOCK
from weft.inference import LoadedModel
from weft.models import KeyValueCache
from weft.random import Generator
from weft.training.work import peak

BYTES = {"float32": 4, "bfloat16": 2, "int8": 1 + 2 / 32, "int4": 0.5 + 2 / 32}  # of one weight


def fit(prompt: int, new: int, block_size: int) -> tuple[int, int]:
    """A prompt and new tokens that fit into the context; at most half of it is prompt if not."""
    if prompt + new <= block_size + 1:  # the last new token is never read
        return prompt, new
    prompt = min(prompt, max(1, block_size // 2))
    return prompt, min(new, block_size - prompt + 1)


def measure(
    loaded: LoadedModel, prompt: int, new: int, repeats: int, streams: int = 1
) -> dict[str, Any]:
    """The numbers of `weft bench generate --json`: medians, and rates of all streams in sum.

    `peak_fraction` compares how fast decoding reads the weights with the speed of the memory.
    """
    prompts = Generator(0).integers(0, loaded.config.vocab_size, (streams, prompt)).tolist()
    caches = [loaded.decoder.start(prompt + new - 1) for _ in range(streams)]
    runs = [_once(loaded, caches, prompts, new) for _ in range(repeats + 1)][1:]
    prefill, decode = (statistics.median(seconds) for seconds in zip(*runs, strict=True))
    resident, memory = resident_peak(), peak("memory")
    gbs = weight_bytes(loaded, a_step=True) * (new - 1) / decode / 1e9 if new > 1 else None
    return {
        "prefill_tokens_per_second": streams * prompt / prefill,
        "decode_tokens_per_second": streams * (new - 1) / decode if new > 1 else None,
        "memory_bytes": weight_bytes(loaded) + sum(cache.nbytes for cache in caches),
        "peak_rss_bytes": resident,
        "peak_gbs": memory,
        "peak_fraction": gbs / memory if gbs and memory else None,
        "prompt_tokens": prompt,
        "new_tokens": new,
        "streams": streams,
    }


def _once(
    loaded: LoadedModel,
    caches: Sequence[KeyValueCache],
    prompts: Sequence[Sequence[int]],
    new: int,
) -> tuple[float, float]:
    """Seconds of the prompts with the first new token of each, and of the tokens after them."""
    for cache in caches:
        cache.position = 0
    started = time.perf_counter()
    tokens = loaded.decoder.read(caches, prompts).argmax(-1)
    middle = time.perf_counter()
    for _ in range(new - 1):
        tokens = loaded.decoder.read(caches, tokens[:, None].tolist()).argmax(-1)
    return middle - started, time.perf_counter() - middle


def weight_bytes(loaded: LoadedModel, a_step: bool = False) -> int:
    """Bytes of the weights in the precision that they are multiplied in.

    With `a_step` only what a step reads all of: no tables of which it takes a row for each token.
    """
    total = 0.0
    assert isinstance(loaded.config, ModelConfig)
    for name, shape in parameter_shapes(loaded.config).items():
        looked_up = name == "position.weight" or (
            name == "embedding.weight" and not loaded.config.tie_embeddings
        )
        if not (a_step and looked_up):
            total += BYTES[_kind(name, shape, loaded.precision)] * math.prod(shape)
    return round(total)


def _kind(name: str, shape: tuple[int, ...], precision: str) -> str:
    """The precision of one weight: norms, biases and positions stay in float32."""
    if len(shape) == 1 or name == "position.weight":
        return "float32"
    if precision in ("int8", "int4") and shape[1] % BLOCK:
        return "float32"
    return "int8" if precision == "int4" and name in ALWAYS_INT8 else precision


def resident_peak() -> int:
    """The most memory that this process has had, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
