"""The model families, one architecture per file; each answers `model(tokens, state) -> logits`."""

from weft.models.cache import CachePrecision, KeyValueCache
from weft.models.transformer import GPT

__all__ = ["GPT", "CachePrecision", "KeyValueCache"]
