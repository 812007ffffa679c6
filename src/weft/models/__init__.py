"""The model families, one architecture per file; each answers `model(tokens, state) -> logits`."""

from typing import TYPE_CHECKING

from weft.lazy import on_first_use

if TYPE_CHECKING:
    from weft.models.bag_of_words import BagOfWords
    from weft.models.cache import CachePrecision, KeyValueCache
    from weft.models.encoder_decoder import EncoderDecoder, SourceState
    from weft.models.families import build, skeleton
    from weft.models.mlp import MLP
    from weft.models.ngram import NGram, NGramState
    from weft.models.recurrent import Recurrent, RecurrentState
    from weft.models.transformer import GPT
    from weft.models.window import TokenWindow
else:
    __getattr__ = on_first_use(
        __name__,
        {
            "bag_of_words": "BagOfWords",
            "cache": "CachePrecision KeyValueCache",
            "encoder_decoder": "EncoderDecoder SourceState",
            "families": "build skeleton",
            "mlp": "MLP",
            "ngram": "NGram NGramState",
            "recurrent": "Recurrent RecurrentState",
            "transformer": "GPT",
            "window": "TokenWindow",
        },
    )

__all__ = [
    "GPT",
    "MLP",
    "BagOfWords",
    "CachePrecision",
    "EncoderDecoder",
    "KeyValueCache",
    "NGram",
    "NGramState",
    "Recurrent",
    "RecurrentState",
    "SourceState",
    "TokenWindow",
    "build",
    "skeleton",
]
