"""From DATA to a tokenizer and token shards, kept in the run folder so that resuming needs no DATA.

Order matters for a kill in between: tokenizer.json, the shards, and config.toml (by the caller)
last, so that a folder with a config.toml has everything.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.checkpoint import RunFolder
from weft.config import TrainConfig
from weft.data import (
    Census,
    Corpus,
    Dataset,
    PairEncoder,
    Passage,
    Split,
    TokenShard,
    is_dataset,
    is_shard,
    line_boundary,
    open_corpus,
    open_dataset,
    overlap,
    prepare,
    separated,
    split_corpus,
    take_census,
)
from weft.data.prepare import TRAIN, VALIDATION
from weft.errors import ConfigError, DataError
from weft.replacing import replacing
from weft.tokenizers import END_OF_TEXT, BPETokenizer, CharacterTokenizer, load_tokenizer
from weft.training.progress import Progress

TOKENIZER = "tokenizer.json"
DEFAULT_VOCAB_SIZE = 4096  # of a bpe tokenizer
NOTED = 0.01  # of the validation text: an overlap that is worth a message
SAMPLED_TOKENS = 1 << 19  # at each end of a shard, for its fingerprint


class Source:
    """DATA, looked at once: a text to tokenize, or shards that are used where they are."""

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        data = config.data
        self.name = data if isinstance(data, str) else ", ".join(data)
        self.facts: dict[str, Any] = {}
        self.is_shards = isinstance(data, str) and is_dataset(data)
        self.corpus: Corpus | None = None
        if not self.is_shards:
            self.corpus = open_corpus(config.data, field=config.field, column=config.column)
        elif config.field is not None or config.column is not None:
            raise ConfigError(
                f"a field or a column of token shards; {self.name}; leave --field or --column out"
            )

    def tokenizer(self) -> Any:
        """The tokenizer that the configuration asks for; trained on the text where it says so."""
        kind, config = self.config.tokenizer, self.config
        if config.vocab_size is not None and kind != "bpe":
            raise ConfigError(
                f"vocab_size {config.vocab_size} with tokenizer {kind}; train; "
                "only --tokenizer bpe is trained to a size: leave --vocab-size out"
            )
        if self.corpus is None:
            return load_tokenizer(self._beside_shards() if kind in ("char", "bpe") else kind)
        if kind == "char":
            return CharacterTokenizer.train(self._chunks(), special_tokens=self._special_tokens)
        if kind == "bpe":
            size = config.vocab_size or DEFAULT_VOCAB_SIZE
            passages = self.split.training(self.corpus)
            return BPETokenizer.train(separated(passages), size)
        return load_tokenizer(_gpt2_folder() if kind == "gpt2" else kind)

    def dataset(
        self, tokenizer: Any, run: RunFolder, progress: Progress, in_pairs: bool = False
    ) -> Dataset:
        """Write tokenizer.json and, for a text, the shards into the run folder.

        `in_pairs`: the text is lines `source<TAB>target`.
        """
        run.data_path.mkdir(exist_ok=True)
        _write_tokenizer(run, tokenizer)
        if self.corpus is None:
            return open_dataset(self.name, tokenizer, self.config.val_fraction)
        encoder, split = tokenizer, None
        if in_pairs:
            encoder = PairEncoder(tokenizer, self.name)
            split = split_corpus(self.corpus, self.config.val_fraction, boundary=line_boundary)
        split = split or self.split
        return prepare(
            self.corpus, encoder, run.data_path, progress=progress.preparing, split=split
        )

    def look(self, progress: Progress) -> dict[str, Any]:
        """What a run notes of its text; `progress` is told what a reader should know."""
        if self.corpus is not None:
            self._gather(self.corpus, self.split)
            for message in self._messages():
                progress.message(message)
        return self.facts

    def _gather(self, corpus: Corpus, split: Split) -> None:
        self.facts = {"bytes": corpus.size, "documents": corpus.count, "skipped": corpus.skipped}
        if self.census is not None and self.census.near is not None:
            exact, near = int(self.census.copies.sum()), int(self.census.near.sum())
            self.facts["duplicates"] = {"exact": exact, "near": near}
        shared = overlap(_texts(split.validating(corpus)), _texts(split.training(corpus)))
        if shared is not None:
            self.facts["overlap"] = shared

    def _messages(self) -> Iterator[str]:
        for reason, count in self.facts["skipped"].items():
            yield f"{self.name}: skipped {count} ({reason})"
        found = self.facts.get("duplicates", {})
        if any(found.values()):
            done = {
                "keep": "kept (--duplicates remove leaves them out)",
                "remove-exact": "the copies are left out",
                "remove": "all are left out",
            }
            yield (
                f"{self.name}: of {self.facts['documents']:,} documents {found['exact']:,} are "
                f"copies of another and {found['near']:,} near copies: "
                f"{done[self.config.duplicates]}"
            )
        if self.facts.get("overlap", 0) >= NOTED:
            yield (
                f"{self.name}: the validation text shares {self.facts['overlap']:.1%} of its runs "
                "of 20 words with the training text: its loss says less about new text"
            )

    @functools.cached_property
    def census(self) -> Census | None:
        """What was counted of the documents; None of one document, which need not be read."""
        if self.corpus is None or self.corpus.count < 2:
            return None
        return take_census(self.corpus, near=True)

    @property
    def _removed(self) -> NDArray[np.bool_] | None:
        """The documents that are left out, (documents,); None: of one document."""
        if self.census is None or self.config.duplicates == "keep":
            return None
        exact, near = self.census.copies, self.census.near
        return exact if near is None or self.config.duplicates == "remove-exact" else exact | near

    @functools.cached_property
    def split(self) -> Split:
        """What is for training, and what for validation."""
        assert self.corpus is not None
        return split_corpus(self.corpus, self.config.val_fraction, self.census, self._removed)

    def _chunks(self) -> Iterator[str]:
        """All that is trained or validated on."""
        assert self.corpus is not None
        for passages in (self.split.training(self.corpus), self.split.validating(self.corpus)):
            for passage in passages:
                yield from passage.chunks

    @property
    def _special_tokens(self) -> tuple[str, ...]:
        """Documents end in a token of their own; one text ends nowhere."""
        return (END_OF_TEXT,) if self.corpus is not None and self.corpus.count > 1 else ()

    def count(self) -> int:
        """Tokens of DATA that is shards."""
        files = [self.name]
        if not is_shard(self.name):
            files = [str(Path(self.name, name)) for name in (TRAIN, VALIDATION)]
        return sum(len(TokenShard.open(file)) for file in files)

    def _beside_shards(self) -> Path:
        path = Path(self.name)
        return (path if path.is_dir() else path.parent) / TOKENIZER


def reopen(config: TrainConfig, run: RunFolder) -> tuple[Any, Dataset]:
    """Tokenizer and dataset of a run that began before."""
    tokenizer = load_tokenizer(run.data_path / TOKENIZER)
    if (run.data_path / "train.bin").exists():
        return tokenizer, open_dataset(run.data_path, tokenizer)
    return tokenizer, open_dataset(str(config.data), tokenizer, config.val_fraction)


def _texts(passages: Iterable[Passage]) -> Iterator[Iterator[str]]:
    return (passage.chunks for passage in passages)


def fingerprint(dataset: Dataset) -> dict[str, Any]:
    """What a checkpoint notes of its data: counts, tokenizer, and a hash of both ends."""
    digest = hashlib.sha256()
    for shard in (dataset.train, dataset.val):
        digest.update(shard.tokens[:SAMPLED_TOKENS].tobytes())
        digest.update(shard.tokens[-SAMPLED_TOKENS:].tobytes())
    return {
        "train_tokens": len(dataset.train),
        "val_tokens": len(dataset.val),
        "tokenizer": dataset.train.tokenizer_hash,
        "sha256": digest.hexdigest(),
    }


def check_same_data(dataset: Dataset, noted: Any, run: RunFolder) -> None:
    """Raise `DataError` when the data is not what the checkpoint was trained on."""
    found = fingerprint(dataset)
    if noted == found:
        return
    noted = noted if isinstance(noted, dict) else {}
    changed = ", ".join(
        f"{key} {str(noted.get(key))[:16]} is now {str(value)[:16]}"
        for key, value in found.items()
        if noted.get(key) != value
    )
    raise DataError(
        f"the data has changed since the checkpoint: {changed}; {run.data_path}; "
        "restore it, or train a new run in another --out"
    )


def _write_tokenizer(run: RunFolder, tokenizer: Any) -> None:
    with replacing(run.data_path / TOKENIZER) as new:
        new.write_text(tokenizer.to_json(), encoding="utf-8")


def _gpt2_folder() -> Path:
    folder = Path(os.environ.get("WEFT_DATA", "data")) / "gpt2"
    if not folder.is_dir():
        raise ConfigError(
            f"GPT-2's vocabulary is not here; {folder}; put encoder.json and vocab.bpe into a "
            "folder and give its path as --tokenizer, or set WEFT_DATA"
        )
    return folder
