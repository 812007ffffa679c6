"""Loss, perplexity and bits per byte of a model on a text that may be larger than memory.

The default reads the text once in windows of the context's length that do not overlap, as nanoGPT's
loss does, so the first tokens of a window are predicted from little. A model whose state has no end
(an LSTM, an n-gram) reads the text as one piece instead. A `stride` smaller than the
window gives every token at least window - stride tokens of context, for window/stride the work; it
is the sliding window of transformers' page on perplexity, whose windows of n ids predict n - 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.data import Corpus, encode_documents, end_of_text
from weft.errors import ConfigError, DataError
from weft.inference.tokens import forward
from weft.kernels import active
from weft.models import NGram

IGNORED = -100
STRETCH = 2048  # tokens of a text that is read as one piece, at a time
TOKENS_PER_BATCH = 8192  # enough rows for the matrix kernels; the logits are (8192, V)


@dataclass(frozen=True)
class Nats:
    """The sum of the losses of tokens that were predicted."""

    nats: float
    tokens: int

    @property
    def loss(self) -> float:
        """Mean negative log-likelihood in nats per token."""
        return self.nats / self.tokens

    @property
    def perplexity(self) -> float:
        """exp(loss); infinite where that overflows."""
        return math.exp(self.loss) if self.loss < 700 else math.inf


@dataclass(frozen=True)
class Score(Nats):
    """Sums over the predicted tokens; all of the text but its first token."""

    bytes: int

    @property
    def bits_per_byte(self) -> float:
        """What a compressor with this model would need; comparable between tokenizers."""
        return self.nats / math.log(2) / max(1, self.bytes)


def evaluate_text(loaded: Any, chunks: Iterable[str], stride: int | None = None) -> Score:
    """Score a text given in pieces of any size. Errors: `DataError` for fewer than two tokens."""
    return evaluate_arrays(loaded, loaded.tokenizer.encode_stream(chunks), stride)


def evaluate_corpus(
    loaded: Any,
    corpus: Corpus,
    stride: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> Score:
    """Score documents as training reads them: each ends in the end of text, if there is one.

    `progress` is called with the bytes read. Errors: as in `evaluate_text`.
    """
    end = end_of_text(corpus, loaded.tokenizer)
    passages = corpus.documents(progress=progress)
    return evaluate_arrays(loaded, encode_documents(passages, loaded.tokenizer, end), stride)


def evaluate_arrays(
    loaded: Any, arrays: Iterable[NDArray[Any]], stride: int | None = None
) -> Score:
    """Score ids that come in arrays of any length."""
    T, V = loaded.config.block_size, loaded.config.vocab_size
    endless = loaded.config.context > T
    if endless and stride is not None:
        raise ConfigError(
            f"a model {loaded.config.model} reads the text as one piece; eval; leave --stride out"
        )
    T = STRETCH if endless else T
    stride = T if stride is None else stride
    if not 1 <= stride <= T:
        raise ConfigError(f"stride = {stride}; eval; give 1 to the context's length, {T}")
    lengths = byte_lengths(loaded.tokenizer)
    nats, tokens, size = 0.0, 0, 0
    batch = max(1, min(TOKENS_PER_BATCH // T, 2**26 // (T * V)))
    batch, state = (1, loaded.model.start(1)) if endless else (batch, None)
    loaded.model.eval()
    for x, y in _batches(_windows(arrays, T, stride), batch):
        nats += _nats(loaded, x, y, state)
        scored = y[y != IGNORED]
        tokens += len(scored)
        size += int(lengths[scored].sum())
    if not tokens:
        raise DataError("the text has fewer than two tokens; eval; give a longer one")
    return Score(nats, tokens, size)


def byte_lengths(tokenizer: Any) -> NDArray[np.int64]:
    """Bytes of UTF-8 text that each id stands for, (V,); the end of text stands for none."""
    lengths = np.array([len(tokenizer.token_bytes(i)) for i in range(tokenizer.vocab_size)])
    end = getattr(tokenizer, "end_of_text", None)
    if end is not None:
        lengths[end] = 0
    return lengths


def _nats(loaded: Any, x: NDArray[np.int64], y: NDArray[np.int64], state: Any) -> float:
    if isinstance(loaded.model, NGram):  # knows one token's probability without all the others'
        return -float(loaded.model.log_probabilities(x, y, state).sum())
    return _loss_sum(forward(loaded.model, x, state, loaded.dtype), y)


def _loss_sum(logits: NDArray[Any], targets: NDArray[np.int64]) -> float:
    rows = np.ascontiguousarray(logits).reshape(-1, logits.shape[-1])
    losses, _ = active.cross_entropy_forward(rows, targets.reshape(-1), IGNORED)
    return float(losses.sum(dtype=np.float64))


def _windows(
    arrays: Iterable[NDArray[Any]], T: int, stride: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(x, y) of length T, the last one shorter; targets scored before are `IGNORED`."""
    buffer = np.empty(0, np.int64)
    fresh = 0  # first target of the window that no window has scored yet
    for array in arrays:
        buffer = np.concatenate([buffer, np.asarray(array, np.int64)])
        at = 0
        while len(buffer) - at > T:
            yield _window(buffer[at : at + T + 1], fresh)
            at, fresh = at + stride, T - stride
        buffer = buffer[at:]
    if len(buffer) - 1 > fresh:
        yield _window(buffer, fresh)


def _window(ids: NDArray[np.int64], fresh: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    y = ids[1:].copy()
    y[:fresh] = IGNORED
    return ids[:-1], y


def _batches(
    windows: Iterable[tuple[NDArray[np.int64], NDArray[np.int64]]], size: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Windows of one length stacked, (B, T); a shorter one comes by itself."""
    group: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    for window in windows:
        if group and (len(group) == size or len(window[0]) != len(group[0][0])):
            yield _stack(group)
            group = []
        group.append(window)
    if group:
        yield _stack(group)


def _stack(group: list[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return np.stack([x for x, _ in group]), np.stack([y for _, y in group])
