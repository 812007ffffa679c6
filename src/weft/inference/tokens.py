"""From a prompt's ids to the ids that follow, one at a time, with a cache.

A full context either ends the text (`overflow="stop"`) or slides: the last half of the window is
read again into a fresh cache, so that every token still sees half a context at least, for the price
of one short prefill per half context. Learned positions and cached keys both forbid to just drop
the oldest token. Not here: text (`text.py`), choosing among logits (`weft.sampling`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from weft.autograd import autocast, no_grad
from weft.errors import ConfigError
from weft.random import Generator
from weft.sampling import Sampling, Stage, explain, log_probabilities, sample

if TYPE_CHECKING:
    from weft.inference.decoder import Decoder
    from weft.models import KeyValueCache

Overflow = Literal["slide", "stop"]
FinishReason = Literal["length", "context", "end", "stop"]


class Constraint(Protocol):
    """What one text must look like; it follows the text token by token."""

    def allowed(self) -> NDArray[np.bool_]:
        """The tokens that may come next, (V,)."""
        ...

    def advance(self, token: int) -> None:
        """Take a token, one of those allowed."""
        ...

    @property
    def finished(self) -> bool:
        """Whether the text has to end here."""
        ...

    def copy(self) -> Constraint:
        """A branch: the same text so far, and from here on independent."""
        ...


class TokenScore(NamedTuple):
    """How likely the model itself found a token, before any filter: natural logarithms."""

    token: int
    logprob: float
    top: tuple[tuple[int, float], ...]
    """The likeliest ids at this place with theirs, likeliest first."""


class Tokens(Iterator[int]):
    """The ids of one text, whatever way they are found; iterate to compute them.

    `finish_reason` is "length" (as many as asked for), "context" (the window is full), "end" (the
    end token came, or a constraint allows nothing else), or None before that. `slid` counts how
    often the window has moved.
    """

    def __init__(self) -> None:
        self.finish_reason: FinishReason | None = None
        self.slid = 0
        self.scores: list[TokenScore] = []
        """One for each token, if log-probabilities are asked for."""
        self.stages: list[list[Stage]] = []
        """What the filters did for each token, if a trace is asked for."""
        self.total_logprob, self.chosen = 0.0, 0
        """Sum of the log-probabilities and number of all choices, that of the end token too."""


class Continuation(Tokens):
    """The ids that follow `prompt`, each drawn from the model's distribution.

    By itself it is an iterator. Many are stepped together by what it is made of: `request` says
    what the model has to read next, and `choose` takes the logits.
    """

    def __init__(
        self,
        decoder: Decoder,
        prompt: Sequence[int],
        *,
        block_size: int,
        max_tokens: int,
        sampling: Sampling,
        generator: Generator,
        overflow: Overflow = "slide",
        end: int | None = None,
        constraint: Constraint | None = None,
        logprobs: int | None = None,
        trace: bool = False,
    ) -> None:
        super().__init__()
        check_prompt(prompt, block_size)
        self.decoder = decoder
        self.prompt = tuple(int(i) for i in prompt)
        self._sampling, self._generator, self._constraint = sampling, generator, constraint
        self._block_size, self._overflow, self._end = block_size, overflow, end
        self._logprobs, self._trace = logprobs, trace
        self._ids = list(self.prompt)
        self._left = max_tokens
        self._seen = 0  # ids in the cache
        self.sequence: KeyValueCache | None = None
        """What the model has read; None before the prompt is, and after the window has moved."""

    def __next__(self) -> int:
        request = self.request()
        token = None
        if request is not None:
            sequence, new = request
            token = self.choose(self.decoder.read([sequence], [new])[0])
        if token is None:
            raise StopIteration
        return token

    def request(self) -> tuple[KeyValueCache, list[int]] | None:
        """A sequence, and the ids to append to it, for the next token; None: the text is over."""
        if self.finish_reason is None and self._left <= 0:
            self.finish_reason = "length"
        if self.finish_reason is None and self._constraint and self._constraint.finished:
            self.finish_reason = "end"
        if self.finish_reason is None and self._seen == self._block_size:
            self._make_room()
        if self.finish_reason is not None:
            return None
        new = self._ids[-1:]
        if self.sequence is None:
            new = self._window()
            length = min(self._block_size, len(new) + max(self._left - 1, 0))
            self.sequence = self.decoder.start(length)
        self._seen += len(new)
        return self.sequence, new

    def adopt(self, sequence: KeyValueCache) -> None:
        """Start from a sequence that has read the prompt, or all of it but the last token.

        It is this text's own from here on.
        """
        self.sequence, self._seen = sequence, sequence.position

    def choose(self, logits: NDArray[Any]) -> int | None:
        """The next id, from the logits (V,) after what was requested; None if the text ends."""
        allowed = self._constraint.allowed() if self._constraint else None
        token = sample(
            logits[None], self._generator, self._sampling, self._ids, len(self.prompt), allowed
        )
        return self._take(int(token[0]), logits, allowed)

    def _take(
        self, token: int, logits: NDArray[Any], allowed: NDArray[np.bool_] | None
    ) -> int | None:
        """Append a token that was chosen; None if it is the end."""
        self._record(token, logits, allowed)
        self._ids.append(token)
        self._left -= 1
        if token == self._end:
            self.finish_reason = "end"
            return None
        if self._constraint:
            self._constraint.advance(token)
        return token

    def _record(self, token: int, logits: NDArray[Any], allowed: NDArray[np.bool_] | None) -> None:
        if self._trace:
            prompt = len(self.prompt)
            self.stages.append(explain(logits, self._sampling, self._ids, prompt, allowed))
        if self._logprobs is not None:
            score = score_of(token, logits, self._logprobs)
            self.scores.append(score)
            self.total_logprob += score.logprob
            self.chosen += 1

    def _make_room(self) -> None:
        if self._overflow == "stop":
            self.finish_reason = "context"
            return
        self.sequence, self._seen = None, 0
        self.slid += 1

    def _window(self) -> list[int]:
        """The ids to read into an empty cache: all, or after sliding the last half window."""
        if not self.slid:
            return self._ids
        return self._ids[-max(1, self._block_size // 2) :]


def check_prompt(prompt: Sequence[int], block_size: int) -> None:
    """`ConfigError` for a prompt that is empty or does not fit into the context."""
    if not 1 <= len(prompt) <= block_size:
        raise ConfigError(
            f"the prompt has {len(prompt)} tokens, and the model's context holds 1 to "
            f"{block_size}; generate; change the prompt or pass --truncate left"
        )


def score_of(token: int, logits: NDArray[Any], most: int) -> TokenScore:
    """A token's log-probability under logits (V,), and those of the `most` likeliest."""
    logs = log_probabilities(logits[None])[0]
    most = min(most, len(logs))
    order = np.argpartition(-logs, most - 1)[:most] if most else np.empty(0, np.int64)
    order = order[np.lexsort((order, -logs[order]))]
    return TokenScore(token, float(logs[token]), tuple((int(i), float(logs[i])) for i in order))


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
