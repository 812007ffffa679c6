"""From a configuration to its model, whatever the family."""

from __future__ import annotations

from typing import Any

from weft import nn
from weft.config import (
    AnyModelConfig,
    BagOfWordsConfig,
    MLPConfig,
    ModelConfig,
    NGramConfig,
    RecurrentConfig,
)
from weft.nn import init
from weft.random import Generator


def build(config: AnyModelConfig, generator: Generator | None = None) -> Any:
    """The model, with its first weights drawn from `generator`."""
    if isinstance(config, ModelConfig):
        from weft.models.transformer import GPT

        return GPT(config, generator)
    if isinstance(config, MLPConfig):
        from weft.models.mlp import MLP

        return MLP(config, generator)
    if isinstance(config, BagOfWordsConfig):
        from weft.models.bag_of_words import BagOfWords

        return BagOfWords(config, generator)
    if isinstance(config, RecurrentConfig):
        from weft.models.recurrent import Recurrent

        return Recurrent(config, generator)
    if isinstance(config, NGramConfig):
        from weft.models.ngram import NGram

        return NGram(config, generator)
    from weft.models.encoder_decoder import EncoderDecoder

    return EncoderDecoder(config, generator)


def skeleton(config: AnyModelConfig) -> nn.Module:
    """The model with its weights allocated and never touched, so that they take no memory yet."""
    with init.skipped():
        model: nn.Module = build(config)
    return model
