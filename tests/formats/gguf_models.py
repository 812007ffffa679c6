"""Tiny models with random weights for the tests of GGUF, and the text their tokenizers learn."""

from __future__ import annotations

from typing import Any

import numpy as np

from weft.config import ModelConfig
from weft.formats.model_files import Weights
from weft.models import GPT
from weft.random import Generator
from weft.tokenizers import BPETokenizer, CharacterTokenizer, Tokenizer

TEXT = (
    "The quick brown fox jumps over the lazy dog; the dog doesn't mind. 'Tis 1,234 o'clock!\n\n"
    "Zwölf Boxkämpfer jagen Viktor quer über den Deich… 日本語の文字も少し。\t\\o/\r\n"
) * 3


def tokenizer_of(kind: str) -> Tokenizer:
    if kind == "characters":
        return CharacterTokenizer.train([TEXT])
    return BPETokenizer.train([TEXT], 300)


def model_of(
    arch: str, kind: str = "bytes", scale: float = 6.0, **changes: Any
) -> tuple[ModelConfig, dict[str, np.ndarray], Tokenizer]:
    """A model of two blocks. Its matrices are large, so that the likeliest token is far ahead of
    the next, and its biases and norms random, so that none of them can be mistaken."""
    tokenizer = tokenizer_of(kind)
    options = {"vocab_size": tokenizer.vocab_size, "block_size": 96, "n_layer": 2, "n_head": 4,
               "n_embd": 64}  # fmt: skip
    options |= {} if arch == "gpt2" else {"n_kv_head": 2}
    options |= {"head_dim": 32} if arch == "qwen3" else {}
    config = ModelConfig(arch=arch, **{**options, **changes})
    rng = np.random.default_rng(7)
    weights = {}
    for name, tensor in GPT(config, Generator(5)).state_dict().items():
        noise = rng.standard_normal(tensor.shape).astype(np.float32)
        weights[name] = scale * tensor.array if tensor.ndim == 2 else tensor.array + 0.1 * noise
    return config, weights, tokenizer


def lazy(weights: dict[str, np.ndarray]) -> Weights:
    return Weights({name: lambda array=array: array for name, array in weights.items()})


def logits_of(config: ModelConfig, weights: Any, tokens: list[int]) -> np.ndarray:
    """The logits after the last of `tokens`, (V,) float32."""
    model = GPT(config, Generator(1))
    model.load_state_dict({name: np.array(weights[name], np.float32) for name in weights})
    return model.eval()(np.array([tokens])).detach().array[0, -1]


def greedy(config: ModelConfig, weights: Any, tokens: list[int], count: int) -> list[int]:
    model = GPT(config, Generator(1))
    model.load_state_dict({name: np.array(weights[name], np.float32) for name in weights})
    model.eval()
    new: list[int] = []
    for _ in range(count):
        new.append(int(model(np.array([tokens + new])).detach().array[0, -1].argmax()))
    return new
