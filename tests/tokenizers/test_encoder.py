"""The definition of encoding, by itself: pieces, merges, and what is remembered."""

import numpy as np
import pytest

from weft.errors import DataError
from weft.tokenizers import encoder
from weft.tokenizers.encoder import Encoder

TABLE = {(97, 98): (0, 256), (256, 97): (1, 257)}  # ab, aba
BYTES = range(256)


def test_pieces_are_merged_apart():
    ids = Encoder(BYTES, TABLE).encode("abab aba")
    assert ids.dtype == np.uint32 and ids.tolist() == [256, 256, 32, 257]
    assert Encoder(BYTES, TABLE).encode("").tolist() == []


def test_a_full_cache_changes_nothing(monkeypatch):
    monkeypatch.setattr(encoder, "CACHED_PIECES", 3)
    text = "Once upon a time there was a cat and a hat and a cat. " * 3
    fresh = Encoder(BYTES, TABLE)
    assert bytes(fresh.encode(text).tolist()) == text.encode()
    assert len(fresh) <= 3


def test_long_pieces_are_not_kept():
    fresh = Encoder(BYTES, TABLE)
    fresh.encode("q" * 1000)
    assert not fresh


def test_a_byte_without_id_is_named_with_its_piece():
    lacking = [-1 if byte == ord("c") else byte for byte in BYTES]
    with pytest.raises(DataError, match="byte 0x63 of ' abc' is not in the vocabulary"):
        Encoder(lacking, TABLE).encode("ab abc")
