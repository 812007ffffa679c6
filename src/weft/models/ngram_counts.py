"""How often each n-gram occurs in a stream of tokens of any length, in one pass and bounded memory.

A chunk of the stream becomes a sorted run: the packed n-grams of all its positions, equal ones
once, with their counts. Runs of like size are merged as they come; when they exceed the memory,
they go to disk, and all are merged at the end, a block of each at a time. Only n-grams of the full
length are counted: a shorter one occurs as often as those that begin with it. So that this holds at
the end of the stream too, it is followed by n - 1 blanks, which are smaller than every token.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

CHUNK = 1 << 21  # tokens that are sorted together
BLOCK = 1 << 20  # n-grams in one block of the result
MEMORY = 1 << 29  # bytes of runs kept in memory
FOLDER = "weft-ngrams-"  # begins the name of the folder of runs on disk
BLANK = 0  # a digit: token i is digit i + 1


class Run(NamedTuple):
    """Different n-grams in rising order, packed (M,), and how often each occurs, (M,) int64."""

    keys: NDArray[Any]
    counts: NDArray[np.int64]

    @property
    def nbytes(self) -> int:
        return self.keys.nbytes + self.counts.nbytes


class Packing:
    """n digits as one key, whose order is that of the digits from first to last.

    A number in base V + 1 where it fits into 64 bits (characters: up to order 10), because numbers
    are sorted fastest; otherwise the digits' bytes, the most significant first.
    """

    def __init__(self, vocab_size: int, order: int) -> None:
        self.base, self.order = vocab_size + 1, order
        self.fits = self.base**order <= 1 << 64
        self.digit_type = np.dtype(">u2" if vocab_size < 1 << 16 else ">u4")

    def pack(self, digits: NDArray[Any]) -> NDArray[Any]:
        """The key that begins at each place: (N + order - 1,) -> (N,)."""
        count = len(digits) - self.order + 1
        if not self.fits:
            stream = digits.astype(self.digit_type)
            windows = np.lib.stride_tricks.sliding_window_view(stream, self.order)
            rows = windows.copy()  # (N, order)
            return rows.view(f"S{rows.itemsize * self.order}")[:, 0]
        keys = digits[:count].astype(np.uint64)
        for i in range(1, self.order):
            keys *= np.uint64(self.base)
            keys += digits[i : i + count].astype(np.uint64)
        return keys

    def digits(self, keys: NDArray[Any]) -> list[NDArray[np.int64]]:
        """The digits of the keys, first to last: (N,) -> `order` arrays (N,)."""
        if not self.fits:
            rows = np.ascontiguousarray(keys).view(self.digit_type).reshape(-1, self.order)
            return [rows[:, i].astype(np.int64) for i in range(self.order)]
        found = []
        for _ in range(self.order):
            found.append((keys % np.uint64(self.base)).astype(np.int64))
            keys = keys // np.uint64(self.base)
        return found[::-1]


class Counter:
    """`add` tokens in their order, then `runs()` once; used as a context, it leaves no file behind.

    `memory` bounds the bytes of runs in memory; sorting and merging take as much again, and a few
    hundred bytes for each of 2^21 tokens. `folder` is where runs go that have no room.
    """

    def __init__(
        self,
        vocab_size: int,
        order: int,
        memory: int = MEMORY,
        folder: str | Path | None = None,
        chunk: int = CHUNK,
    ) -> None:
        self.packing = Packing(vocab_size, order)
        self.vocab_size, self.order, self.memory, self.chunk = vocab_size, order, memory, chunk
        self.tokens = 0
        self.spilled = 0
        self._runs: list[Run] = []
        self._last = np.empty(0, np.int64)  # digits that begin no whole n-gram yet
        self._folder = folder
        self._disk: tempfile.TemporaryDirectory[str] | None = None

    def add(self, tokens: NDArray[Any]) -> None:
        """Count the next tokens (N,) of the stream. Raises ValueError for one that is none."""
        for start in range(0, len(tokens), self.chunk):
            new = np.asarray(tokens[start : start + self.chunk]).astype(np.int64)
            if new.min() < 0 or new.max() >= self.vocab_size:
                raise ValueError(f"token id outside the vocabulary of {self.vocab_size}")
            self.tokens += len(new)
            self._count(np.concatenate([self._last, new + 1]))

    @property
    def tail(self) -> NDArray[np.int64]:
        """The last n - 1 tokens, or as many as there are."""
        return self._last - 1

    def runs(self) -> Iterator[Run]:
        """All n-grams in rising order, in blocks; call it once, after the last token."""
        tail, blanks = self._last, np.full(self.order - 1, BLANK)
        self._count(np.concatenate([tail, blanks]))
        self._last = tail
        self._merge_all()
        kept = [*self._on_disk(), *self._runs]
        self._runs = []
        yield from merged(kept, max(1024, BLOCK // len(kept))) if kept else ()

    def _count(self, digits: NDArray[np.int64]) -> None:
        cut = max(0, len(digits) - self.order + 1)
        self._last = digits[cut:]
        if cut:
            self._runs.append(run_of(self.packing.pack(digits)))
            while len(self._runs) > 1 and self._runs[-2].nbytes < 2 * self._runs[-1].nbytes:
                self._runs[-2:] = [merge(self._runs[-2:])]
            if sum(run.nbytes for run in self._runs) > self.memory:
                self._spill()

    def _merge_all(self) -> None:
        if len(self._runs) > 1:
            self._runs = [merge(self._runs)]

    def _spill(self) -> None:
        self._merge_all()
        if self._disk is None:
            self._disk = tempfile.TemporaryDirectory(prefix=FOLDER, dir=self._folder)
        for name, array in self._runs.pop()._asdict().items():
            np.save(Path(self._disk.name, f"{self.spilled}-{name}.npy"), array)
        self.spilled += 1

    def _on_disk(self) -> Iterator[Run]:
        for i in range(self.spilled):
            assert self._disk is not None
            paths = [Path(self._disk.name, f"{i}-{name}.npy") for name in Run._fields]
            yield Run(*(np.load(path, mmap_mode="r") for path in paths))

    def __enter__(self) -> Counter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._disk is not None:
            self._disk.cleanup()


def run_of(keys: NDArray[Any]) -> Run:
    """The run of keys in any order, which are sorted in place."""
    keys.sort()
    starts = _starts(keys)
    return Run(keys[starts], np.diff(starts, append=len(keys)))


def merge(runs: Iterable[Run]) -> Run:
    """One run of several; the stable sort of NumPy goes along runs that are sorted already."""
    runs = list(runs)
    keys = np.concatenate([run.keys for run in runs])
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    starts = _starts(keys)
    counts = np.concatenate([run.counts for run in runs])[order]
    return Run(keys[starts], np.add.reduceat(counts, starts))


def merged(runs: list[Run], block: int) -> Iterator[Run]:
    """All runs as one, in pieces: never more than about `block` n-grams of each are in memory."""
    places = [0] * len(runs)
    while True:
        ends = [run.keys[at : at + block][-1] for at, run in zip(places, runs, strict=True)
                if at < len(run.keys)]  # fmt: skip
        if not ends:
            return
        cut, parts = min(ends), []
        for i, (at, run) in enumerate(zip(places, runs, strict=True)):
            near = np.asarray(run.keys[at : at + block])
            size = int(np.searchsorted(near, cut, side="right"))
            if size:
                parts.append(Run(near[:size], np.asarray(run.counts[at : at + size])))
            places[i] += size
        yield parts[0] if len(parts) == 1 else merge(parts)


def _starts(keys: NDArray[Any]) -> NDArray[np.int64]:
    """Where the first of each row of equal keys is; `keys` are sorted and not empty."""
    return np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
