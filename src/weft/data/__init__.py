"""Corpora, token shards and batches: from DATA to arrays of ids.

Read in this order: `corpus.py` (text), `shards.py` (ids in a file), `prepare.py` (one to the
other), `batches.py` (what a step sees). `stories/` writes the default corpus.
"""

from weft.data.batches import (
    batch,
    stream_batch,
    stream_windows,
    validation_batches,
    window_starts,
)
from weft.data.census import Census, take_census
from weft.data.corpus import Corpus, Passage, open_corpus, separated, spread
from weft.data.overlap import overlap
from weft.data.pairs import (
    Marks,
    PairBatch,
    PairEncoder,
    PairTokens,
    encode_pairs,
    line_boundary,
    marks_of,
    pad,
    pair_numbers,
    split_pairs,
)
from weft.data.prepare import (
    Dataset,
    check_long_enough,
    check_tokenizer,
    encode_documents,
    end_of_text,
    is_dataset,
    open_dataset,
    prepare,
)
from weft.data.shards import TokenShard, is_shard, write_shard
from weft.data.split import Split, split_corpus
from weft.data.statistics import Statistics, statistics

__all__ = [
    "Census",
    "Corpus",
    "Dataset",
    "Marks",
    "PairBatch",
    "PairEncoder",
    "PairTokens",
    "Passage",
    "Split",
    "Statistics",
    "TokenShard",
    "batch",
    "check_long_enough",
    "check_tokenizer",
    "encode_documents",
    "encode_pairs",
    "end_of_text",
    "is_dataset",
    "is_shard",
    "line_boundary",
    "marks_of",
    "open_corpus",
    "open_dataset",
    "overlap",
    "pad",
    "pair_numbers",
    "prepare",
    "separated",
    "split_corpus",
    "split_pairs",
    "spread",
    "statistics",
    "stream_batch",
    "stream_windows",
    "take_census",
    "validation_batches",
    "window_starts",
    "write_shard",
]
