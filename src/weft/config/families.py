"""The families of models: which configuration the name after `--model` stands for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from weft.config.bag_of_words import BagOfWordsConfig
from weft.config.encoder_decoder import EncoderDecoderConfig
from weft.config.fields import from_dict, unknown_name_message
from weft.config.mlp import MLPConfig
from weft.config.ngram import NGramConfig
from weft.config.recurrent import RecurrentConfig
from weft.config.transformer import ModelConfig
from weft.errors import ConfigError

Family = Literal["gpt", "ngram", "mlp", "bow", "rnn", "gru", "lstm", "encoder-decoder"]
AnyModelConfig = (
    ModelConfig
    | NGramConfig
    | MLPConfig
    | BagOfWordsConfig
    | RecurrentConfig
    | EncoderDecoderConfig
)
FAMILIES: dict[str, type[AnyModelConfig]] = {
    "gpt": ModelConfig,
    "ngram": NGramConfig,
    "mlp": MLPConfig,
    "bow": BagOfWordsConfig,
    "rnn": RecurrentConfig,
    "gru": RecurrentConfig,
    "lstm": RecurrentConfig,
    "encoder-decoder": EncoderDecoderConfig,
}


def model_from_dict(values: Mapping[str, Any], where: str = "model") -> AnyModelConfig:
    """The configuration of a model of any family; without `model` it is a gpt.

    An option of another family is an error that says whose it is. Raises `ConfigError`.
    """
    name = values.get("model", "gpt")
    if not isinstance(name, str) or name not in FAMILIES:
        raise ConfigError(unknown_name_message("model", name, list(FAMILIES), where))
    cls = FAMILIES[name]
    mine = {field.name for field in dataclasses.fields(cls)}
    for key in values:
        others = [family for family in FAMILIES if key in options_of_family(family)]
        if key not in mine and others:
            raise ConfigError(
                f"{key} is not an option of model {name}, but of {', '.join(others)}; {where}; "
                f"leave {key} out"
            )
    return from_dict(cls, values, where)


def options_of_family(name: str) -> list[str]:
    """Names of the options of a family."""
    return [field.name for field in dataclasses.fields(FAMILIES[name])]
