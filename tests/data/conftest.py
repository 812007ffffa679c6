"""What the data tests share: the real text, if it is there, and a tokenizer that is a table."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[2]

settings.register_profile("patient", deadline=None)  # a busy machine makes no test wrong
settings.load_profile("patient")


class ByteTable:
    """A tokenizer for tests: the id of a byte is the byte, times `spread` for wide vocabularies."""

    def __init__(self, spread: int = 1) -> None:
        self.spread = spread
        self.vocab_size = 256 * spread
        self.hash = hashlib.sha256(b"table %d" % spread).hexdigest()

    def encode_stream(self, chunks: Iterable[str]) -> Iterator[np.ndarray]:
        for chunk in chunks:
            yield np.frombuffer(chunk.encode(), np.uint8).astype(np.uint32) * self.spread


@pytest.fixture
def table() -> ByteTable:
    return ByteTable()


@pytest.fixture
def wide_table() -> ByteTable:
    return ByteTable(spread=300)


@pytest.fixture(scope="session")
def shakespeare() -> Path:
    folder = Path(os.environ.get("WEFT_DATA") or ROOT / "../shared/data")
    path = folder / "tinyshakespeare.txt"
    if not path.is_file():
        pytest.skip(f"tinyshakespeare.txt is not in {folder}; set WEFT_DATA")
    return path
