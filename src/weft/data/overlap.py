"""How much of the validation text stands in the training text, word for word.

The measure is the share of the validation text's runs of `RUN` words that occur in the training
text too. A word is a run of letters and digits; each other sign, and each character of a script
above U+07FF (Chinese, Hindi, ...), is a word of its own; spaces and line ends do not count, so that
another line width hides nothing. A document of fewer words is one run. No run crosses documents.

One pass over each text. Runs are compared by 64-bit polynomial hashes (Karp and Rabin 1987); of
more than `KEPT` runs of the validation text only those count whose hash ends in enough zeros.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

RUN = 20  # words
KEPT = 1 << 20  # runs of the validation text that are looked for
BLOCK = 1 << 19  # bytes that are hashed together
LONGEST = 1 << 20  # bytes of fewer than RUN words that are waited for
BOUNDARY = b"\xff"  # before and after each document: no byte of UTF-8
BASE = 0x9E3779B97F4A7C15  # odd, so it has an inverse modulo 2^64
SPACE, WORD, SIGN, EDGE, WITHIN = range(5)

Hashes = NDArray[np.uint64]
Texts = Iterable[Iterable[str]]


def overlap(validation: Texts, training: Texts) -> float | None:
    """The share of the runs, in [0, 1]; None where the validation documents have no word.

    Both are documents, each in pieces of text of any size.
    """
    looked_for = _Wanted()
    for hashes in _runs(validation):
        looked_for.add(hashes)
    looked_for.settle()
    wanted, counts, mask = looked_for.hashes, looked_for.counts, looked_for.mask
    if not len(wanted):
        return None
    found = np.zeros(len(wanted), np.bool_)
    likely = np.zeros(1 << 24, np.bool_)  # by the upper bits: most runs are ruled out here
    likely[wanted >> np.uint64(40)] = True
    for hashes in _runs(training):
        some = hashes[hashes & mask == 0]
        some = some[likely[some >> np.uint64(40)]]
        places = np.minimum(np.searchsorted(wanted, some), len(wanted) - 1)
        found[places[wanted[places] == some]] = True
    return float(counts[found].sum() / counts.sum())


class _Wanted:
    """Different hashes and how often each occurs; of more than KEPT, those that end in zeros."""

    def __init__(self) -> None:
        self.hashes: Hashes = np.empty(0, np.uint64)
        self.counts: NDArray[np.int64] = np.empty(0, np.int64)
        self.mask = np.uint64(0)
        self.waiting: list[Hashes] = []

    def add(self, hashes: Hashes) -> None:
        self.waiting.append(hashes[hashes & self.mask == 0])
        if sum(map(len, self.waiting)) > KEPT:
            self.settle()

    def settle(self) -> None:
        """Sort what waits into the rest."""
        joined = np.concatenate([self.hashes, *self.waiting])
        weights = np.concatenate([self.counts, np.ones(len(joined) - len(self.counts), np.int64)])
        self.waiting = []
        self.hashes, places = np.unique(joined, return_inverse=True)
        self.counts = np.bincount(places, weights, len(self.hashes)).astype(np.int64)
        while len(self.hashes) > KEPT:
            self.mask = np.uint64(2 * int(self.mask) + 1)
            kept = self.hashes & self.mask == 0
            self.hashes, self.counts = self.hashes[kept], self.counts[kept]


def _runs(texts: Texts) -> Iterator[Hashes]:
    """The hashes of all runs, in the order of the text."""
    blocks: list[bytes] = []
    length = 0
    for block in _marked(texts):
        blocks.append(block)
        length += len(block)
        if length >= BLOCK:
            hashes, rest = _hash_runs(b"".join(blocks), False)
            yield hashes
            blocks, length = [rest], len(rest)
    yield _hash_runs(b"".join(blocks), True)[0]


def _marked(texts: Texts) -> Iterator[bytes]:
    for chunks in texts:
        yield BOUNDARY
        for chunk in chunks:
            yield chunk.encode()
    yield BOUNDARY


def _hash_runs(block: bytes, final: bool) -> tuple[Hashes, bytes]:
    """Hashes of the runs that begin in `block`, and the end of it, which is needed again."""
    data = np.frombuffer(block, np.uint8)
    kinds = _kinds()[data]
    all_begins = _begins(kinds)
    visible = kinds != SPACE
    begins, letters = all_begins[visible], data[visible].astype(np.uint16)
    words = np.flatnonzero(begins)  # where words begin, in what is visible
    count = len(words)
    next_run = count if final else max(count - RUN, 0)
    powers, inverses = _powers(1 << len(letters).bit_length())
    letters += 1
    letters += begins.astype(np.uint16) << 8
    sums = np.zeros(len(letters) + 1, np.uint64)
    np.cumsum(letters * powers[: len(letters)], out=sums[1:])
    first, last = _ends_of_runs(kinds[all_begins] == EDGE, next_run)
    before = sums[words]  # each word
    hashes = (before[last] - before[first]) * inverses[words][first]
    hashes ^= hashes >> np.uint64(32)
    hashes *= np.uint64(0xD6E8FEB86659FD93)
    hashes ^= hashes >> np.uint64(29)
    rest = block[np.flatnonzero(all_begins)[next_run] :] if next_run < count else b""
    return hashes, rest if len(rest) <= LONGEST else b""


def _begins(kinds: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which bytes begin a word; the first visible one does."""
    begins = np.empty(len(kinds), np.bool_)
    begins[:1] = True
    before = kinds[:-1]
    np.logical_or(before == SPACE, (before == SIGN) | (before == EDGE), out=begins[1:])
    begins &= kinds == WORD
    begins |= (kinds == SIGN) | (kinds == EDGE)
    visible = int((kinds != SPACE).argmax()) if len(kinds) else 0
    begins[visible : visible + 1] = kinds[visible : visible + 1] != SPACE
    return begins


def _ends_of_runs(
    edges: NDArray[np.bool_], stop: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each run that begins before word `stop`: its first word, and the first one behind it."""
    first = np.arange(max(min(stop, len(edges) - RUN), 0))
    passed = np.concatenate([[0], np.cumsum(edges)])  # edges before a word
    first = first[passed[first + RUN] == passed[first]]
    marks = np.flatnonzero(edges)
    opened, closed = marks[:-1] + 1, marks[1:]
    short = (closed > opened) & (closed - opened < RUN) & (opened <= stop)
    return np.append(first, opened[short]), np.append(first + RUN, closed[short])


@cache
def _kinds() -> NDArray[np.uint8]:
    """What each byte is."""
    kinds = np.full(256, SIGN, np.uint8)
    kinds[list(b" \t\n\v\f\r")] = SPACE
    letters = [*range(0x30, 0x3A), *range(0x41, 0x5B), *range(0x61, 0x7B), *range(0xC2, 0xE0)]
    kinds[[*letters, *b"'_"]] = WORD
    kinds[0x80:0xC0] = WITHIN
    kinds[BOUNDARY[0]] = EDGE
    return kinds


@lru_cache(maxsize=2)
def _powers(count: int) -> tuple[Hashes, Hashes]:
    """The first `count` powers of BASE modulo 2^64, and their inverses."""
    bases = (BASE, pow(BASE, -1, 1 << 64))
    powers, inverses = (np.cumprod(np.full(count, b, np.uint64), dtype=np.uint64) for b in bases)
    return powers, inverses
