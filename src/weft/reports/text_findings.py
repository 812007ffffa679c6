"""What the text, the vocabulary and the model's size have to do with each other.

The ids of a run's own shards are counted, at most the first 16 million of each; a run on shards
that lie elsewhere goes without.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.checkpoint import RunFolder
from weft.config import NGramConfig, model_from_dict
from weft.data import TokenShard
from weft.errors import WeftError
from weft.reports.finding import (
    Finding,
    facts_of,
    figure,
    last_step,
    option,
    percent,
    vocabulary_of,
)
from weft.reports.record import RunRecord
from weft.training.memory import count_parameters

COUNTED = 1 << 24  # tokens
PIECE = 1 << 20
OVERLAP = 0.05  # of the 20-grams: what verses, licences and headers repeat is below it
DUPLICATES = 0.1  # of the documents
UNUSED = 0.5  # of the vocabulary

# Up to four passes over a text are nearly as good as new text (Muennighoff et al. 2023,
# arXiv:2305.16264); a model with more weights than tokens can learn it by heart in a few more.
FEWEST_TOKENS = 0.5  # per weight
PASSES = 8


def overlap(record: RunRecord) -> Finding | None:
    """Much of the validation text is in the training text, so its loss says too little."""
    share = facts_of(record).get("overlap")
    if not isinstance(share, int | float) or share < OVERLAP:
        return None
    return Finding(
        "overlap",
        "warning",
        f"the validation text shares {percent(share)} of its 20-grams with the training text: its "
        "loss is lower than on new text",
        "remove what is repeated from the text, or judge by a text of your own with weft eval",
    )


def duplicates(record: RunRecord) -> Finding | None:
    """Many documents are there more than once."""
    data = facts_of(record)
    found, documents = data.get("duplicates"), data.get("documents")
    if not isinstance(found, dict) or not isinstance(documents, int) or documents < 10:
        return None
    exact, near = (_count(found.get(name)) for name in ("exact", "near"))
    share = (exact + near) / documents
    if share < DUPLICATES:
        return None
    return Finding(
        "duplicates",
        "note",
        f"{percent(share)} of the {documents:,} documents are copies of others ({exact:,} exact, "
        f"{near:,} near)",
        "remove them from the text: what is read more often is learnt by heart",
    )


def tiny_text(record: RunRecord) -> Finding | None:
    """Few tokens for the model's weights, and read many times."""
    tokens, seen = _train_tokens(record), record.metrics[-1].get("tokens") if record.metrics else 0
    weights = _weights(record)
    if not tokens or not weights or not isinstance(seen, int | float):
        return None
    passes = seen / tokens
    if tokens / weights >= FEWEST_TOKENS or passes < PASSES:
        return None
    if passes < 1.1 * (option(record, "epochs") or 0):
        return None  # it was chosen with its passes
    return Finding(
        "tiny-text",
        "note",
        f"the text is tiny for this model: {figure(tokens / weights)} tokens per weight "
        f"({tokens:,} tokens, {weights:,} weights), read {passes:,.0f} times",
        f"more text, a smaller model (--n-layer, --n-embd), --dropout 0.2, or fewer --steps "
        f"({max(1, round(last_step(record) * PASSES / passes)):,} read it {PASSES} times)",
    )


def unused_vocabulary(record: RunRecord) -> Finding | None:
    """Most of the vocabulary's tokens are not in the training text."""
    counts = _shard_counts(record, "train")
    size = vocabulary_of(record)
    if counts is None or size < 2 or int(counts.sum()) >= COUNTED:
        return None  # what is beyond may have them
    used = int((counts > 0).sum())
    if 1 - used / size < UNUSED:
        return None
    return Finding(
        "unused-vocabulary",
        "warning",
        f"{percent(1 - used / size)} of the vocabulary is never used: {used:,} of {size:,} tokens "
        "occur in the training text",
        f"--tokenizer bpe --vocab-size {max(300, used // 2):,}".replace(",", "")
        + ", made from the text itself: the other rows of the embedding cost time and memory",
    )


def no_better_than_frequencies(record: RunRecord) -> Finding | None:
    """The best loss is that of knowing how often each token occurs, and nothing of their order."""
    best = record.best
    if best is None or record.family in ("encoder-decoder", "ngram"):
        return None
    train, val = (_shard_counts(record, name) for name in ("train", "val"))
    if train is None or val is None or not val.sum() or len(train) != len(val):
        return None
    share = (train + 1) / (train.sum() + len(train))  # add-one: a token may be new
    unigram = float(-(val * np.log(share)).sum() / val.sum())
    loss = float(best["val_loss"])
    if loss < 0.98 * unigram:
        return None
    return Finding(
        "no-better-than-frequencies",
        "warning",
        f"the validation loss ({figure(loss)}) never went below {figure(unigram)}, what knowing "
        "how often each token occurs gives: nothing of their order was learnt",
        "more --steps, or a higher --learning-rate if the loss hardly moves",
    )


def _train_tokens(record: RunRecord) -> int:
    tokens = facts_of(record).get("train_tokens")
    if isinstance(tokens, int):
        return tokens
    counts = _shard_counts(record, "train")
    return int(counts.sum()) if counts is not None else 0


def _weights(record: RunRecord) -> int:
    try:
        config = model_from_dict(record.model)
        return 0 if isinstance(config, NGramConfig) else count_parameters(config)
    except WeftError:
        return 0


def _shard_counts(record: RunRecord, name: str) -> NDArray[np.int64] | None:
    path = RunFolder(record.path).data_path / f"{name}.bin"
    if not path.is_file():
        return None
    try:
        return _counts(path, path.stat().st_mtime_ns)
    except (WeftError, OSError):
        return None  # its damage is said by the check of the files


@functools.lru_cache(maxsize=4)
def _counts(path: Path, modified: int) -> NDArray[np.int64]:
    """How often each id occurs in a shard. `modified` is part of the key."""
    shard = TokenShard.open(path)  # every id is below the vocabulary's size
    counts = np.zeros(shard.vocab_size, np.int64)
    for begin in range(0, min(COUNTED, len(shard)), PIECE):
        counts += np.bincount(shard.tokens[begin : begin + PIECE], minlength=len(counts))
    return counts


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0
