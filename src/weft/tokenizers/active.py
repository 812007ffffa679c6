"""What runs: the native twin where it was built and covers the case, else the definition.

The definitions are `encoder.py` (with `pattern.py` and `byte_pairs.py`), `bpe_training.py` and
`Tokenizer.decode_bytes`; tests hold the twins equal to them. WEFT_KERNELS chooses, as for the
kernels. A twin answers NotImplemented to what is wrong: the definition then says what it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.kernels.active import native
from weft.tokenizers import bpe_training
from weft.tokenizers.byte_alphabet import BYTE_ORDER
from weft.tokenizers.encoder import Encoder
from weft.tokenizers.pattern import last_boundary
from weft.tokenizers.streaming import reject_surrogates, settled_parts


def _twin(name: str) -> Any:
    return getattr(native, name, None)


def text_encoder(
    byte_ids: Sequence[int], merges: Sequence[tuple[int, int, int]]
) -> Callable[[str], NDArray[np.uint32]]:
    """Text -> ids (T,); see `Encoder`. merges: left, right and merged id, in their order."""

    def definition() -> Encoder:
        return Encoder(byte_ids, {(a, b): (rank, id) for rank, (a, b, id) in enumerate(merges)})

    make = _twin("BytePairEncoder")
    if make is None:
        return definition().encode
    rows = np.fromiter(chain.from_iterable(merges), np.int64).reshape(-1, 3)
    twin = make(np.array(byte_ids, np.int64), rows)

    def encode(text: str) -> Any:
        ids = twin.encode(text)
        return definition().encode(text) if ids is NotImplemented else ids

    return encode


def bytes_decoder(tokens: Sequence[bytes]) -> Callable[[Any], Any]:
    """Ids -> their bytes together, or NotImplemented: for other ids than those of tokens."""
    make = _twin("TokenBytes")
    if make is None:
        return lambda ids: NotImplemented
    twin = make(list(tokens))

    def decode(ids: Any) -> Any:
        if type(ids) is list:
            return twin.of_list(ids)
        if type(ids) is np.ndarray and ids.ndim == 1 and ids.dtype == np.uint32:
            return twin.of_array(np.ascontiguousarray(ids))
        return NotImplemented

    return decode


def count_pieces(chunks: Iterable[str]) -> Counter[str]:
    """How often each piece of the pattern occurs; see `bpe_training.count_pieces`."""
    make = _twin("PieceCounter")
    if make is None:
        return bpe_training.count_pieces(chunks)
    counter = make()
    for offset, text in settled_parts(chunks, last_boundary):
        reject_surrogates(text, offset)
        counter.add(text)
    return Counter(counter.counts())


def learn_merges(
    pieces: Mapping[str, int], count: int
) -> tuple[list[bytes], list[tuple[int, int]]]:
    """Tokens and merges of counted pieces; see `bpe_training.learn_merges`."""
    learn = _twin("learn_merges")
    learnt = learn(dict(pieces), count, bytes(BYTE_ORDER)) if learn else NotImplemented
    if learnt is NotImplemented:
        return bpe_training.learn_merges(pieces, count)
    tokens, merges = learnt
    return tokens, merges
