"""`MLPConfig`: a multi-layer perceptron over the last few tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from weft.config.fields import LARGEST_INT, check_choice, check_range, check_types

LARGEST_CONTEXT = 4096


@dataclass(frozen=True, kw_only=True)
class MLPConfig:
    """The embeddings of the last tokens side by side, hidden layers, a token."""

    vocab_size: int
    """Number of tokens that the model knows (V)."""
    model: Literal["mlp"] = "mlp"
    """Family: the multi-layer perceptron."""
    context_size: int = 8
    """Tokens that are seen (n)."""
    block_size: int = 64
    """Tokens of a training window (T); each of them is predicted from the n before it."""
    n_layer: int = 1
    """Number of hidden layers (L)."""
    n_embd: int = 32
    """Width of a token's embedding (C)."""
    intermediate_size: int = 256
    """Width of the hidden layers."""
    dropout: float = 0.0
    """Probability of dropping an activation while training, in [0, 1)."""

    def __post_init__(self) -> None:
        check_types(self)
        check_choice(self, "model", Literal["mlp"])
        for name in ("vocab_size", "block_size", "n_layer", "n_embd", "intermediate_size"):
            check_range(self, name, 1, LARGEST_INT)
        check_range(self, "context_size", 1, LARGEST_CONTEXT)
        check_range(self, "dropout", 0, 1, below=True)

    @property
    def context(self) -> int:
        """Most tokens that a state can follow: as many as there are."""
        return LARGEST_INT
