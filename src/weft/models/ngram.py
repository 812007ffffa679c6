"""The n-gram model: the next token's probability from how often it followed the n - 1 before it.

    config = NGramConfig(vocab_size=tokenizer.vocab_size, order=5)
    model = NGram.count(ids, config)        # ids: an array, or many, one after the other
    model.continuations(ids[:4])            # what followed these four, and how often
    model(ids[None])                        # log-probabilities (1, T, V)

It has counts instead of weights: a tree of all n-grams (ngram_trie.py), made in one pass over the
text (ngram_counts.py). The counts become probabilities (ngram_estimators.py) when they are first
asked for. Read those three in this order; here is what makes them a model like the others.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft import nn
from weft.autograd import Tensor
from weft.config import NGramConfig
from weft.models import ngram_estimators
from weft.models.ngram_counts import MEMORY, Counter
from weft.models.ngram_estimators import Estimate
from weft.models.ngram_trie import ABSENT, Integers, Trie, build_trie, from_arrays, to_arrays
from weft.nn.state import IncompatibleKeys
from weft.random import Generator

IGNORED = -100  # a target that does not count


class NGramState:
    """The last n - 1 tokens of each row, `context` (B, up to n - 1); never full."""

    full = False

    def __init__(self, batch: int) -> None:
        self.context: Integers = np.empty((batch, 0), np.int64)
        self.position = 0
        """Tokens read so far."""

    @property
    def nbytes(self) -> int:
        return self.context.nbytes

    def copy(self) -> NGramState:
        """A branch: the same tokens, and from here on independent."""
        branch = NGramState(len(self.context))
        branch.context, branch.position = self.context, self.position  # never changed in place
        return branch


class NGram(nn.Module):
    """`model(tokens, state=None)` -> log-probabilities: (B, T) integers -> (B, T, V).

    The first tokens of a row, or of a state, are predicted from as many as there are before them.
    """

    def __init__(self, config: NGramConfig, generator: Generator | None = None) -> None:
        """A model that has seen nothing and finds all tokens equally likely; see `count`."""
        super().__init__()
        self.config = config
        n = config.order
        nothing = [np.empty(0, np.uint8) for _ in range(n)]
        first = [np.zeros(2 if k == 0 else 1, np.int64) for k in range(n)]
        self._take(Trie(nothing, first, np.empty(0, np.int64), np.empty(0, np.int64)))

    @classmethod
    def count(
        cls,
        tokens: NDArray[Any] | Iterable[NDArray[Any]],
        config: NGramConfig,
        *,
        memory: int = MEMORY,
        folder: str | Path | None = None,
    ) -> NGram:
        """The model of one stream of tokens: an array (N,), or an iterable of them in order.

        The stream may be larger than memory: `memory` and `folder` are those of
        `ngram_counts.Counter`. Raises ValueError for a token outside the vocabulary.
        """
        arrays = [tokens] if isinstance(tokens, np.ndarray) else tokens
        model = cls(config)
        with Counter(config.vocab_size, config.order, memory, folder) as counter:
            for array in arrays:
                counter.add(array)
            model._take(build_trie(counter.runs(), counter))
        return model

    def _take(self, trie: Trie) -> None:
        self.trie = trie
        self._estimate: Estimate | None = None
        for name, array in to_arrays(trie).items():
            self.register_buffer(name, Tensor(array))

    @property
    def sizes(self) -> list[int]:
        """How many different 1-grams, 2-grams, ... n-grams the text has."""
        return self.trie.sizes

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays that a checkpoint holds."""
        return sum(buffer.array.nbytes for buffer in self.buffers())

    @property
    def estimate(self) -> Estimate:
        """The probabilities, computed once."""
        if self._estimate is None:
            self._estimate = self._estimated()
        return self._estimate

    def _estimated(self) -> Estimate:
        c, trie = self.config, self.trie
        if c.smoothing == "kneser-ney":
            return ngram_estimators.kneser_ney(trie, c.vocab_size, c.discount)
        if c.smoothing == "backoff":
            return ngram_estimators.backoff(trie, c.vocab_size, c.discount)
        if c.smoothing == "add-k":
            return ngram_estimators.add_k(trie, c.vocab_size, c.add_k)
        return ngram_estimators.maximum_likelihood(trie, c.unseen == "shorter")

    # ----- counts

    def continuations(self, context: Any) -> tuple[Integers, Integers]:
        """The tokens (M,) that followed the last n - 1 (or fewer) of `context`, and how often."""
        context = np.asarray(context, np.int64)[None]
        level = min(self.config.order - 1, context.shape[1])
        node = 0
        if level:
            self._check(context)
            node = int(self.trie.walk(context[:, -level:])[level][0, -1])
        if node == ABSENT:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        children = slice(*self.trie.first[level][node : node + 2])
        tokens = self.trie.tokens[level][children].astype(np.int64)
        return tokens, self.trie.all_counts[level][children]

    # ----- probabilities

    def start(self, batch: int, length: int | None = None, dtype: Any = None) -> NGramState:
        """An empty state for `batch` sequences, of any length."""
        return NGramState(batch)

    def forward(self, tokens: Any, state: NGramState | None = None) -> Tensor:
        """Log-probabilities of the token after each of `tokens`, which follow those of `state`.

        -inf is a token that is impossible. Raises IndexError for a token outside the vocabulary,
        ValueError for another number of rows than the state has.
        """
        contexts, unseen = self._contexts(tokens, state)
        V = self.config.vocab_size
        rows = ngram_estimators.distributions(self.trie, self.estimate, contexts, V)
        if self._alone:
            rows[unseen] = self._unseen_probability
        with np.errstate(divide="ignore"):
            np.log(rows, out=rows)
        return Tensor(rows.reshape(*tokens.shape, V))

    def log_probabilities(
        self, tokens: Any, targets: Any, state: NGramState | None = None
    ) -> NDArray[np.float64]:
        """Those of one token each: (B, T) tokens and targets after them -> (B, T).

        As `forward`, without all other tokens' probabilities. A target of -100 gives 0.
        """
        contexts, unseen = self._contexts(tokens, state)
        wanted = _array(targets).reshape(-1)
        counted = wanted != IGNORED
        wanted = np.where(counted, wanted, 0)
        self._check(wanted)
        V = self.config.vocab_size
        found = ngram_estimators.probabilities(self.trie, self.estimate, contexts, wanted, V)
        if self._alone:
            found[unseen] = self._unseen_probability
        with np.errstate(divide="ignore"):
            logs = np.log(found)
        return np.where(counted, logs, 0.0).reshape(_array(tokens).shape)

    def loss(
        self, tokens: Any, targets: Any, count: int | None = None, state: NGramState | None = None
    ) -> Tensor:
        """The sum of -log P of all targets, divided by `count` of them (by default, all).

        (B, T) integers twice; a target of -100 does not count. There is no gradient.
        """
        nats = -self.log_probabilities(tokens, targets, state).sum()
        count = int((_array(targets) != IGNORED).sum()) if count is None else count
        return Tensor(np.asarray(nats / count if count else math.nan, np.float32))

    def _contexts(
        self, tokens: Any, state: NGramState | None
    ) -> tuple[list[Integers], NDArray[np.bool_]]:
        """The nodes of the last 0 ... n - 1 tokens at each place, (B T,) each; moves `state` on.

        And the places whose whole context was never seen.
        """
        tokens = _array(tokens)
        self._check(tokens)
        c, longest = self.config, self.config.order - 1
        whole = tokens
        if state is not None:
            if len(state.context) != len(tokens):
                raise ValueError(f"{len(tokens)} rows for a state of {len(state.context)}")
            whole = np.concatenate([state.context, tokens], 1)
            state.context = whole[:, max(0, whole.shape[1] - longest) :]
            state.position += tokens.shape[1]
        before = whole.shape[1] - tokens.shape[1]
        nodes = [level[:, before:] for level in self.trie.walk(whole)[: c.order]]
        unseen = np.zeros(tokens.shape, bool)
        places = np.arange(before + 1, whole.shape[1] + 1)  # tokens up to each
        for k, level in enumerate(nodes):
            unseen |= (level == ABSENT) & (places >= k)
        return [level.reshape(-1) for level in nodes], unseen.reshape(-1)

    @property
    def _alone(self) -> bool:
        """Whether a context that was never seen does without the shorter ones."""
        c = self.config
        return c.smoothing == "add-k" or (c.smoothing == "none" and c.unseen == "zero")

    @property
    def _unseen_probability(self) -> float:
        return 1.0 / self.config.vocab_size if self.config.smoothing == "add-k" else 0.0

    def _check(self, tokens: Integers) -> None:
        if tokens.dtype.kind not in "iu":
            raise TypeError(f"n-gram: tokens are {tokens.dtype}; cast them to int64")
        V = self.config.vocab_size
        if tokens.size and (tokens.min() < 0 or tokens.max() >= V):
            raise IndexError(f"n-gram: a token is out of range; the vocabulary has {V}")

    # ----- state

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True
    ) -> IncompatibleKeys:
        """Take the arrays of another model of this order. Raises RuntimeError if they are none."""
        arrays = {name: _array(value) for name, value in state_dict.items()}
        try:
            self._take(from_arrays(arrays, self.config.order, self.config.vocab_size))
        except ValueError as error:
            raise RuntimeError(f"Error(s) in loading state_dict for NGram:\n\t{error}") from error
        return IncompatibleKeys([], [])

    def extra_repr(self) -> str:
        sizes = ", ".join(f"{size:,}" for size in self.sizes)
        return f"order={self.config.order}, smoothing={self.config.smoothing}, n_grams=[{sizes}]"


def _array(value: Any) -> NDArray[Any]:
    return value.array if isinstance(value, Tensor) else np.asarray(value)
