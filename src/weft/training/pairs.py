"""Training on pairs of texts: what an encoder-decoder sees in a step, and how it is judged.

Stands beside the windows of a running text that the other families read; the loop is theirs.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.autograd import no_grad
from weft.data import Dataset, PairBatch, PairTokens, marks_of, pad, pair_numbers, window_starts
from weft.errors import DataError
from weft.models import EncoderDecoder
from weft.sampling import greedy_rows
from weft.training.evaluation import Evaluation
from weft.training.precision import computing_in
from weft.training.step import MicroBatch

SHOWN = 4  # pairs in a sample


class Pairs:
    """The two halves of a dataset as pairs, read with one model.

    Raises `DataError` for lines that are no pairs, or longer than the block size.
    """

    def __init__(
        self,
        model: EncoderDecoder,
        tokenizer: Any,
        dataset: Dataset,
        seed: int,
        sizes: tuple[int, int, int],
    ) -> None:
        self.model, self.tokenizer, self.seed = model, tokenizer, seed
        self.rows, self.accumulate, self.block_size = sizes
        self.marks = marks_of(tokenizer)
        self.train = PairTokens(dataset.train.tokens, self.marks, "the training pairs")
        self.val = PairTokens(dataset.val.tokens, self.marks, "the validation pairs")
        for name, pairs in (("training", self.train), ("validation", self.val)):
            if pairs.longest > self.block_size:
                raise DataError(
                    f"the longest of the {name} pairs has {pairs.longest} tokens, and the block "
                    f"size is {self.block_size}; train; shorten it, or give --block-size "
                    f"{pairs.longest}"
                )

    @functools.cached_property
    def _lengths(self) -> NDArray[np.int64]:
        return self.train.source_lengths

    @property
    def step_tokens(self) -> int:
        """Targets in one step, on average."""
        return round(self.rows * self.accumulate * self.train.mean_targets)

    @property
    def validation_tokens(self) -> int:
        """Targets of all validation pairs."""
        return round(len(self.val) * self.val.mean_targets)

    def batches(self, step: int) -> list[MicroBatch]:
        """The micro-batches of a step: pairs of about one length, by (seed, step) alone."""
        count = self.rows * self.accumulate
        drawn = [self.train[i] for i in pair_numbers(self._lengths, step, self.seed, count)]
        cuts = range(0, count, self.rows)
        batches = (pad(drawn[i : i + self.rows], self.marks) for i in cuts)
        return [(b.tokens, b.targets, (b.source, b.lengths)) for b in batches]

    def evaluate(
        self,
        max_batches: int | None = None,
        dtype: Any = None,
        check: Callable[[], object] | None = None,
    ) -> Evaluation:
        """Loss on the validation pairs, each once, or on `max_batches` spread evenly.

        `dtype` and `check` are as in `evaluation.evaluate`.
        """
        start, training = time.monotonic(), self.model.training
        total, count = 0.0, 0
        self.model.eval()
        try:
            for batch in self._validation(max_batches):
                if check is not None:
                    check()
                with no_grad(), computing_in(dtype):
                    source = batch.source, batch.lengths
                    loss = self.model.loss(batch.tokens, batch.targets, 1, source)
                total += float(loss.item())
                count += batch.counted
        finally:
            self.model.train(training)
        return Evaluation(total / count, count, time.monotonic() - start)

    def _validation(self, max_batches: int | None) -> Iterator[PairBatch]:
        starts = list(range(0, len(self.val), self.rows))
        if max_batches is not None and max_batches < len(starts):
            starts = [starts[i * len(starts) // max_batches] for i in range(max_batches)]
        for start in starts:
            end = min(start + self.rows, len(self.val))
            yield pad([self.val[i] for i in range(start, end)], self.marks)

    def sample(self, seed: int, longest: int, dtype: Any = None) -> str:
        """What the model makes of some validation pairs, at most `longest` tokens of each.

        A line is `source -> what the model writes`; where that is wrong, the target follows.
        """
        pairs = [self.val[i] for i in window_starts(len(self.val), 0, seed, SHOWN, 0)]
        texts = self._written(pairs, min(longest, self.block_size), dtype)
        lines = []
        for (source, target), text in zip(pairs, texts, strict=True):
            right = self._decode(target)
            note = "" if text == right else f"   (not {right})"
            lines.append(f"{self._decode(source)} -> {text}{note}")
        return "\n".join(lines)

    def _written(self, pairs: Sequence[Any], longest: int, dtype: Any) -> list[str]:
        """The likeliest targets of the pairs, token by token."""
        batch, training = pad(pairs, self.marks), self.model.training
        self.model.eval()
        with no_grad(), computing_in(dtype):
            state = self.model.encode(batch.source, batch.lengths)

            def read(tokens: NDArray[np.int64]) -> NDArray[Any]:
                return np.asarray(self.model(tokens, state).array[:, -1])

            ids = greedy_rows(read, *self.marks, len(pairs), longest)
        self.model.train(training)
        return [self._decode(row) for row in ids]

    def _decode(self, ids: Any) -> str:
        return str(self.tokenizer.decode([int(i) for i in ids]))
