"""Contrastive search: a likely token that is not like what was there (Su et al. 2022).

Of the k likeliest tokens v the one with the largest (1 - α) p(v) - α s(v) is taken, where s(v) is
the largest cosine between the last hidden state of v and those of the text so far
(arXiv:2202.06417, equation 5). Every candidate is read by the model and taken back, so this goes
through the definition of the model, the only one that gives hidden states.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.autograd import Tensor
from weft.inference.decoder import Decoder
from weft.inference.tokens import Constraint, FinishReason, Tokens, check_prompt, compute
from weft.nn import functional as F
from weft.sampling import Sampling, probabilities

CANDIDATES = 4  # unless top_k says otherwise


class ContrastiveSearch(Tokens):
    """The ids that contrastive search chooses; nothing is drawn. Ends at the context's end.

    `sampling` gives the number of candidates (top_k, 4 by default), penalties, bias and bans.
    """

    def __init__(
        self,
        model: Any,
        prompt: Sequence[int],
        *,
        block_size: int,
        max_tokens: int,
        sampling: Sampling,
        alpha: float,
        dtype: Any = None,
        end: int | None = None,
        constraint: Constraint | None = None,
    ) -> None:
        super().__init__()
        check_prompt(prompt, block_size)
        self._model, self._dtype, self._alpha = model, dtype, alpha
        self._candidates = CANDIDATES if sampling.top_k is None else sampling.top_k
        self._sampling = replace(sampling, temperature=0.0)  # without what shapes a draw
        self._end, self._constraint = end, constraint
        self._ids, self._prompt_length = list(prompt), len(prompt)
        self._left, self._block_size = max_tokens, block_size
        self._sequence = Decoder(model, dtype).start(block_size)
        self._states = np.empty((0, model.config.n_embd))  # of all ids read, each of length 1
        self._logits = np.empty(0, np.float32)  # after them, (V,)

    def __next__(self) -> int:
        if not len(self._states):
            self._read(self._ids)
        self.finish_reason = self.finish_reason or self._why_over()
        if self.finish_reason is not None:
            raise StopIteration
        token = self._choose()
        self._left -= 1
        self._ids.append(token)
        if token == self._end:
            self.finish_reason = "end"
            raise StopIteration
        if self._constraint:
            self._constraint.advance(token)
        if self._left and self._sequence.position < self._block_size:
            self._read([token])
        return token

    def _why_over(self) -> FinishReason | None:
        if self._left <= 0:
            return "length"
        if self._constraint and self._constraint.finished:
            return "end"
        return "context" if self._sequence.position == self._block_size else None

    def _choose(self) -> int:
        allowed = self._constraint.allowed() if self._constraint else None
        logits = self._logits[None]
        logits = self._sampling.filter(logits, self._ids, self._prompt_length, allowed)
        probs = probabilities(logits)[0]
        candidates = np.argsort(-probs, kind="stable")[: self._candidates]
        candidates = candidates[probs[candidates] > 0]
        likeness = [float((self._states @ self._state_of(int(v))).max()) for v in candidates]
        scores = (1 - self._alpha) * probs[candidates] - self._alpha * np.array(likeness)
        return int(candidates[scores.argmax()])

    def _state_of(self, token: int) -> NDArray[np.float64]:
        """The hidden state that a candidate would have, (C,); it is taken back."""
        hidden = self._hidden([token])
        self._sequence.position -= 1
        return np.asarray(directions(hidden)[0])

    def _read(self, tokens: Sequence[int]) -> None:
        hidden = self._hidden(tokens)
        with compute(self._dtype):
            logits = F.linear(Tensor(hidden[-1:]), self._model.output_weight()).array[0]
        self._logits = logits.astype(np.float32)
        self._states = np.concatenate([self._states, directions(hidden)])

    def _hidden(self, tokens: Sequence[int]) -> NDArray[Any]:
        """The hidden states of tokens that are appended to the sequence, (T, C)."""
        with compute(self._dtype):
            return np.asarray(self._model.hidden(np.array([tokens]), self._sequence).array[0])


def directions(hidden: NDArray[Any]) -> NDArray[np.float64]:
    """Each row divided by its length, (T, C); products of such rows are cosines."""
    rows = hidden.astype(np.float64)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-30))
