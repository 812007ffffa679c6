"""The multi-layer perceptron over the last n tokens, the first neural language model.

Their embeddings side by side, hidden layers, and a score for each token (Bengio, Ducharme, Vincent
& Jauvin, A Neural Probabilistic Language Model, JMLR 2003, without its direct connections).
Shapes: B batch, T time, n tokens seen, C width of an embedding, V vocabulary.
"""

from __future__ import annotations

import math
from typing import Any

from weft import nn
from weft.autograd import Tensor
from weft.config import MLPConfig
from weft.models.window import EMPTY, TokenWindow, WindowModel, contexts
from weft.nn import functional as F
from weft.random import Generator, default_generator


class MLP(WindowModel):
    """`model(tokens, state=None) -> logits`: (B, T) integers -> (B, T, V)."""

    def __init__(self, config: MLPConfig, generator: Generator | None = None) -> None:
        super().__init__()
        self.config = config
        n, inner = config.context_size, config.intermediate_size
        sizes = [n * config.n_embd] + [inner] * config.n_layer
        self.embedding = nn.Embedding(config.vocab_size + 1, config.n_embd)  # the last: no token
        self.layers = nn.ModuleList(nn.Linear(width, inner) for width in sizes[:-1])
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(inner, config.vocab_size, bias=False)
        self.initialise(generator or default_generator())

    def initialise(self, generator: Generator) -> None:
        """Normal, so that a layer's outputs are as large as its inputs; biases zero; head small."""
        nn.init.normal_(self.embedding.weight, generator=generator)
        for layer in self.layers:
            std = math.sqrt(2.0 / layer.weight.shape[1])
            nn.init.normal_(layer.weight, std=std, generator=generator)
            nn.init.zeros_(layer.bias)
        nn.init.normal_(self.head.weight, std=0.02, generator=generator)

    def hidden(self, tokens: Any, state: TokenWindow | None = None) -> Tensor:
        """What the last layer reads: (B, T) integers -> (B, T, intermediate_size)."""
        seen = contexts(tokens, self.config.context_size, state)  # (B, T, n)
        B, T, _ = seen.shape
        index = seen.copy()
        index[index == EMPTY] = self.config.vocab_size
        x = self.embedding(index).view(B, T, -1)  # (B, T, n · C)
        for layer in self.layers:
            x = self.dropout(F.gelu(layer(x), "tanh"))
        return x
