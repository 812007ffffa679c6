"""What an encoder-decoder writes for a source, and how often it writes the right thing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from weft.data import Marks, PairTokens, encode_pairs, marks_of, pad, split_pairs
from weft.errors import ConfigError, DataError
from weft.inference.decoder import Decoder
from weft.inference.evaluation import Nats
from weft.inference.tokens import Continuation, compute, forward
from weft.models import SourceState
from weft.sampling import greedy_rows

if TYPE_CHECKING:
    from weft.inference.generation import LoadedModel

ROWS = 256  # pairs that are scored together


class SourceDecoder(Decoder):
    """A decoder whose sequences all begin with one source, which is encoded once."""

    def __init__(
        self, model: Any, source: Sequence[int], dtype: Any = None, cache: Any = None
    ) -> None:
        super().__init__(model, dtype, cache)
        self.source = np.array([source], np.int64)
        self._encoded: SourceState | None = None

    def start(self, length: int | None = None, dtype: Any = None) -> Any:
        """A sequence that has seen the source and read nothing, with room for `length` tokens."""
        with compute(self.dtype):
            fresh: SourceState = (
                self.model.encode(self.source, None, length, dtype or self.cache)
                if self._encoded is None
                else self.model.begin(self._encoded, length, dtype or self.cache)
            )
        self._encoded = self._encoded or fresh
        return fresh


class Target(Continuation):
    """A continuation of the beginning of a target; others of that beginning have other sources."""


def source_of(ids: Sequence[int], marks: Marks) -> list[int]:
    """A prompt as a source: one line, whose end may be there. Raises `ConfigError` for others."""
    source = list(ids[:-1]) if ids and ids[-1] == marks.end else list(ids)
    if not source or marks.begin in source or marks.end in source:
        raise ConfigError(
            "the prompt is not one line of text; generate; give a source, without tab or line end"
        )
    return source


@dataclass(frozen=True)
class PairScore(Nats):
    """Sums over pairs: the losses of their targets' tokens, and how many came out right."""

    pairs: int
    right: int
    """Targets that greedy decoding writes to the last token."""

    @property
    def exact(self) -> float:
        """Share of the pairs that came out right, in [0, 1]."""
        return self.right / self.pairs


def evaluate_pairs(
    loaded: LoadedModel,
    chunks: Iterable[str],
    name: str = "pairs",
    progress: Callable[[int, int], object] | None = None,
) -> PairScore:
    """Score lines `source<TAB>target`, a text in pieces of any size, by greedy decoding.

    `progress` is called with the pairs done and the pairs in all. Raises `DataError` for lines that
    are no pairs or longer than the model's context, `name` in it.
    """
    marks, T = marks_of(loaded.tokenizer), loaded.config.block_size
    lines = list(encode_pairs(split_pairs(chunks, name), loaded.tokenizer, marks))
    pairs = PairTokens(np.concatenate(lines) if lines else np.zeros(0, np.uint32), marks, name)
    if pairs.longest > T:
        raise DataError(
            f"the longest pair has {pairs.longest} tokens, and the model's context is {T}; {name}; "
            "shorten it"
        )
    nats, tokens, right = 0.0, 0, 0
    for done, part in _batches(pairs):
        batch = pad(part, marks)
        loss, written = _read(loaded, batch, marks)
        nats, tokens = nats + loss, tokens + batch.counted
        right += sum(ids == target.tolist() for ids, (_, target) in zip(written, part, strict=True))
        if progress is not None:
            progress(done, len(pairs))
    return PairScore(nats, tokens, len(pairs), right)


def _batches(pairs: PairTokens) -> Iterator[tuple[int, list[Any]]]:
    """The pairs in batches of about one length, each with how many are done after it."""
    order = np.argsort(pairs.source_lengths, kind="stable")
    for first in range(0, len(order), ROWS):
        part = order[first : first + ROWS]
        yield first + len(part), [pairs[i] for i in part]


def _read(loaded: LoadedModel, batch: Any, marks: Marks) -> tuple[float, list[list[int]]]:
    """The sum of the losses of a batch's targets, and what greedy decoding writes."""
    model, source = loaded.model, (batch.source, batch.lengths)
    with compute(loaded.dtype):
        nats = float(model.loss(batch.tokens, batch.targets, 1, source).item())
        state = model.encode(*source)

    def read(tokens: NDArray[np.int64]) -> NDArray[Any]:
        return forward(model, tokens, state, loaded.dtype)[:, -1]

    rows, longest = batch.tokens.shape
    return nats, greedy_rows(read, *marks, rows, longest)
