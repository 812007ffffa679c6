"""`RecurrentConfig`: recurrent networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from weft.config.fields import LARGEST_INT, check_choice, check_range, check_types

Cell = Literal["rnn", "gru", "lstm"]


@dataclass(frozen=True, kw_only=True)
class RecurrentConfig:
    """An embedding, recurrent layers one above the other, and a token from the last one."""

    vocab_size: int
    """Number of tokens that the model knows (V)."""
    model: Cell = "lstm"
    """Family: the simple recurrent network (tanh), the GRU or the LSTM."""
    block_size: int = 64
    """Tokens through which the gradient goes back (T); the state is carried on from there."""
    n_layer: int = 1
    """Number of recurrent layers (L)."""
    n_embd: int = 128
    """Width of the embedding and of the hidden state (C)."""
    dropout: float = 0.0
    """Probability of dropping what goes into a layer while training, in [0, 1)."""
    tie_embeddings: bool = False
    """The output layer shares the embedding's weights."""

    def __post_init__(self) -> None:
        check_types(self)
        check_choice(self, "model", Cell)
        for name in ("vocab_size", "block_size", "n_layer", "n_embd"):
            check_range(self, name, 1, LARGEST_INT)
        check_range(self, "dropout", 0, 1, below=True)

    @property
    def context(self) -> int:
        """Most tokens that a state can follow: as many as there are."""
        return LARGEST_INT
