"""`Decoder`: new tokens of one or many sequences in, logits out; what generation is built on.

A sequence is its `KeyValueCache` of batch 1. Its `position` counts the tokens it has read; setting
it back takes tokens back, and `copy()` makes a branch. Sequences of any lengths are read together,
and what one gives never depends on the others. This file is the definition, one sequence after the
other through the model; not here: text (`generation.py`), choosing among logits (`weft.sampling`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.inference.tokens import compute, forward
from weft.models import KeyValueCache


class Decoder:
    """Reads tokens with a model; `dtype` is the compute precision, None for the weights' own.

    `cache` is the precision in which keys and values are kept unless `start` is told another.
    """

    def __init__(self, model: Any, dtype: Any = None, cache: Any = None) -> None:
        self.model, self.dtype, self.cache = model, dtype, cache

    def start(self, length: int | None = None, dtype: Any = None) -> KeyValueCache:
        """An empty sequence with room for `length` tokens (the whole context).

        `dtype` is the precision of its keys and values, as in `GPT.start`.
        """
        with compute(self.dtype):
            cache: KeyValueCache = self.model.start(1, length, dtype or self.cache)
        return cache

    def read(
        self, sequences: Sequence[KeyValueCache], tokens: Sequence[Sequence[int]]
    ) -> NDArray[np.float32]:
        """Append tokens[i] (one or more) to sequences[i]; logits after the last of each, (B, V).

        Raises ValueError when a sequence has no room for its tokens.
        """
        return np.stack([rows[-1] for rows in self.read_all(sequences, tokens)])

    def read_all(
        self, sequences: Sequence[KeyValueCache], tokens: Sequence[Sequence[int]]
    ) -> list[NDArray[np.float32]]:
        """As `read`, with the logits after every new token: B arrays (len(tokens[i]), V)."""
        return [
            forward(self.model, np.array([new]), sequence, self.dtype)[0].astype(np.float32)
            for sequence, new in zip(sequences, tokens, strict=True)
        ]
