"""From a text to two token shards, training and validation, and from DATA that is shards already.

`split.py` says which part is for validation; no token spans a cut or two documents. Text is read,
encoded and written in a stream: memory does not grow with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from weft.data.corpus import Corpus, Passage
from weft.data.documents import SEPARATOR, printable
from weft.data.shards import TokenShard, is_shard, write_shard
from weft.data.split import Split, split_corpus
from weft.errors import DataError

TRAIN, VALIDATION = "train.bin", "val.bin"
SMALL = 1 << 16  # bytes of documents whose tokens are written together


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
    split: Split | None = None,
) -> Dataset:
    """Encode `corpus` into `folder`/train.bin and val.bin and open them.

    `split` says what goes where; without it the last part does, from byte
    int(size * (1 - val_fraction)) on, moved to the next start of a character. `progress` is called
    with the bytes done and the bytes in all.
    """
    split = split_corpus(corpus, val_fraction) if split is None else split
    end = end_of_text(corpus, tokenizer)
    report = None if progress is None else _Done(corpus.size, progress)
    for name, passages in (
        (TRAIN, split.training(corpus, report)),
        (VALIDATION, split.validating(corpus, report)),
    ):
        arrays = encode_documents(passages, tokenizer, end)
        write_shard(Path(folder) / name, arrays, tokenizer.vocab_size, tokenizer.hash)
        if report is not None:
            report.part_done()
    return Dataset.open(folder)


def end_of_text(corpus: Corpus, tokenizer: Any) -> int | None:
    """The id that ends each document of `corpus`; None of one document, or for lack of a token."""
    return getattr(tokenizer, "end_of_text", None) if corpus.count > 1 else None


def encode_documents(
    passages: Iterable[Passage], tokenizer: Encoder, end: int | None
) -> Iterator[NDArray[np.uint32]]:
    """The ids of documents, with the id `end` where one ends, or without it a blank line between.

    Nothing in a text is taken for the end: a document that spells the token has it as plain text.
    """
    if end is None:
        yield from tokenizer.encode_stream(_joined(passages))
        return
    waiting: list[NDArray[np.uint32]] = []  # a document may be a few tokens
    length = 0
    for passage in passages:
        if passage.size < SMALL:
            waiting += tokenizer.encode_stream(passage.chunks)
        else:
            yield from _stacked(waiting)
            waiting, length = [], 0
            yield from tokenizer.encode_stream(passage.chunks)
        if passage.ends:
            waiting.append(np.array([end], np.uint32))
        length += passage.size
        if length >= SMALL:
            yield from _stacked(waiting)
            waiting, length = [], 0
    yield from _stacked(waiting)


def _stacked(arrays: list[NDArray[np.uint32]]) -> Iterator[NDArray[np.uint32]]:
    if arrays:
        yield np.concatenate(arrays)


def _joined(passages: Iterable[Passage]) -> Iterator[str]:
    for number, passage in enumerate(passages):
        if number:
            yield SEPARATOR
        yield from passage.chunks


class _Done:
    """Bytes done, of all the parts that are read one after the other."""

    def __init__(self, total: int, progress: Callable[[int, int], object]) -> None:
        self.total, self.progress, self.before, self.now = total, progress, 0, 0

    def __call__(self, done: int) -> None:
        self.now = done
        self.progress(min(self.before + done, self.total), self.total)

    def part_done(self) -> None:
        self.before, self.now = self.before + self.now, 0


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
