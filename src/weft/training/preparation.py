"""From DATA to a tokenizer and token shards, kept in the run folder so that resuming needs no DATA.

Order matters for a kill in between: tokenizer.json, the shards, and config.toml (by the caller)
last, so that a folder with a config.toml has everything.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from weft.checkpoint import RunFolder
from weft.config import TrainConfig
from weft.data import (
    Census,
    Corpus,
    Dataset,
    PairEncoder,
    Split,
    TokenShard,
    is_dataset,
    is_shard,
    line_boundary,
    open_corpus,
    open_dataset,
    prepare,
    separated,
    split_corpus,
    take_census,
)
from weft.data.prepare import TRAIN, VALIDATION
from weft.errors import ConfigError, DataError
from weft.tokenizers import END_OF_TEXT, BPETokenizer, CharacterTokenizer, load_tokenizer
from weft.training.progress import Progress

TOKENIZER = "tokenizer.json"
DEFAULT_VOCAB_SIZE = 4096  # of a bpe tokenizer
SAMPLED_TOKENS = 1 << 19  # at each end of a shard, for its fingerprint


class Source:
    """DATA, looked at once: a text to tokenize, or shards that are used where they are."""

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.is_shards = is_dataset(config.data)
        self.corpus: Corpus | None = None
        if not self.is_shards:
            self.corpus = open_corpus(config.data, field=config.field, column=config.column)
        elif config.field is not None or config.column is not None:
            raise ConfigError(
                f"a field or a column of token shards; {config.data}; leave --field or --column out"
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
            return open_dataset(self.config.data, tokenizer, self.config.val_fraction)
        for reason, count in self.corpus.skipped.items():
            progress.message(f"{self.config.data}: skipped {count} ({reason})")
        fraction = self.config.val_fraction
        common = run.data_path, fraction, progress.preparing
        if in_pairs:
            encoder = PairEncoder(tokenizer, self.config.data)
            split = split_corpus(self.corpus, fraction, boundary=line_boundary)
            return prepare(self.corpus, encoder, *common, split)
        return prepare(self.corpus, tokenizer, *common, self.split)

    @functools.cached_property
    def census(self) -> Census | None:
        """What was counted of the documents; None of one document, which need not be read."""
        if self.corpus is None or self.corpus.count < 2:
            return None
        return take_census(self.corpus)

    @functools.cached_property
    def split(self) -> Split:
        """What is for training, and what for validation."""
        assert self.corpus is not None
        return split_corpus(self.corpus, self.config.val_fraction, self.census)

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
        files = [self.config.data]
        if not is_shard(self.config.data):
            files = [str(Path(self.config.data, name)) for name in (TRAIN, VALIDATION)]
        return sum(len(TokenShard.open(file)) for file in files)

    def _beside_shards(self) -> Path:
        path = Path(self.config.data)
        return (path if path.is_dir() else path.parent) / TOKENIZER


def reopen(config: TrainConfig, run: RunFolder) -> tuple[Any, Dataset]:
    """Tokenizer and dataset of a run that began before."""
    tokenizer = load_tokenizer(run.data_path / TOKENIZER)
    if (run.data_path / "train.bin").exists():
        return tokenizer, open_dataset(run.data_path, tokenizer)
    return tokenizer, open_dataset(config.data, tokenizer, config.val_fraction)


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
    temporary = run.data_path / f"{TOKENIZER}.tmp-{os.getpid()}"
    temporary.write_text(tokenizer.to_json(), encoding="utf-8")
    os.replace(temporary, run.data_path / TOKENIZER)


def _gpt2_folder() -> Path:
    folder = Path(os.environ.get("WEFT_DATA", "data")) / "gpt2"
    if not folder.is_dir():
        raise ConfigError(
            f"GPT-2's vocabulary is not here; {folder}; put encoder.json and vocab.bpe into a "
            "folder and give its path as --tokenizer, or set WEFT_DATA"
        )
    return folder
