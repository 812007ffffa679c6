"""Models that see the last few tokens and nothing else: their state, which is those tokens.

What the MLP and the bag of words have in common is here; what they make of the tokens is theirs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft import nn
from weft.autograd import Tensor
from weft.nn import functional as F

EMPTY = -1  # stands for a token before the first one


class TokenWindow:
    """The last `size` tokens of B sequences, (B, size) int64; `EMPTY` where there were none yet.

    `position` is how many tokens were read. There is always room for more: `full` is False.
    """

    full = False

    def __init__(self, batch: int, size: int) -> None:
        self.tokens: NDArray[np.int64] = np.full((batch, size), EMPTY, np.int64)
        self.position = 0

    @property
    def nbytes(self) -> int:
        """Bytes of the tokens."""
        return self.tokens.nbytes

    def extend(self, tokens: NDArray[Any]) -> NDArray[np.int64]:
        """Read (B, T) tokens; returns them with those that were here before, (B, size + T)."""
        size = self.tokens.shape[1]
        read = np.concatenate([self.tokens, tokens], axis=1)
        self.tokens = read[:, read.shape[1] - size :].copy()
        self.position += tokens.shape[1]
        return read

    def copy(self) -> TokenWindow:
        """A branch: the same tokens, and from here on independent."""
        branch = TokenWindow(0, 0)
        branch.tokens, branch.position = self.tokens.copy(), self.position
        return branch


def contexts(tokens: NDArray[Any], size: int, state: TokenWindow | None) -> NDArray[np.int64]:
    """What each token is predicted from: (B, T) -> (B, T, size), the last of them itself.

    Before the first token, and before `tokens` where there is no state, is `EMPTY`.
    """
    before = TokenWindow(len(tokens), size - 1) if state is None else state
    read = before.extend(np.asarray(tokens, np.int64))  # (B, size - 1 + T)
    return np.lib.stride_tricks.sliding_window_view(read, size, axis=1)


class WindowModel(nn.Module):
    """A model of `config.context_size` tokens. Each has a `hidden` of its own, and a `head`."""

    def start(self, batch: int, length: int | None = None, dtype: Any = None) -> TokenWindow:
        """The state of `batch` sequences that have read nothing; the other arguments are unused."""
        return TokenWindow(batch, self.config.context_size - 1)

    def forward(self, tokens: Any, state: TokenWindow | None = None) -> Tensor:
        """Logits of the token after each of `tokens`, which follow what `state` has read."""
        logits: Tensor = self.head(self.hidden(tokens, state))
        return logits

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
        """What the head reads: (B, T) integers -> (B, T, width of the head)."""
        raise NotImplementedError
