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
from weft.models.window import EMPTY, TokenWindow, contexts
from weft.nn import functional as F
from weft.random import Generator, default_generator


class BagOfWords(nn.Module):
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

    def start(self, batch: int, length: int | None = None, dtype: Any = None) -> TokenWindow:
        """The state of `batch` sequences that have read nothing; the other arguments are unused."""
        return TokenWindow(batch, self.config.context_size - 1)

    def forward(self, tokens: Any, state: TokenWindow | None = None) -> Tensor:
        """Logits of the token after each of `tokens`, which follow what `state` has read."""
        return self.head(self.hidden(tokens, state))

    def loss(
        self, tokens: Any, targets: Any, count: int | None = None, state: TokenWindow | None = None
    ) -> Tensor:
        """The cross entropy of the logits summed over all targets, divided by `count` of them.

        (B, T) integers twice; a target of -100 does not count. `count` is their number by default.
        """
        x = self.hidden(tokens, state)
        rows, flat = x.view(-1, x.shape[-1]), targets.reshape(-1)
        return F.linear_cross_entropy(rows, self.head.weight, flat, count=count)

    def hidden(self, tokens: Any, state: TokenWindow | None = None) -> Tensor:
        """The mean of what is in the bag: (B, T) integers -> (B, T, C)."""
        seen = contexts(tokens, self.config.context_size, state)  # (B, T, n)
        there = seen != EMPTY
        share = there / np.maximum(there.sum(-1, keepdims=True), 1)  # of each in the mean
        words = self.embedding(np.where(there, seen, 0))  # (B, T, n, C)
        weights = Tensor(share[..., None].astype(words.array.dtype))
        return self.dropout((words * weights).sum(dim=2))
