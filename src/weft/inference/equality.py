"""Whether two models are one: their logits on a fixed prompt, compared as far as rounding allows.

What was rounded to a type when it was written cannot give the same logits. Each weight is off by a
relative error of root mean square r (from the type's digits); it enters through the 4 matrices of
each of L layers and 2 more, whose errors are independent: r √(4L + 2) of the logits' deviation,
and twice that is allowed. A wrong layout or permutation gives about 1.4, so 0.7 is the limit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.config import EncoderDecoderConfig, Gelu, ModelConfig
from weft.inference.generation import LoadedModel
from weft.inference.loading import build
from weft.inference.tokens import compute, forward
from weft.random import Generator

# Half a unit in the last place, evenly spread, has the root mean square 2^-(digits+1) / √3. In a
# block of 32 normal numbers the largest is about 2.5 deviations: a step of q8_0 is 2.5/127 of one,
# and of q4_0 2.5/8; its root mean square error is step / √12.
ROUNDING: dict[str | None, float] = {
    None: 0.0,
    "f32": 2**-24 / math.sqrt(3),
    "f16": 2**-11 / math.sqrt(3),
    "bf16": 2**-8 / math.sqrt(3),
    "q8_0": 2.5 / 127 / math.sqrt(12),
    "q4_0": 2.5 / 8 / math.sqrt(12),
}
LIMIT = 0.7
PROMPT_TOKENS = 32


@dataclass(frozen=True)
class Comparison:
    """How far the second model's logits are from the first one's, in deviations of those."""

    difference: float
    """Root mean square; infinite for logits of another shape or that are not finite."""
    tolerance: float
    tokens: int
    """Length of the prompt."""
    same_ids: bool | None
    """Whether the tokenizers give the same ids; None without two of them."""

    @property
    def equal(self) -> bool:
        return self.difference <= self.tolerance and self.same_ids is not False


def compare(source: LoadedModel, other: LoadedModel, precision: str | None = None) -> Comparison:
    """Compare with the tolerance of `precision`: f32, f16, bf16, q8_0, q4_0; None for no rounding.

    Both are computed in float32, one after the other, so that one model at a time is in memory; and
    with the other's GELU, as nanoGPT has one only: which one it is the configuration says.
    """
    V, T = source.config.vocab_size, source.config.block_size
    ids = Generator(0).integers(0, V, (1, min(T, PROMPT_TOKENS)))
    gelu = other.config.gelu if isinstance(other.config, ModelConfig) else None
    expected, found = (_logits(loaded, ids, gelu) for loaded in (source, other))
    difference = 0.0 if np.array_equal(found, expected) else math.inf  # -inf: impossible
    if difference and found.shape == expected.shape and np.isfinite(found).all():
        deviation = float(expected.std()) or 1.0
        difference = float(np.sqrt(np.mean((found - expected) ** 2))) / deviation
    depth = math.sqrt(4 * getattr(source.config, "n_layer", 1) + 2)
    tolerance = min(LIMIT, 2 * ROUNDING[precision] * depth)
    return Comparison(difference, tolerance, ids.shape[1], _same_ids(source, other, ids[0]))


def _logits(loaded: LoadedModel, ids: NDArray[Any], gelu: Gelu | None) -> NDArray[np.float64]:
    model = loaded.model
    if isinstance(loaded.config, ModelConfig) and gelu is not None:
        model = build(replace(loaded.config, gelu=gelu), loaded.weights)
    ids, state = ids % loaded.config.vocab_size, None
    if isinstance(loaded.config, EncoderDecoderConfig):
        with compute(None):
            state = model.encode(ids)
    return forward(model, ids, state, None).astype(np.float64)


def _same_ids(source: LoadedModel, other: LoadedModel, ids: NDArray[Any]) -> bool | None:
    """Texts of tokens drawn at random, encoded by both; each token by itself, and all together."""
    if not (source.has_tokenizer and other.has_tokenizer):
        return None
    first, second = source.tokenizer, other.tokenizer
    texts = [first.decode([int(i) % first.vocab_size]) for i in ids]
    texts = [text for text in texts if "\ufffd" not in text]
    return all(
        first.encode(text) == second.encode(text) for text in ["".join(texts), *texts] if text
    )
