"""The configurations: what a model is, family by family, and how it is trained.

All are frozen dataclasses, valid once built: fields left out are derived from the others, and
impossible values raise `ConfigError` with the numbers in it. They travel as plain dicts in TOML and
JSON; an unknown key is an error that names the nearest one, and no value changes its type.
"""

from typing import TYPE_CHECKING

from weft.lazy import on_first_use

if TYPE_CHECKING:
    from weft.config.bag_of_words import BagOfWordsConfig
    from weft.config.encoder_decoder import EncoderDecoderConfig
    from weft.config.families import FAMILIES, AnyModelConfig, Family, model_from_dict
    from weft.config.fields import from_dict, to_dict, unknown_key_message
    from weft.config.mlp import MLPConfig
    from weft.config.ngram import NGramConfig
    from weft.config.recurrent import RecurrentConfig
    from weft.config.toml import read_toml, write_toml
    from weft.config.training import TrainConfig
    from weft.config.transformer import Gelu, ModelConfig
else:
    __getattr__ = on_first_use(
        __name__,
        {
            "bag_of_words": "BagOfWordsConfig",
            "encoder_decoder": "EncoderDecoderConfig",
            "families": "FAMILIES AnyModelConfig Family model_from_dict",
            "fields": "from_dict to_dict unknown_key_message",
            "mlp": "MLPConfig",
            "ngram": "NGramConfig",
            "recurrent": "RecurrentConfig",
            "toml": "read_toml write_toml",
            "training": "TrainConfig",
            "transformer": "Gelu ModelConfig",
        },
    )

__all__ = [
    "FAMILIES",
    "AnyModelConfig",
    "BagOfWordsConfig",
    "EncoderDecoderConfig",
    "Family",
    "Gelu",
    "MLPConfig",
    "ModelConfig",
    "NGramConfig",
    "RecurrentConfig",
    "TrainConfig",
    "from_dict",
    "model_from_dict",
    "read_toml",
    "to_dict",
    "unknown_key_message",
    "write_toml",
]
