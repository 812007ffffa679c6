"""Which tensors a GGUF file of a configuration has, and which rows of Weft's parameters they are.

llama.cpp's names (gguf-py/gguf/constants.py). Its llama graph turns neighbouring elements of a head
together, as the paper has it, and Weft element i and i + D/2, as Hugging Face's models do; so the
rows of queries and keys change places in arch llama. Its gpt2 and qwen3 need no change.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from weft.config import ModelConfig
from weft.formats.model_files import Array


@dataclass(frozen=True)
class Part:
    """One tensor of the file: the rows from `first` on of one parameter."""

    name: str
    """llama.cpp's."""
    source: str
    """Weft's."""
    shape: tuple[int, ...]
    first: int = 0
    heads: int = 0
    """Heads whose rows llama.cpp has in pairs (`pair_rows`); 0 for rows that stay."""


def parts(config: ModelConfig) -> Iterator[Part]:
    """All tensors in the order of the file; the rows of one parameter come one after the other."""
    V, C = config.vocab_size, config.n_embd
    yield Part("token_embd.weight", "embedding.weight", (V, C))
    if config.arch == "gpt2":
        yield Part("position_embd.weight", "position.weight", (config.block_size, C))
    for layer in range(config.n_layer):
        yield from _block(config, f"blk.{layer}.", f"blocks.{layer}.")
    yield from _norm(config, "output_norm", "norm")
    if not config.tie_embeddings:
        yield Part("output.weight", "head.weight", (V, C))


def _block(config: ModelConfig, name: str, source: str) -> Iterator[Part]:
    C, D, inner = config.n_embd, config.head_dim, config.intermediate_size
    attention, mlp = f"{source}attention.", f"{source}feed_forward."
    yield from _norm(config, f"{name}attn_norm", f"{source}norm_1")
    if config.arch == "gpt2":
        yield from _linear(config, f"{name}attn_qkv", f"{attention}qkv", 3 * C, C)
    else:
        yield from _queries_keys_values(config, name, f"{attention}qkv")
    if config.arch == "qwen3":
        yield Part(f"{name}attn_q_norm.weight", f"{attention}q_norm.weight", (D,))
        yield Part(f"{name}attn_k_norm.weight", f"{attention}k_norm.weight", (D,))
    yield from _linear(config, f"{name}attn_output", f"{attention}out", C, config.n_head * D)
    yield from _norm(config, f"{name}ffn_norm", f"{source}norm_2")
    if config.arch != "gpt2":
        yield from _linear(config, f"{name}ffn_gate", f"{mlp}gate", inner, C)
    yield from _linear(config, f"{name}ffn_up", f"{mlp}up", inner, C)
    yield from _linear(config, f"{name}ffn_down", f"{mlp}down", C, inner)


def _queries_keys_values(config: ModelConfig, name: str, source: str) -> Iterator[Part]:
    C, D, H, Hkv = config.n_embd, config.head_dim, config.n_head, config.n_kv_head
    paired = config.arch == "llama"
    places = (("q", 0, H), ("k", H, Hkv), ("v", H + Hkv, Hkv))  # in heads
    for kind, shape in (("weight", (C,)), ("bias", ()))[: 1 + config.bias]:
        for letter, first, heads in places:
            pairs = heads if paired and letter != "v" else 0
            full = (heads * D, *shape)
            yield Part(f"{name}attn_{letter}.{kind}", f"{source}.{kind}", full, first * D, pairs)


def _linear(config: ModelConfig, name: str, source: str, out: int, width: int) -> Iterator[Part]:
    yield Part(f"{name}.weight", f"{source}.weight", (out, width))
    if has_biases(config):
        yield Part(f"{name}.bias", f"{source}.bias", (out,))


def _norm(config: ModelConfig, name: str, source: str) -> Iterator[Part]:
    yield Part(f"{name}.weight", f"{source}.weight", (config.n_embd,))
    if config.arch == "gpt2":
        yield Part(f"{name}.bias", f"{source}.bias", (config.n_embd,))


def has_biases(config: ModelConfig) -> bool:
    """llama.cpp's gpt2 cannot do without: a model that has none gets zeros."""
    return config.bias or config.arch == "gpt2"


def pair_rows(array: Array, heads: int) -> Array:
    """Rows (H D, ...) with element i of a head beside its partner i + D/2; heads 0: as they are."""
    return _exchange(array, heads, halves_first=True) if heads else array


def unpair_rows(array: Array, heads: int) -> Array:
    """The inverse of `pair_rows`."""
    return _exchange(array, heads, halves_first=False) if heads else array


def _exchange(array: Array, heads: int, *, halves_first: bool) -> Array:
    half = len(array) // heads // 2
    axes = (heads, 2, half) if halves_first else (heads, half, 2)
    return array.reshape(*axes, *array.shape[1:]).swapaxes(1, 2).reshape(array.shape)
