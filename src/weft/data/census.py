"""One look at every document of a corpus: its length, its hash and, if asked, its sketch.

Memory is 16 bytes for each document; sketches wait in a temporary file (see `near.py`).
"""

from __future__ import annotations

import contextlib
import hashlib
from array import array
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weft.data.corpus import Corpus
from weft.data.documents import SEPARATOR
from weft.data.near import Sketcher, near_copies


@dataclass(frozen=True)
class Census:
    """Of each document, in their order: `sizes` in bytes, and `hashes` of its bytes (BLAKE2b).

    `near` are those that are much like an earlier one (Jaccard similarity of 0.8 or more), without
    the exact copies; None if that was not looked for.
    """

    sizes: NDArray[np.uint64]  # (documents,)
    hashes: NDArray[np.uint64]  # (documents,)
    near: NDArray[np.bool_] | None = None  # (documents,)

    @property
    def firsts(self) -> NDArray[np.uint64]:
        """The byte of the joined text at which each document begins."""
        steps = self.sizes + np.uint64(len(SEPARATOR))
        begins: NDArray[np.uint64] = np.cumsum(steps) - steps
        return begins

    @property
    def copies(self) -> NDArray[np.bool_]:
        """The documents that are, byte for byte, an earlier one."""
        return _copies(self.hashes)


def take_census(
    corpus: Corpus, near: bool = False, progress: Callable[[int], object] | None = None
) -> Census:
    """Read every document once; `progress` is called with the bytes read. Errors as in `chunks`."""
    if not near:
        return _take(corpus, None, progress)
    with contextlib.closing(Sketcher()) as sketcher:
        return _take(corpus, sketcher, progress)


def _take(
    corpus: Corpus, sketcher: Sketcher | None, progress: Callable[[int], object] | None
) -> Census:
    sizes, hashes = array("Q"), array("Q")
    for passage in corpus.documents(progress=progress):
        digest = hashlib.blake2b(digest_size=8)
        for chunk in passage.chunks:
            block = chunk.encode()
            digest.update(block)
            if sketcher is not None:
                sketcher.add(block)
        if sketcher is not None:
            sketcher.end()
        sizes.append(passage.size)
        hashes.append(int.from_bytes(digest.digest(), "little"))
    found = np.array(hashes, np.uint64)
    alike = None if sketcher is None else near_copies(sketcher.sketches(), _copies(found))
    return Census(np.array(sizes, np.uint64), found, alike)


def _copies(hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
    copies = np.ones(len(hashes), np.bool_)
    copies[np.unique(hashes, return_index=True)[1]] = False
    return copies
