"""The bag of words: the mean of the last n embeddings, whatever their order, and from it a token.

It is the continuous bag of words of word2vec (Mikolov, Chen, Corrado & Dean, arXiv:1301.3781) that
looks back only. What it loses against the MLP beside it is what the order of the tokens is worth.
Shapes: B batch, T time, n tokens seen, C width of an embedding, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from weft import nn
from weft.autograd import Tensor
from weft.config import BagOfWordsConfig
from weft.models.window import EMPTY, TokenWindow, WindowModel, contexts
from weft.random import Generator, default_generator


class BagOfWords(WindowModel):
    """`model(tokens, state=None) -> logits`: (B, T) integers -> (B, T, V)."""

    def __init__(self, config: BagOfWordsConfig, generator: Generator | None = None) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.n_embd)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        generator = generator or default_generator()
        nn.init.normal_(self.embedding.weight, generator=generator)
        nn.init.normal_(self.head.weight, std=0.02, generator=generator)

    def hidden(self, tokens: Any, state: TokenWindow | None = None) -> Tensor:
        """The mean of what is in the bag: (B, T) integers -> (B, T, C)."""
        seen = contexts(tokens, self.config.context_size, state)  # (B, T, n)
        there = seen != EMPTY
        share = there / np.maximum(there.sum(-1, keepdims=True), 1)  # of each in the mean
        words = self.embedding(np.where(there, seen, 0))  # (B, T, n, C)
        weights = Tensor(share[..., None].astype(words.array.dtype))
        return self.dropout((words * weights).sum(dim=2))
