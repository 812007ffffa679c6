"""The state of a model that sees the last few tokens and nothing else: those tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

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
