"""`Generation`: the ids of one text become pieces of it, up to a stop text.

A piece is whole characters: the bytes of an unfinished one are held back, and so is what may turn
out to be the start of a stop text. Not here: where the ids come from (`tokens.py` and others).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from weft.inference.stopping import StopFilter
from weft.inference.tokens import FinishReason, Tokens, TokenScore
from weft.sampling import Stage


class Generation(Iterator[str]):
    """Pieces of generated text; iterate to compute them.

    `ids` are those so far, and `tokens` their number; `finish_reason` is None until the end.
    `truncated` is the number of prompt tokens that were dropped. `seed` is that of this text.
    """

    def __init__(
        self,
        source: Tokens,
        tokenizer: Any,
        stops: StopFilter,
        prompt_tokens: int,
        truncated: int,
        seed: int = 0,
    ) -> None:
        self.source, self.seed = source, seed
        self.prompt_tokens, self.truncated = prompt_tokens, truncated
        self.ids: list[int] = []
        self.finish_reason: FinishReason | None = None
        self._stops = stops
        self._decoder = tokenizer.stream_decoder()

    @property
    def tokens(self) -> int:
        """How many ids there are so far."""
        return len(self.ids)

    @property
    def slid(self) -> int:
        """How often the window has moved on past the start of the text."""
        return self.source.slid

    @property
    def scores(self) -> list[TokenScore]:
        """Log-probabilities of the ids so far, if they were asked for."""
        return self.source.scores[: self.tokens]

    @property
    def stages(self) -> list[list[Stage]]:
        """What the filters did for each of the ids so far, if a trace was asked for."""
        return self.source.stages[: self.tokens]

    @property
    def mean_logprob(self) -> float:
        """Mean log-probability of the choices, that to end included; needs `logprobs`."""
        return self.source.total_logprob / max(1, self.source.chosen)

    def __next__(self) -> str:
        while self.finish_reason is None:
            piece = self.show(next(self.source, None))
            if piece:
                return piece
        raise StopIteration

    def show(self, token: int | None) -> str:
        """The text that can be shown after one more id; None, and there are no more."""
        if token is None:
            self.finish_reason = self.source.finish_reason
            piece = self._stops.push(self._decoder.flush())
            held = "" if self._stops.stopped else self._stops.flush()
            return piece + held
        self.ids.append(token)
        piece = self._stops.push(self._decoder.push(token))
        if self._stops.stopped:
            self.finish_reason = "stop"
        return piece
