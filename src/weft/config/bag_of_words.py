"""`BagOfWordsConfig`: the mean of the last few embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from weft.config.fields import LARGEST_INT, check_choice, check_range, check_types

LARGEST_CONTEXT = 4096


@dataclass(frozen=True, kw_only=True)
class BagOfWordsConfig:
    """The mean of the last tokens' embeddings, whatever their order, and from it a token."""

    vocab_size: int
    """Number of tokens that the model knows (V)."""
    model: Literal["bow"] = "bow"
    """Family: the bag of words."""
    context_size: int = 8
    """Tokens that are seen (n)."""
    block_size: int = 64
    """Tokens of a training window (T); each of them is predicted from the n before it."""
    n_embd: int = 128
    """Width of a token's embedding (C)."""
    dropout: float = 0.0
    """Probability of dropping an activation while training, in [0, 1)."""

    def __post_init__(self) -> None:
        check_types(self)
        check_choice(self, "model", Literal["bow"])
        for name in ("vocab_size", "block_size", "n_embd"):
            check_range(self, name, 1, LARGEST_INT)
        check_range(self, "context_size", 1, LARGEST_CONTEXT)
        check_range(self, "dropout", 0, 1, below=True)

    @property
    def context(self) -> int:
        """Most tokens that a state can follow: as many as there are."""
        return LARGEST_INT
