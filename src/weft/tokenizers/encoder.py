"""Text -> ids by byte pairs, from the definitions: `pattern.py` cuts, `byte_pairs.py` merges.

Its native twin, BytePairEncoder in csrc/, gives the same ids; `active.py` says which of them runs.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from weft.errors import DataError
from weft.tokenizers.byte_pairs import MergeTable, merge_pairs
from weft.tokenizers.pattern import split

CACHED_PIECES = 1 << 17
CACHED_LENGTH = 64  # longer pieces are rarely seen twice


class Encoder(dict[str, Sequence[int]]):
    """Piece -> ids, worked out at first sight and remembered for the next.

    byte_ids: the id of each of the 256 bytes; -1 for one that the vocabulary lacks
    """

    def __init__(self, byte_ids: Sequence[int], table: MergeTable) -> None:
        self._byte_ids = byte_ids
        self._table = table

    def encode(self, text: str) -> NDArray[np.uint32]:
        """Ids (T,) of a text. DataError names a byte that is not in the vocabulary."""
        ids = array("I", chain.from_iterable(map(self.__getitem__, split(text))))
        return np.frombuffer(ids, dtype=np.uint32) if ids else np.empty(0, dtype=np.uint32)

    def __missing__(self, piece: str) -> Sequence[int]:
        ids = [self._byte_ids[byte] for byte in piece.encode()]
        if -1 in ids:
            byte = piece.encode()[ids.index(-1)]
            raise DataError(
                f"byte 0x{byte:02X} of {piece[:40]!r} is not in the vocabulary; the "
                "tokenizer was trained without it; use one that has all 256 bytes"
            )
        ids = merge_pairs(ids, self._table)
        if len(piece) <= CACHED_LENGTH:
            if len(self) >= CACHED_PIECES:
                self.clear()
            self[piece] = tuple(ids)
        return ids
