"""From a prompt's ids to the ids that follow, one at a time, with a cache.

A full context either ends the text (`overflow="stop"`) or slides: the last half of the window is
read again into a fresh cache, so that every token still sees half a context at least, for the price
of one short prefill per half context. Learned positions and cached keys both forbid to just drop
the oldest token. Not here: text (`generation.py`), choosing among logits (`weft.sampling`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from weft.autograd import autocast, no_grad
from weft.errors import ConfigError
from weft.random import Generator
from weft.sampling import Sampling, sample

Overflow = Literal["slide", "stop"]
FinishReason = Literal["length", "context", "end", "stop"]


class Continuation(Iterator[int]):
    """The ids that follow `prompt`; iterate to compute them.

    `slid` counts how often the window has moved; `finish_reason` is "length" (as many as asked
    for), "context" (the window is full), "end" (the end token came), or None before that.
    """

    def __init__(
        self,
        model: Any,
        prompt: Sequence[int],
        *,
        block_size: int,
        max_tokens: int,
        sampling: Sampling,
        generator: Generator,
        overflow: Overflow = "slide",
        end: int | None = None,
        dtype: Any = None,
    ) -> None:
        if not 1 <= len(prompt) <= block_size:
            raise ConfigError(
                f"the prompt has {len(prompt)} tokens, and the model's context holds 1 to "
                f"{block_size}; generate; change the prompt or pass --truncate left"
            )
        self.finish_reason: FinishReason | None = None
        self.slid = 0
        self._model, self._sampling, self._generator = model, sampling, generator
        self._block_size, self._overflow, self._end = block_size, overflow, end
        self._dtype = dtype
        self._ids = [int(i) for i in prompt]
        self._left = max_tokens
        self._seen = 0  # ids in the cache
        self._state: Any = None

    def __next__(self) -> int:
        if self.finish_reason is None and self._left <= 0:
            self.finish_reason = "length"
        if self.finish_reason is None and self._seen == self._block_size:
            self._make_room()
        if self.finish_reason is not None:
            raise StopIteration
        logits = self._forward()
        token = int(sample(logits, self._generator, self._sampling, previous=self._ids)[0])
        self._ids.append(token)
        self._left -= 1
        if token == self._end:
            self.finish_reason = "end"
            raise StopIteration
        return token

    def _make_room(self) -> None:
        if self._overflow == "stop":
            self.finish_reason = "context"
            return
        self._state, self._seen = None, 0
        self.slid += 1

    def _window(self) -> list[int]:
        """The ids to read into an empty cache: all, or after sliding the last half window."""
        if not self.slid:
            return self._ids
        return self._ids[-max(1, self._block_size // 2) :]

    def _forward(self) -> NDArray[Any]:
        """Logits after the last id, (1, V); reads the ids that the cache has not seen yet."""
        if self._state is None:
            new = self._window()
            length = min(self._block_size, len(new) + max(self._left - 1, 0))
            with compute(self._dtype):
                self._state = self._model.start(1, length)
        else:
            new = self._ids[-1:]
        self._seen += len(new)
        return forward(self._model, np.array([new]), self._state, self._dtype)[:, -1]


def forward(model: Any, tokens: NDArray[Any], state: Any, dtype: Any) -> NDArray[Any]:
    """Logits without a tape. (B, T) -> (B, T, V). `dtype` is the compute precision, or None."""
    with compute(dtype):
        return np.asarray(model(tokens, state).array)


@contextmanager
def compute(dtype: Any) -> Iterator[None]:
    """No tape, and matrices in `dtype`, for one call only.

    A generator of text that is left half-way must not leave these modes on in its thread.
    """
    with no_grad(), autocast(dtype) if dtype is not None else nullcontext():
        yield
