"""`EncoderDecoderConfig`: the Transformer that turns one text into another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from weft.config.fields import DERIVED, LARGEST_INT, check_choice, check_range, check_types, derive
from weft.errors import ConfigError

Positions = Literal["sinusoidal", "learned"]
Activation = Literal["relu", "gelu"]


@dataclass(frozen=True, kw_only=True)
class EncoderDecoderConfig:
    """A Transformer that reads a source and writes a target (arXiv:1706.03762)."""

    vocab_size: int
    """Number of tokens that the model knows (V), the same for sources and targets."""
    model: Literal["encoder-decoder"] = "encoder-decoder"
    """Family: the encoder-decoder Transformer."""
    block_size: int = 64
    """Most tokens of a source, and of a target with its mark (T)."""
    n_layer: int = 2
    """Number of blocks of the encoder, and of the decoder (L)."""
    n_head: int = 4
    """Number of attention heads (H)."""
    n_embd: int = 64
    """Width of the residual stream (C)."""
    dropout: float = 0.0
    """Probability of dropping an activation while training, in [0, 1)."""
    intermediate_size: int = DERIVED
    """Width of the MLP: 4 C."""
    positions: Positions = "sinusoidal"
    """How a token tells its place: by sines and cosines, or by a learned vector."""
    norm_first: bool = True
    """The norm in front of attention and MLP; false: behind the sum, as the paper has it."""
    activation: Activation = "relu"
    """Non-linearity of the MLP; gelu is the exact one."""
    tie_embeddings: bool = True
    """The output layer shares the embedding's weights."""
    norm_eps: float = 1e-5
    """Added to the variance in every norm."""

    def __post_init__(self) -> None:
        check_types(self)
        check_choice(self, "model", Literal["encoder-decoder"])
        check_choice(self, "positions", Positions)
        check_choice(self, "activation", Activation)
        for name in ("vocab_size", "block_size", "n_layer", "n_head", "n_embd"):
            check_range(self, name, 1, LARGEST_INT)
        derive(self, "intermediate_size", 4 * self.n_embd)
        check_range(self, "intermediate_size", 1, LARGEST_INT)
        check_range(self, "dropout", 0, 1, below=True)
        check_range(self, "norm_eps", 0, 1, above=True)
        if self.n_embd % self.n_head:
            raise ConfigError(
                f"n_embd {self.n_embd} is not divisible by n_head {self.n_head}; model; "
                f"choose n_embd as a multiple of {self.n_head}"
            )

    @property
    def context(self) -> int:
        """Most tokens that a state can hold."""
        return self.block_size
