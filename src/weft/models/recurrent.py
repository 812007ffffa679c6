"""The recurrent language model: what has been read is a vector, and each token changes it.

h_t = tanh(W_xh x_t + W_hh h_{t-1} + b_h), y_t = W_hy h_t + b_y (Mikolov et al., Interspeech 2010),
or with a GRU (arXiv:1406.1078) or an LSTM (Hochreiter & Schmidhuber 1997) in place of the first
equation, in one layer or several. Inside, time comes before batch: a step's rows lie together.
Shapes: B batch, T time, L layers, C width, V vocabulary.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft import nn
from weft.autograd import Tensor, cat, ones
from weft.config import RecurrentConfig
from weft.nn import functional as F
from weft.random import Generator, default_generator

LAYERS: dict[str, Any] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


class RecurrentState:
    """What B sequences have come to: `arrays`, (L, B, C) each; of an LSTM two, h and c.

    `position` is how many tokens were read. There is always room for more: `full` is False.
    """

    full = False

    def __init__(self, arrays: list[NDArray[Any]], position: int = 0) -> None:
        self.arrays, self.position = arrays, position

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        return sum(array.nbytes for array in self.arrays)

    @property
    def hidden(self) -> Any:
        """As the layers take it. It is a number by now: no gradient goes back beyond it."""
        tensors = tuple(Tensor(array) for array in self.arrays)
        return tensors if len(tensors) == 2 else tensors[0]

    def move_on(self, hidden: Any, steps: int) -> None:
        """Become the state `steps` tokens later."""
        tensors = hidden if isinstance(hidden, tuple) else (hidden,)
        self.arrays = [tensor.array for tensor in tensors]
        self.position += steps

    def copy(self) -> RecurrentState:
        """A branch: the same past, and from here on independent."""
        return RecurrentState([array.copy() for array in self.arrays], self.position)


class Recurrent(nn.Module):
    """`model(tokens, state=None) -> logits`: (B, T) integers -> (B, T, V)."""

    def __init__(self, config: RecurrentConfig, generator: Generator | None = None) -> None:
        super().__init__()
        self.config = config
        generator = generator or default_generator()
        C, V = config.n_embd, config.vocab_size
        self.embedding = nn.Embedding(V, C, generator=generator)
        between = config.dropout if config.n_layer > 1 else 0.0
        layers = LAYERS[config.model]
        self.recurrent = layers(C, C, config.n_layer, dropout=between, generator=generator)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(C, V, generator=generator)
        if config.tie_embeddings:  # as small as a head begins
            nn.init.normal_(self.embedding.weight, std=1 / math.sqrt(C), generator=generator)
            self.head.register_parameter("weight", None)

    def start(self, batch: int, length: int | None = None, dtype: Any = None) -> RecurrentState:
        """The state of `batch` sequences that have read nothing: zeros, float32 as the weights.

        The other arguments are unused: a state is of one size however long the text.
        """
        shape = (self.config.n_layer, batch, self.config.n_embd)
        count = 2 if self.config.model == "lstm" else 1
        return RecurrentState([np.zeros(shape, self.embedding.weight.dtype) for _ in range(count)])

    def forward(self, tokens: Any, state: RecurrentState | None = None) -> Tensor:
        """Logits of the token after each of `tokens`, which follow what `state` has read."""
        logits = F.linear(self.hidden(tokens, state), self.output_weight(), self.head.bias)
        return logits.transpose(0, 1)

    def loss(
        self,
        tokens: Any,
        targets: Any,
        count: int | None = None,
        state: RecurrentState | None = None,
    ) -> Tensor:
        """The cross entropy of the logits summed over all targets, divided by `count` of them.

        (B, T) integers twice; a target of -100 does not count. `count` is their number by default.
        A `state` is where the tokens begin, and is moved on; the gradient stays within the tokens.
        """
        x = self.hidden(tokens, state)
        rows = x.view(-1, x.shape[-1])
        one = ones(rows.shape[0], 1, dtype=rows.dtype)  # what b_y is multiplied with
        weight = cat([self.output_weight(), self.head.bias.unsqueeze(1)], 1)  # (V, C + 1)
        flat = np.asarray(targets).T.reshape(-1)
        return F.linear_cross_entropy(cat([rows, one], 1), weight, flat, count=count)

    def output_weight(self) -> Tensor:  # (V, C)
        return self.embedding.weight if self.config.tie_embeddings else self.head.weight

    def hidden(self, tokens: Any, state: RecurrentState | None = None) -> Tensor:
        """What the head reads: (B, T) integers -> (T, B, C)."""
        x = self.dropout(self.embedding(np.ascontiguousarray(np.asarray(tokens).T)))  # (T, B, C)
        y, last = self.recurrent(x, None if state is None else state.hidden)
        if state is not None:
            state.move_on(last, x.shape[0])
        return self.dropout(y)
