"""Which documents of a corpus are for training, which for validation, and which for neither.

Of `MANY` documents or more, whole documents are for validation: those whose hash is smallest, until
they are the wanted part of the text. So the choice depends on what they say, neither on their order
nor on their names, and copies of one document are on the same side. Of fewer documents, or where
one alone (with its copies) is too large for that, the last part of the text is, cut at a character.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.data.census import Census
from weft.data.corpus import Corpus, Passage

MANY = 100  # documents
LARGEST = 0.2  # of the wanted part: a larger document would make it too long or too short

Report = Callable[[int], object]


@dataclass(frozen=True)
class Split:
    """Documents in `removed` are left out; those in `validation`, or all from byte `cut` on, are
    for validation. Arrays are (documents,) of bool; None stands for no document.
    """

    cut: int
    validation: NDArray[np.bool_] | None = None
    removed: NDArray[np.bool_] | None = None

    def training(self, corpus: Corpus, progress: Report | None = None) -> Iterator[Passage]:
        """The passages to train on; `progress` is called with the bytes read."""
        stop = corpus.size if self.validation is not None else self.cut
        for passage in corpus.documents(0, stop, progress):
            if not self._has(self.validation, passage) and not self._has(self.removed, passage):
                yield passage

    def validating(self, corpus: Corpus, progress: Report | None = None) -> Iterator[Passage]:
        """The passages to validate on."""
        start = 0 if self.validation is not None else self.cut
        for passage in corpus.documents(start, None, progress):
            chosen = self.validation is None or self._has(self.validation, passage)
            if chosen and not self._has(self.removed, passage):
                yield passage

    @staticmethod
    def _has(documents: NDArray[np.bool_] | None, passage: Passage) -> bool:
        return documents is not None and bool(documents[passage.number])


def split_corpus(
    corpus: Corpus,
    val_fraction: float,
    census: Census | None = None,
    removed: NDArray[np.bool_] | None = None,
    boundary: Callable[[Corpus, int], int] = Corpus.boundary,
) -> Split:
    """Keep `val_fraction`, in (0, 1), of the text for validation; without `census` the last part.

    `boundary` moves a cut to the next place where the text may be cut.
    """
    if not 0 < val_fraction < 1:
        raise ValueError(f"val_fraction must lie between 0 and 1, not {val_fraction}")
    if census is None:
        return Split(boundary(corpus, int(corpus.size * (1 - val_fraction))), None, removed)
    sizes = census.sizes if removed is None else np.where(removed, 0, census.sizes)
    wanted = val_fraction * float(sizes.sum())
    if np.count_nonzero(sizes) >= MANY and _largest(census.hashes, sizes) <= LARGEST * wanted:
        return Split(corpus.size, _smallest(census.hashes, sizes, wanted), removed)
    return Split(boundary(corpus, _place(census, sizes, val_fraction)), None, removed)


def _smallest(hashes: NDArray[np.uint64], sizes: NDArray[Any], wanted: float) -> NDArray[np.bool_]:
    """The documents of the smallest hashes that together have about `wanted` bytes."""
    order = np.argsort(hashes, kind="stable")
    last = order[int(np.searchsorted(np.cumsum(sizes[order]), wanted))]
    chosen: NDArray[np.bool_] = hashes <= hashes[last]
    return chosen


def _largest(hashes: NDArray[np.uint64], sizes: NDArray[Any]) -> float:
    """Bytes of the largest document with all its copies, which lie on one side."""
    _, document = np.unique(hashes, return_inverse=True)
    return float(np.bincount(document, weights=sizes).max())


def _place(census: Census, sizes: NDArray[Any], val_fraction: float) -> int:
    """The byte of the joined text behind which `val_fraction` of the kept documents' bytes lie."""
    ends = np.cumsum(sizes)
    cut = int(int(ends[-1]) * (1 - val_fraction))
    number = int(np.searchsorted(ends, cut, "right"))
    inside = cut - int(ends[number] - sizes[number])
    return int(census.firsts[number]) + inside
