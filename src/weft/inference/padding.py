"""Ids that a model can compute and its tokenizer does not have are never chosen.

Vocabularies are padded so that matrices have round sizes: nanoGPT's GPT-2 has 50,304 rows for
50,257 tokens. What the padding's rows have learnt is nothing, but not a probability of zero.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Unpadded:
    """The constraint of a text that has no other: the first `size` of V ids."""

    finished = False

    def __init__(self, size: int, V: int) -> None:
        self._allowed = np.arange(V) < size

    def allowed(self) -> NDArray[np.bool_]:
        """The tokens that may come next, (V,)."""
        return self._allowed

    def advance(self, token: int) -> None:
        """Take a token: nothing changes."""

    def copy(self) -> Unpadded:
        """The same: it has no state."""
        return self
