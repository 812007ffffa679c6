"""What a tokenizer made of a text: counts from the run's shards, sampled where those are large.

Read from data/tokenizer.json, data/train.bin and data/val.bin of the run folder. A run that trained
on shards elsewhere has none here, and gets what its tokenizer alone tells.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.data import TokenShard
from weft.errors import WeftError
from weft.tokenizers import CharacterTokenizer, Tokenizer, load_tokenizer

SAMPLED = 2_000_000  # tokens of a shard that are counted
STRETCHES = 64  # evenly spread, of a larger one
LARGEST_SHARD = 512 << 20  # bytes; a larger one is not read for a report
SHOWN = 16  # tokens of a list
UNUSED_SHOWN = 60


@dataclass(frozen=True)
class TokenCounts:
    """Of `counted` of all `tokens` of a shard: bytes, characters, and `counts` (V,) of each id."""

    tokens: int
    counted: int
    bytes: int
    characters: int
    counts: NDArray[np.int64]

    @property
    def bytes_per_token(self) -> float:
        return self.bytes / max(1, self.counted)

    @property
    def characters_per_token(self) -> float:
        return self.characters / max(1, self.counted)


@dataclass(frozen=True)
class Vocabulary:
    """A run's tokenizer, and its tokens in the training and the validation text where known."""

    kind: str
    size: int
    special: list[str]
    tokens: list[bytes]
    train: TokenCounts | None = None
    val: TokenCounts | None = None

    def most_frequent(self) -> list[tuple[bytes, float]]:
        """Tokens of the training text and their shares of it, the most frequent first."""
        if self.train is None:
            return []
        counts = self.train.counts
        order = np.argsort(-counts, kind="stable")[:SHOWN]
        return [
            (self.tokens[i], counts[i] / max(1, self.train.counted)) for i in order if counts[i]
        ]

    def rarest(self) -> list[bytes]:
        """Tokens that the training text uses least, the rarest first."""
        if self.train is None:
            return []
        order = np.argsort(self.train.counts, kind="stable")
        return [self.tokens[i] for i in order[self.train.counts[order] > 0][:SHOWN]]

    def unused(self) -> list[bytes]:
        """Tokens that were not seen in the training text."""
        if self.train is None:
            return []
        return [self.tokens[i] for i in np.flatnonzero(self.train.counts == 0)]

    def longest(self) -> list[bytes]:
        """The longest tokens that the training text uses; specials are not texts."""
        used = self.train.counts > 0 if self.train is not None else np.ones(self.size, bool)
        names = {name.encode() for name in self.special}
        seen = [token for token, is_used in zip(self.tokens, used, strict=True) if is_used]
        return sorted((t for t in seen if t not in names), key=lambda t: (-len(t), t))[:SHOWN]


def read_vocabulary(data: Path) -> Vocabulary | None:
    """The vocabulary in a run's data folder; None where there is no tokenizer that can be read."""
    try:
        tokenizer = load_tokenizer(data / "tokenizer.json")
    except WeftError:
        return None
    tokens = [tokenizer.token_bytes(i) for i in range(tokenizer.vocab_size)]
    lengths = np.array([(len(t), _characters(t)) for t in tokens], np.int64).reshape(-1, 2)
    return Vocabulary(
        kind="char" if isinstance(tokenizer, CharacterTokenizer) else "bpe",
        size=tokenizer.vocab_size,
        special=list(tokenizer.special_tokens),
        tokens=tokens,
        train=_counted(data / "train.bin", tokenizer, lengths),
        val=_counted(data / "val.bin", tokenizer, lengths),
    )


def _counted(path: Path, tokenizer: Tokenizer, lengths: NDArray[np.int64]) -> TokenCounts | None:
    """None for a shard that is missing, damaged, far too large or of another tokenizer."""
    try:
        if path.is_symlink() or os.stat(path).st_size > LARGEST_SHARD:
            return None
        shard = TokenShard.open(path)
    except (OSError, WeftError):
        return None
    if shard.vocab_size != tokenizer.vocab_size or shard.tokenizer_hash != tokenizer.hash:
        return None
    counts = np.zeros(tokenizer.vocab_size, np.int64)
    for stretch in _stretches(shard.tokens):
        counts += np.bincount(stretch, minlength=tokenizer.vocab_size)
    total = counts @ lengths
    return TokenCounts(len(shard), int(counts.sum()), int(total[0]), int(total[1]), counts)


def _stretches(tokens: NDArray[Any]) -> list[NDArray[Any]]:
    """All of a small shard, evenly spread parts of a large one."""
    if len(tokens) <= SAMPLED:
        return [tokens]
    length = SAMPLED // STRETCHES
    begins = [(len(tokens) - length) * n // (STRETCHES - 1) for n in range(STRETCHES)]
    return [tokens[begin : begin + length] for begin in begins]


def _characters(token: bytes) -> int:
    """Characters that begin in a token: bytes that do not continue one."""
    return sum(byte & 0xC0 != 0x80 for byte in token)


def visible(token: bytes) -> str:
    """A token for a reader: white space is marked, what is not UTF-8 stands as its bytes."""
    try:
        text = token.decode()
    except UnicodeDecodeError:
        return "".join(f"\\x{byte:02x}" for byte in token)
    marks = {" ": "␣", "\n": "⏎", "\t": "⇥"}
    return "".join(
        marks.get(c) or (c if c.isprintable() else c.encode("unicode_escape").decode())
        for c in text
    )
