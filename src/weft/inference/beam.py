"""Beam search: the likeliest text as a whole, looked for among the likeliest starts.

At every step the best continuations of all beams are taken, by the sum of their log-probabilities;
those that end are judged by that sum over length to the power of the length penalty. When to stop
is defined as in the transformers library:

- "no" (its False): once the best beam, at its length so far, is no better than the worst of as many
  texts that have ended as there are beams;
- "yes" (its True): once as many texts have ended as there are beams;
- "never": once the best beam could not become better even at the greatest length. The guess "no"
  makes about a positive length penalty is not made.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from weft.inference.options import EarlyStopping
from weft.inference.tokens import Constraint, FinishReason, Tokens, check_prompt
from weft.sampling import Sampling, log_probabilities

if TYPE_CHECKING:
    from weft.inference.decoder import Decoder
    from weft.models import KeyValueCache


class Beam(NamedTuple):
    """A text that goes on: `total` is the sum of its ids' log-probabilities."""

    total: float
    ids: tuple[int, ...]
    sequence: KeyValueCache
    constraint: Constraint | None


class Ended(NamedTuple):
    """A text that has ended, with its score: the sum over length ** length penalty."""

    score: float
    ids: tuple[int, ...]
    reason: FinishReason


class BeamSearch(Tokens):
    """The ids of the best text; `ended` has the best ones, best first, once they are computed.

    Settings that only shape a draw (temperature, top-k, ...) do not count; penalties, bias, banned
    words and the constraint change log-probabilities, which are not normalised again. The text ends
    at the end of the context.
    """

    def __init__(
        self,
        decoder: Decoder,
        prompt: Sequence[int],
        *,
        block_size: int,
        max_tokens: int,
        sampling: Sampling,
        beams: int,
        length_penalty: float = 1.0,
        early_stopping: EarlyStopping = "no",
        end: int | None = None,
        constraint: Constraint | None = None,
    ) -> None:
        super().__init__()
        check_prompt(prompt, block_size)
        self.ended: list[Ended] = []
        self._decoder, self._prompt, self._constraint = decoder, list(prompt), constraint
        self._sampling = replace(sampling, temperature=0.0)  # without what shapes a draw
        room = block_size - len(prompt) + 1  # the last id is not read
        self._longest = min(max_tokens, room)
        self._last: FinishReason = "length" if max_tokens <= room else "context"
        self._beams, self._penalty, self._stopping = beams, length_penalty, early_stopping
        self._end = end
        self._ids: Iterator[int] | None = None

    def __next__(self) -> int:
        if self._ids is None:
            self._search()
            self._ids = iter(self.ended[0].ids)
        token = next(self._ids, None)
        if token is None:
            self.finish_reason = self.ended[0].reason
            raise StopIteration
        return token

    def _search(self) -> None:
        if self._constraint and self._constraint.finished:
            self.ended = [Ended(0.0, (), "end")]
            return
        length = len(self._prompt) + self._longest - 1
        beams = [Beam(0.0, (), self._decoder.start(length), self._constraint)]
        new = [self._prompt]
        for n in range(1, self._longest + 1):
            logits = self._decoder.read([beam.sequence for beam in beams], new)
            candidates = self._candidates(beams, logits)
            going = self._sort_out(candidates, beams, n)
            if not going or not self._hopeful(going[0][0], n):
                break
            beams = self._branch(beams, going)
            new = [[beam.ids[-1]] for beam in beams]

    def _candidates(
        self, beams: Sequence[Beam], logits: NDArray[Any]
    ) -> list[tuple[float, int, int]]:
        """The best (sum, beam, id), best first: twice as many as beams, should half of them end."""
        totals = np.stack([self._totals(*each) for each in zip(beams, logits, strict=True)])
        flat, V = totals.ravel(), totals.shape[1]
        most = min(2 * self._beams, len(flat))
        best = np.argpartition(-flat, most - 1)[:most]
        best = best[np.lexsort((best, -flat[best]))]
        return [(float(flat[i]), int(i) // V, int(i) % V) for i in best if flat[i] > -math.inf]

    def _totals(self, beam: Beam, logits: NDArray[Any]) -> NDArray[np.float64]:
        """The sum for each id that may follow, (V,) -> (V,)."""
        ids = [*self._prompt, *beam.ids]
        allowed = beam.constraint.allowed() if beam.constraint else None
        logs = log_probabilities(logits[None])
        logs = self._sampling.filter(logs, ids, len(self._prompt), allowed)
        return np.asarray(beam.total + logs[0])

    def _sort_out(
        self, candidates: list[tuple[float, int, int]], beams: Sequence[Beam], n: int
    ) -> list[tuple[float, int, int]]:
        """Put aside the texts of n ids that end; the candidates that go on."""
        going = []
        for rank, (total, i, token) in enumerate(candidates):
            reason = self._why_ended(beams[i], token, n)
            if reason is None:
                going.append((total, i, token))
            elif rank < self._beams:
                ids = beams[i].ids if token == self._end else (*beams[i].ids, token)
                self.ended.append(Ended(total / n**self._penalty, ids, reason))
        self.ended = sorted(self.ended, key=lambda text: -text.score)[: self._beams]
        return going[: self._beams]

    def _why_ended(self, beam: Beam, token: int, n: int) -> FinishReason | None:
        if token == self._end:
            return "end"
        if beam.constraint:
            after = beam.constraint.copy()
            after.advance(token)
            if after.finished:
                return "end"
        return self._last if n == self._longest else None

    def _hopeful(self, total: float, n: int) -> bool:
        """Whether the best beam may still become one of the best texts."""
        if len(self.ended) < self._beams:
            return True
        if self._stopping == "yes":
            return False
        length = self._longest if self._stopping == "never" and self._penalty > 0 else n
        return bool(total / length**self._penalty > self.ended[-1].score)

    def _branch(self, beams: Sequence[Beam], going: Sequence[tuple[float, int, int]]) -> list[Beam]:
        """The beams of the next step; the last one that follows a sequence needs no copy of it."""
        last = {i: n for n, (_, i, _) in enumerate(going)}
        branches = []
        for n, (total, i, token) in enumerate(going):
            beam = beams[i]
            sequence = beam.sequence if last[i] == n else beam.sequence.copy()
            constraint = beam.constraint.copy() if beam.constraint else None
            if constraint:
                constraint.advance(token)
            branches.append(Beam(total, (*beam.ids, token), sequence, constraint))
        return branches
