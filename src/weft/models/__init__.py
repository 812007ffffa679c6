"""The model families, one architecture per file; each answers `model(tokens, state) -> logits`."""

from weft.models.bag_of_words import BagOfWords
from weft.models.cache import CachePrecision, KeyValueCache
from weft.models.families import build, skeleton
from weft.models.mlp import MLP
from weft.models.ngram import NGram, NGramState
from weft.models.transformer import GPT
from weft.models.window import TokenWindow

__all__ = [
    "GPT",
    "MLP",
    "BagOfWords",
    "CachePrecision",
    "KeyValueCache",
    "NGram",
    "NGramState",
    "TokenWindow",
    "build",
    "skeleton",
]
