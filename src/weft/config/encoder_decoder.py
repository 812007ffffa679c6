"""`EncoderDecoderConfig`: the Transformer that turns one text into another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from weft.config.fields import LARGEST_INT, check_choice, check_range, check_types


@dataclass(frozen=True, kw_only=True)
class EncoderDecoderConfig:
    """A Transformer that reads a source and writes a target (arXiv:1706.03762)."""

    vocab_size: int
    """Number of tokens that the model knows (V)."""
    model: Literal["encoder-decoder"] = "encoder-decoder"
    """Family: the encoder-decoder Transformer."""
    block_size: int = 64
    """Most tokens of a source, and of a target (T)."""
    n_layer: int = 2
    """Number of blocks of the encoder, and of the decoder (L)."""
    n_head: int = 4
    """Number of attention heads (H)."""
    n_embd: int = 64
    """Width of the residual stream (C)."""
    dropout: float = 0.0
    """Probability of dropping an activation while training, in [0, 1)."""

    def __post_init__(self) -> None:
        check_types(self)
        check_choice(self, "model", Literal["encoder-decoder"])
        for name in ("vocab_size", "block_size", "n_layer", "n_head", "n_embd"):
            check_range(self, name, 1, LARGEST_INT)
        check_range(self, "dropout", 0, 1, below=True)

    @property
    def context(self) -> int:
        """Most tokens that a state can hold."""
        return self.block_size
