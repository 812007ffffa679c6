"""Which tensors of a Hugging Face model hold which of our parameters: one table for both ways.

Their names are without prefixes ("transformer.", "model."). GPT-2's four matrices are Conv1D there:
(in, out). Llama and Qwen3 have queries, keys and values apart; ours are one below the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from weft.config import ModelConfig


@dataclass(frozen=True)
class Parameter:
    """One of our parameters, and the tensors that hold its rows, from top to bottom."""

    name: str
    shape: tuple[int, ...]
    """Ours: (out, in) for a matrix."""
    parts: tuple[tuple[str, int], ...]
    """Their name, and how many rows of ours it holds. None at all: a bias of zeros."""
    transposed: bool = False
    """Their matrix is (in, out)."""

    def part_shape(self, rows: int) -> tuple[int, ...]:
        """Shape of a part as it is stored there."""
        shape = (rows, *self.shape[1:])
        return shape[::-1] if self.transposed else shape


_GPT2_BLOCK = (
    ("norm_1", "ln_1"),
    ("attention.qkv", "attn.c_attn"),
    ("attention.out", "attn.c_proj"),
    ("norm_2", "ln_2"),
    ("feed_forward.up", "mlp.c_fc"),
    ("feed_forward.down", "mlp.c_proj"),
)


def parameters(
    config: ModelConfig, attention_bias: bool = True, mlp_bias: bool = True
) -> Iterator[Parameter]:
    """All parameters, in the order of `GPT.state_dict()`.

    The two switches say, where `config.bias` is true, which linear layers of a Llama or Qwen3 have
    their biases in the file.
    """
    V, T, C = config.vocab_size, config.block_size, config.n_embd
    gpt2 = config.arch == "gpt2"
    yield _whole("embedding.weight", "wte.weight" if gpt2 else "embed_tokens.weight", V, C)
    if gpt2:
        yield _whole("position.weight", "wpe.weight", T, C)
    for layer in range(config.n_layer):
        if gpt2:
            yield from _gpt2_block(config, layer)
        else:
            yield from _rotary_block(config, layer, attention_bias, mlp_bias)
    yield _whole("norm.weight", "ln_f.weight" if gpt2 else "norm.weight", C)
    if gpt2 and config.bias:
        yield _whole("norm.bias", "ln_f.bias", C)
    if not config.tie_embeddings:
        yield _whole("head.weight", "lm_head.weight", V, C)


def _whole(name: str, theirs: str, *shape: int, transposed: bool = False) -> Parameter:
    return Parameter(name, shape, ((theirs, shape[0]),), transposed)


def _gpt2_block(config: ModelConfig, layer: int) -> Iterator[Parameter]:
    C, inner = config.n_embd, config.intermediate_size
    shapes: dict[str, tuple[int, ...]] = {
        "attention.qkv": (3 * C, C),
        "attention.out": (C, C),
        "feed_forward.up": (inner, C),
        "feed_forward.down": (C, inner),
    }
    for ours, theirs in _GPT2_BLOCK:
        shape = shapes.get(ours, (C,))
        name, other = f"blocks.{layer}.{ours}", f"h.{layer}.{theirs}"
        yield _whole(f"{name}.weight", f"{other}.weight", *shape, transposed=len(shape) == 2)
        if config.bias:
            yield _whole(f"{name}.bias", f"{other}.bias", shape[0])


def _rotary_block(
    config: ModelConfig, layer: int, attention_bias: bool, mlp_bias: bool
) -> Iterator[Parameter]:
    C, D, inner = config.n_embd, config.head_dim, config.intermediate_size
    q, kv = config.n_head * D, config.n_kv_head * D
    heads = (("q_proj", q), ("k_proj", kv), ("v_proj", kv))
    ours, theirs = f"blocks.{layer}.", f"layers.{layer}."
    yield _whole(f"{ours}norm_1.weight", f"{theirs}input_layernorm.weight", C)
    parts = tuple((f"{theirs}self_attn.{name}", rows) for name, rows in heads)
    yield from _linear(config, f"{ours}attention.qkv", parts, C, attention_bias)
    out = ((f"{theirs}self_attn.o_proj", C),)
    yield from _linear(config, f"{ours}attention.out", out, q, attention_bias)
    if config.arch == "qwen3":
        for norm in ("q_norm", "k_norm"):
            yield _whole(f"{ours}attention.{norm}.weight", f"{theirs}self_attn.{norm}.weight", D)
    yield _whole(f"{ours}norm_2.weight", f"{theirs}post_attention_layernorm.weight", C)
    for name, rows, columns in (("up", inner, C), ("down", C, inner), ("gate", inner, C)):
        one = ((f"{theirs}mlp.{name}_proj", rows),)
        yield from _linear(config, f"{ours}feed_forward.{name}", one, columns, mlp_bias)


def _linear(
    config: ModelConfig, name: str, parts: tuple[tuple[str, int], ...], columns: int, biased: bool
) -> Iterator[Parameter]:
    rows = sum(rows for _, rows in parts)
    weights = tuple((f"{theirs}.weight", n) for theirs, n in parts)
    yield Parameter(f"{name}.weight", (rows, columns), weights)
    if config.bias:
        biases = tuple((f"{theirs}.bias", n) for theirs, n in parts) if biased else ()
        yield Parameter(f"{name}.bias", (rows,), biases)
