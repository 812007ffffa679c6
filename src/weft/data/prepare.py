"""From a text to two token shards, training and validation, and from DATA that is shards already.

The last tenth of the text is for validation, cut at a character; no token spans the cut, so the
two do not overlap. Text is read, encoded and written in a stream: memory does not grow with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from weft.data.corpus import Corpus
from weft.data.documents import printable
from weft.data.shards import TokenShard, is_shard, write_shard
from weft.errors import DataError

TRAIN, VALIDATION = "train.bin", "val.bin"


class Encoder(Protocol):
    """What preparing needs of a tokenizer."""

    @property
    def vocab_size(self) -> int: ...

    @property
    def hash(self) -> str: ...

    def encode_stream(self, chunks: Iterable[str]) -> Iterator[NDArray[np.uint32]]: ...


@dataclass(frozen=True)
class Dataset:
    """Two shards of one vocabulary, made by one tokenizer."""

    train: TokenShard
    val: TokenShard

    @classmethod
    def open(cls, folder: str | Path) -> Dataset:
        """The dataset that `prepare` wrote into `folder`."""
        folder = Path(folder)
        dataset = cls(TokenShard.open(folder / TRAIN), TokenShard.open(folder / VALIDATION))
        if _identity(dataset.train) != _identity(dataset.val):
            raise DataError(
                f"{TRAIN} and {VALIDATION} were made by different tokenizers; {printable(folder)}; "
                "make them again from the text"
            )
        return dataset


def prepare(
    corpus: Corpus,
    tokenizer: Encoder,
    folder: str | Path,
    val_fraction: float = 0.1,
    progress: Callable[[int, int], object] | None = None,
    boundary: Callable[[Corpus, int], int] = Corpus.boundary,
) -> Dataset:
    """Encode `corpus` into `folder`/train.bin and val.bin and open them.

    The cut is at byte int(size * (1 - val_fraction)), moved to the next start of a character, or to
    the next `boundary`. `progress` is called with the bytes done and the bytes in all.
    """
    if not 0 < val_fraction < 1:
        raise ValueError(f"val_fraction must lie between 0 and 1, not {val_fraction}")
    folder = Path(folder)
    cut = boundary(corpus, int(corpus.size * (1 - val_fraction)))
    for name, start, stop in ((TRAIN, 0, cut), (VALIDATION, cut, corpus.size)):
        report = _from(start, corpus.size, progress)
        arrays = tokenizer.encode_stream(corpus.chunks(start, stop, report))
        write_shard(folder / name, arrays, tokenizer.vocab_size, tokenizer.hash)
    return Dataset.open(folder)


def _from(
    start: int, total: int, progress: Callable[[int, int], object] | None
) -> Callable[[int], object] | None:
    if progress is None:
        return None
    return lambda done: progress(start + done, total)


def is_dataset(data: str | Path) -> bool:
    """Whether DATA is a token shard, or a folder with `train.bin` and `val.bin` shards."""
    return is_shard(data) or (is_shard(Path(data) / TRAIN) and is_shard(Path(data) / VALIDATION))


def open_dataset(data: str | Path, tokenizer: Encoder, val_fraction: float = 0.1) -> Dataset:
    """DATA that is shards already, used in place; one shard is cut at 90 % of its tokens.

    Raises DataError when the shards were made by another tokenizer.
    """
    if is_shard(data):
        shard = TokenShard.open(data)
        cut = int(len(shard) * (1 - val_fraction))
        dataset = Dataset(shard.part(0, cut), shard.part(cut, len(shard)))
    else:
        dataset = Dataset.open(data)
    check_tokenizer(dataset, tokenizer)
    return dataset


def check_tokenizer(dataset: Dataset, tokenizer: Encoder) -> None:
    """Raise DataError unless `dataset` was made by `tokenizer`."""
    if _identity(dataset.train) != (tokenizer.vocab_size, tokenizer.hash):
        raise DataError(
            f"these tokens were made by another tokenizer (vocabulary {dataset.train.vocab_size}, "
            f"hash {dataset.train.tokenizer_hash[:12]}; this one: {tokenizer.vocab_size}, "
            f"{tokenizer.hash[:12]}); {printable(dataset.train.path)}; "
            "use the tokenizer that made them, or prepare the text again"
        )


def check_long_enough(dataset: Dataset, block_size: int) -> None:
    """Raise DataError unless each split holds a block of `block_size` tokens and its target."""
    for name, shard in (("training", dataset.train), ("validation", dataset.val)):
        count = len(shard)
        if count < block_size + 1:
            largest = min(len(dataset.train), len(dataset.val)) - 1
            advice = (
                f"a block size of at most {largest} fits" if largest > 0 else "no block size fits"
            )
            raise DataError(
                f"the {name} text is too short: it has {count} tokens and a block of {block_size} "
                f"needs {block_size + 1}; {printable(shard.path)}; give a longer text ({advice})"
            )


def _identity(shard: TokenShard) -> tuple[int, Any]:
    return shard.vocab_size, shard.tokenizer_hash
