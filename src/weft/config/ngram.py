"""`NGramConfig`: what an n-gram model counts, and how it smooths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from weft.config.fields import LARGEST_INT, check_choice, check_range, check_types

Smoothing = Literal["kneser-ney", "backoff", "add-k", "none"]
Unseen = Literal["shorter", "zero"]
LARGEST_ORDER = 32


@dataclass(frozen=True, kw_only=True)
class NGramConfig:
    """The probability of a token from how often it followed the order - 1 tokens before it."""

    vocab_size: int
    """Number of tokens that the model knows (V)."""
    model: Literal["ngram"] = "ngram"
    """Family: the n-gram model."""
    order: int = 5
    """Tokens of the longest n-gram (n): a token is predicted from the n - 1 before it."""
    smoothing: Smoothing = "kneser-ney"
    """Where n-grams that were never seen get their probability from: `kneser-ney` interpolates
    with shorter contexts, `backoff` asks them (Katz, absolute discounts), `add-k` adds to all
    counts, and with `none` (maximum likelihood) they have none."""
    add_k: float = 0.01
    """What is added to every count (add-k)."""
    discount: float | None = None
    """What kneser-ney and backoff take from every count, in (0, 1); by default three values for
    each length of n-gram are estimated from the counts."""
    unseen: Unseen = "shorter"
    """What `none` does in a context that was never seen: ask the `shorter` one, or give `zero`."""
    block_size: int = 64
    """Tokens of a window (T), for evaluation."""

    def __post_init__(self) -> None:
        check_types(self)
        check_choice(self, "model", Literal["ngram"])
        check_choice(self, "smoothing", Smoothing)
        check_choice(self, "unseen", Unseen)
        for name in ("vocab_size", "block_size"):
            check_range(self, name, 1, LARGEST_INT)
        check_range(self, "order", 1, LARGEST_ORDER)
        check_range(self, "add_k", 0, 1e6, above=True)
        if self.discount is not None:
            check_range(self, "discount", 0, 1, above=True, below=True)

    @property
    def context(self) -> int:
        """Most tokens that a state can follow: as many as there are."""
        return LARGEST_INT
