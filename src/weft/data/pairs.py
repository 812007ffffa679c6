"""Pairs of texts, a source and its target: lines `source<TAB>target` as tokens, and their batches.

The tab is also the token that a decoder begins with, the end of the line the one that it stops at:
a tokenizer needs no special tokens for pairs, and a file of them stays a text like any other. Each
half is encoded on its own, so that no token spans a tab or the end of a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from weft.data.batches import window_starts
from weft.data.corpus import Corpus
from weft.errors import ConfigError, DataError

BEGIN, END = "\t", "\n"
POOL = 8  # steps whose pairs are drawn together
IGNORED = -100  # a target that does not count
Pair = tuple[Sequence[int], Sequence[int]]


class PairBatch(NamedTuple):
    """B pairs, padded on the right: what an encoder and a decoder read, and what comes next.

    Tokens of shorter rows are filled up with 0, targets with -100. `tokens` are the target moved
    back by one behind the beginning (teacher forcing); `targets` end with the end.
    """

    source: NDArray[np.int64]  # (B, S)
    lengths: NDArray[np.int64]  # (B,), tokens of each source, at least 1
    tokens: NDArray[np.int64]  # (B, T)
    targets: NDArray[np.int64]  # (B, T)

    @property
    def counted(self) -> int:
        """Targets that count."""
        return int((self.targets != IGNORED).sum())


class PairTokenizer(Protocol):
    """What pairs need of a tokenizer."""

    def encode(self, text: str) -> Any: ...


class Marks(NamedTuple):
    """The tokens that a target begins behind and ends with."""

    begin: int
    end: int


def marks_of(tokenizer: PairTokenizer) -> Marks:
    """The tokens of tab and line end. ConfigError where a tokenizer has none for them alone."""
    ids = []
    for name, text in (("a tab", BEGIN), ("a line end", END)):
        try:
            encoded = list(tokenizer.encode(text))
        except DataError:
            encoded = []
        if len(encoded) != 1:
            raise ConfigError(
                f"the tokenizer has no single token for {name}; pairs; "
                "choose another, or train one on lines source<TAB>target"
            )
        ids.append(int(encoded[0]))
    return Marks(*ids)


def split_pairs(chunks: Iterable[str], name: str = "pairs") -> Iterator[tuple[str, str]]:
    """(source, target) of each line of a text that comes in pieces.

    Raises DataError, with `name` and the line, unless a line has one tab and a source before it.
    """
    rest, number = "", 0
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(END)
        for line in lines:
            number += 1
            yield _split(line, number, name)
    if rest:
        yield _split(rest, number + 1, name)


def _split(line: str, number: int, name: str) -> tuple[str, str]:
    tabs = line.count(BEGIN)
    if tabs != 1 or line.startswith(BEGIN):
        what = "an empty source" if tabs == 1 else f"{tabs or 'no'} tabs"
        raise DataError(f"line {number} has {what}; {name}; write source<TAB>target")
    source, _, target = line.partition(BEGIN)
    return source, target


def encode_pairs(
    pairs: Iterable[tuple[str, str]], tokenizer: PairTokenizer, marks: Marks
) -> Iterator[NDArray[np.uint32]]:
    """The tokens of each pair, as `PairTokens` has them: source, begin, target, end."""
    for source, target in pairs:
        halves = tokenizer.encode(source), tokenizer.encode(target)
        yield np.array([*halves[0], marks.begin, *halves[1], marks.end], np.uint32)


class PairEncoder:
    """A tokenizer as `prepare` takes one, for a text of pairs."""

    def __init__(self, tokenizer: Any, name: str = "pairs") -> None:
        self.tokenizer, self.name = tokenizer, name
        self.marks = marks_of(tokenizer)
        self.vocab_size, self.hash = tokenizer.vocab_size, tokenizer.hash

    def encode_stream(self, chunks: Iterable[str]) -> Iterator[NDArray[np.uint32]]:
        """The tokens of a text in pieces; errors as in `split_pairs`."""
        return encode_pairs(split_pairs(chunks, self.name), self.tokenizer, self.marks)


def line_boundary(corpus: Corpus, position: int) -> int:
    """The first start of a line at or after byte `position`."""
    if position <= 0:
        return 0
    place = corpus.boundary(position - 1)
    for text in corpus.chunks(place):
        head, end, _ = text.partition(END)
        place += len(head.encode()) + len(end)
        if end:
            break
    return place


def pad(pairs: Sequence[Pair], marks: Marks) -> PairBatch:
    """The batch of some pairs of ids (B of them, in their order)."""
    sources, targets = [list(source) for source, _ in pairs], [list(target) for _, target in pairs]
    inputs = [[marks.begin, *target] for target in targets]
    outputs = [[*target, marks.end] for target in targets]
    lengths = np.array([len(source) for source in sources], np.int64)
    return PairBatch(_filled(sources, 0), lengths, _filled(inputs, 0), _filled(outputs, IGNORED))


def _filled(rows: Sequence[Sequence[int]], filler: int) -> NDArray[np.int64]:
    """(B, length of the longest)."""
    table = np.full((len(rows), max(len(row) for row in rows)), filler, np.int64)
    for i, row in enumerate(rows):
        table[i, : len(row)] = row
    return table


def pair_numbers(
    lengths: NDArray[np.int64], step: int, seed: int, batch_size: int
) -> NDArray[np.int64]:
    """Which pairs a step reads, (batch_size,), given the `lengths` of all sources (N,).

    A function of (seed, step): the pairs of POOL steps are drawn together, with replacement, and
    each step reads some of about the same length, so that there is little padding ("Attention Is
    All You Need", section 5.1); which of them comes first is drawn too.
    """
    pool, place = divmod(step, POOL)
    drawn = window_starts(len(lengths), pool, seed, (batch_size + 1) * POOL, 0)
    numbers, keys = drawn[: batch_size * POOL], drawn[batch_size * POOL :]
    by_length = numbers[np.argsort(lengths[numbers], kind="stable")].reshape(POOL, batch_size)
    picked: NDArray[np.int64] = by_length[np.argsort(keys, kind="stable")[place]]
    return picked


class PairTokens(Sequence[Pair]):
    """Pairs in one array of tokens (N,): source, begin, target, end, source, begin, ...

    Nothing is copied: `tokens` may be mapped from a shard of any size. The last end may be missing.
    Raises DataError, with `name`, where the array is not of this form.
    """

    def __init__(self, tokens: NDArray[Any], marks: Marks, name: str = "pairs") -> None:
        self.tokens = tokens
        begins, ends = (np.flatnonzero(tokens == mark) for mark in marks)
        if len(tokens) and tokens[-1] != marks.end:
            ends = np.append(ends, len(tokens))
        starts = np.append(0, ends[:-1] + 1) if len(ends) else ends
        self._check(starts, begins, ends, name)
        self._starts, self._begins, self._ends = starts, begins, ends

    @staticmethod
    def _check(
        starts: NDArray[np.int64], begins: NDArray[np.int64], ends: NDArray[np.int64], name: str
    ) -> None:
        if not len(ends):
            raise DataError(f"no pairs; {name}; give lines source<TAB>target")
        within = np.searchsorted(begins, ends) - np.searchsorted(begins, starts)  # tabs in a line
        if (within != 1).any():
            line = int((within != 1).argmax())
            raise DataError(
                f"line {line + 1} has {within[line] or 'no'} tabs; {name}; write source<TAB>target"
            )
        if (begins == starts).any():
            line = int((begins == starts).argmax())
            raise DataError(f"line {line + 1} has an empty source; {name}; write source<TAB>target")

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: Any) -> Any:
        """The ids of the source and of the target of pair `index`."""
        first, begin, end = self._starts[index], self._begins[index], self._ends[index]
        return self.tokens[first:begin], self.tokens[begin + 1 : end]

    @property
    def source_lengths(self) -> NDArray[np.int64]:
        """Tokens of each source."""
        lengths: NDArray[np.int64] = self._begins - self._starts
        return lengths

    @property
    def longest(self) -> int:
        """Tokens of the longest source, or of the longest target with its mark."""
        return int(max(self.source_lengths.max(), (self._ends - self._begins).max()))

    @property
    def mean_targets(self) -> float:
        """Tokens of a target with its mark, on average."""
        return float((self._ends - self._begins).mean())
