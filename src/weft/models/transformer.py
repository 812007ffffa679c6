"""The decoder-only Transformer, read from top to bottom: attention, MLP, block, model.

Attention Is All You Need (arXiv:1706.03762) with the norm in front, as GPT-2 has it. The main
switch is `config.arch`: gpt2 (learned positions, LayerNorm, GELU), llama (rotary positions,
RMSNorm, SwiGLU, grouped-query attention, arXiv:2302.13971) and qwen3 (llama with a norm on queries
and keys). Others change one part each: `positions`, `window`, `activation`, and `n_expert`, whose
part is in mixture_of_experts.py.
Shapes: B batch, T time, C width, H heads, Hkv key/value heads, D head size, V vocabulary.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from weft import nn
from weft.autograd import Tensor, checkpoint, compute_dtype
from weft.config import ModelConfig
from weft.models.cache import KeyValueCache
from weft.models.mixture_of_experts import MixtureOfExperts
from weft.models.sinusoids import waves
from weft.nn import functional as F
from weft.random import Generator, default_generator

STD = 0.02  # of the weights at the start


def norm(config: ModelConfig, width: int) -> nn.Module:
    if config.arch == "gpt2":
        return nn.LayerNorm(width, eps=config.norm_eps, bias=config.bias)
    return nn.RMSNorm(width, eps=config.norm_eps)


def rotation(config: ModelConfig) -> tuple[Any, Any]:
    """cos and sin of every position's angles, (T, D/2) each; pair i turns by theta^(-2i/D)."""
    exponents = np.arange(0, config.head_dim, 2, dtype=np.float32) / np.float32(config.head_dim)
    frequencies = np.float32(1.0) / np.float32(config.rope_theta) ** exponents
    angles = np.arange(config.block_size, dtype=np.float32)[:, None] * frequencies
    return np.cos(angles), np.sin(angles)


def sinusoids(config: ModelConfig) -> Any:
    """Waves of lengths from 2π to 20,000π, sine and cosine in turns: (T, C) (arXiv:1706.03762).

    Of the size of the token embeddings at the start, which the paper makes larger instead.
    """
    return (STD * math.sqrt(2) * waves(config.block_size, config.n_embd)).astype(np.float32)


def slopes(n_head: int) -> Any:
    """ALiBi's cost of distance in each head, (H,): from 2^(-8/H) down to 2^-8 (arXiv:2108.12409).

    Where H is not a power of two, the rest are every other slope of twice as many heads.
    """
    whole = 1 << n_head.bit_length() - 1  # the power of two that is not above H
    powers = [8 * (i + 1) / whole for i in range(whole)]
    powers += [8 * (i + 0.5) / whole for i in range(n_head - whole)]
    return 2.0 ** -np.array(powers, np.float32)


class Attention(nn.Module):
    """Causal self-attention; groups of query heads may share one key/value head."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.layer, self.dropout = layer, config.dropout
        self.heads = (config.n_head, config.n_kv_head, config.n_kv_head)  # of q, k, v
        D = config.head_dim
        self.qkv = nn.Linear(config.n_embd, sum(self.heads) * D, bias=config.bias)
        self.out = nn.Linear(config.n_head * D, config.n_embd, bias=config.bias)
        if config.arch == "qwen3":
            self.q_norm, self.k_norm = norm(config, D), norm(config, D)
        self.normalise_heads, self.head_dim = config.arch == "qwen3", D
        self.window = config.window
        self.slopes = slopes(config.n_head) if config.positions == "alibi" else None

    def forward(
        self, x: Tensor, residual: Tensor, turn: Any, state: KeyValueCache | None
    ) -> Tensor:
        """residual + what the heads of x have seen: (B, T, C)."""
        B, T, _ = x.shape
        dropout = self.dropout if self.training else 0.0
        qkv = self.qkv(x).view(B, T, -1, self.head_dim)  # (B, T, H + 2 Hkv, D)
        how: Any = {"is_causal": True, "window": self.window, "slopes": self.slopes}
        if turn is not None:
            qkv = F.rotary_qkv(qkv, self.heads[0], *turn, *self.head_norms())
        apart = state is not None or (self.normalise_heads and turn is None)
        if not apart:  # nothing happens to q, k and v on their own
            y = F.attention_qkv(qkv, self.heads[0], dropout, **how)
            return self.out(y.reshape(B, T, -1), residual, dropout)  # (B, T, C)
        q, k, v = qkv.split(self.heads, dim=2)
        if self.normalise_heads and turn is None:
            q, k = self.q_norm(q), self.k_norm(k)
        if state is not None:
            k, v = state.append(self.layer, k, v)  # (B, T so far, Hkv, D)
        y = F.attention(q, k, v, dropout, **how)
        return self.out(y.reshape(B, T, -1), residual, dropout)  # (B, T, C)

    def head_norms(self) -> tuple[Any, ...]:
        """The weights of the norms of queries and keys, and what keeps them from dividing by 0."""
        if not self.normalise_heads:
            return ()
        return (self.q_norm.weight, self.k_norm.weight), self.q_norm.eps


class FeedForward(nn.Module):
    """The MLP: up, a non-linearity, down; SwiGLU multiplies by a gate (arXiv:2002.05202)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        C, inner = config.n_embd, config.intermediate_size
        self.up = nn.Linear(C, inner, bias=config.bias)
        self.down = nn.Linear(inner, C, bias=config.bias)
        self.gate = None if config.arch == "gpt2" else nn.Linear(C, inner, bias=config.bias)
        self.dropout = config.dropout
        gelu = "gelu_tanh" if config.gelu == "tanh" else "gelu"
        self.activation = gelu if config.activation == "gelu" else config.activation

    def forward(self, x: Tensor, residual: Tensor | None) -> Tensor:
        """residual + the MLP of x: (..., C)."""
        dropout = self.dropout if self.training else 0.0
        up, down = ((layer.weight, layer.bias) for layer in (self.up, self.down))
        if self.gate is None:
            return F.feed_forward(x, up, down, residual, dropout, self.activation)
        gate = (self.gate.weight, self.gate.bias)
        return F.gated_feed_forward(x, gate, up, down, residual, dropout)


class Block(nn.Module):
    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.norm_1 = norm(config, config.n_embd)
        self.attention = Attention(config, layer)
        self.norm_2 = norm(config, config.n_embd)
        experts = [FeedForward(config) for _ in range(config.n_expert)]
        self.feed_forward = MixtureOfExperts(config, experts) if experts else FeedForward(config)

    def forward(self, x: Tensor, turn: Any, state: KeyValueCache | None) -> Any:
        """(B, T, C) -> (B, T, C); of experts that and the loss of their router, ()."""
        x = self.attention(self.norm_1(x), x, turn, state)
        return self.feed_forward(self.norm_2(x), x)


class GPT(nn.Module):
    """`model(tokens, state=None) -> logits`: (B, T) integers -> (B, T, V)."""

    def __init__(self, config: ModelConfig, generator: Generator | None = None) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.n_embd)
        learned = config.positions == "learned"
        self.position = nn.Embedding(config.block_size, config.n_embd) if learned else None
        self.sinusoids = sinusoids(config) if config.positions == "sinusoidal" else None
        self.rotation = rotation(config) if config.positions == "rotary" else None
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config, layer) for layer in range(config.n_layer))
        self.norm = norm(config, config.n_embd)
        tied = config.tie_embeddings
        self.head = None if tied else nn.Linear(config.n_embd, config.vocab_size, bias=False)
        self.checkpoint_gradients = False  # True: less memory, more time; see checkpoint()
        self.initialise(generator or default_generator())

    def initialise(self, generator: Generator) -> None:
        """As GPT-2: normal 0.02; what is added to the residual stream 0.02 / √(2L)."""
        for name, parameter in self.named_parameters():
            if parameter.ndim >= 2:
                residual = name.endswith((".out.weight", ".down.weight"))
                std = STD / math.sqrt(2 * self.config.n_layer) if residual else STD
                nn.init.normal_(parameter, std=std, generator=generator)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def start(self, batch: int, length: int | None = None, dtype: Any = None) -> KeyValueCache:
        """An empty state for `batch` sequences of up to `length` tokens (the whole context).

        `dtype` is what keys and values are kept in: float32, bfloat16, or int8 with scales; None
        for the compute precision.
        """
        c = self.config
        dtype = dtype or compute_dtype() or self.embedding.weight.dtype
        length = min(length or c.block_size, c.block_size)
        return KeyValueCache(c.n_layer, batch, c.n_kv_head, length, c.head_dim, dtype)

    def forward(self, tokens: Any, state: KeyValueCache | None = None) -> Tensor:
        """Logits of the token after each of `tokens`, which follow what is in `state`.

        Raises ValueError for more tokens than the context holds.
        """
        return F.linear(self.hidden(tokens, state), self.output_weight())

    def loss(self, tokens: Any, targets: Any, count: int | None = None) -> Tensor:
        """The cross entropy of the logits summed over all targets, divided by `count` of them.

        (B, T) integers twice; a target of -100 does not count. `count` is their number by default.
        Training uses this: the (B, T, V) logits are never all in memory. In training, routers add
        their losses, weighted by the part of `count` that is here.
        """
        x, routing = self.read(tokens)
        rows, flat = x.view(-1, x.shape[-1]), targets.reshape(-1)
        loss = F.linear_cross_entropy(rows, self.output_weight(), flat, count=count)
        if not (self.training and routing):
            return loss
        part = 1.0 if count is None else int((flat != -100).sum()) / count
        return loss + sum(routing[1:], routing[0]) * part

    def output_weight(self) -> Tensor:  # (V, C)
        return self.embedding.weight if self.head is None else self.head.weight

    def hidden(self, tokens: Any, state: KeyValueCache | None = None) -> Tensor:
        """What the last layer reads: (B, T) integers -> (B, T, C)."""
        return self.read(tokens, state)[0]

    def read(self, tokens: Any, state: KeyValueCache | None = None) -> tuple[Tensor, list[Tensor]]:
        """`hidden`, and the loss () of each block's router if there are experts."""
        T = tokens.shape[1]
        first = state.position if state else 0
        if first + T > self.config.block_size:
            raise ValueError(f"{first + T} tokens in a context of {self.config.block_size}")
        x = self.embedding(tokens)  # (B, T, C)
        turn = None
        if self.position is not None:
            x = x + self.position.weight[first : first + T]
        if self.sinusoids is not None:
            x = x + Tensor(self.sinusoids[first : first + T])
        if self.rotation is not None:
            turn = [table[first : first + T] for table in self.rotation]  # (T, D/2)
        x = self.dropout(x)
        routing = []
        for block in self.blocks:
            part = (block, x, turn, state)
            y = checkpoint(*part) if self.checkpoint_gradients else block(*part[1:])
            if self.config.n_expert:
                x, loss = y
                routing.append(loss)
            else:
                x = y
        if state is not None:
            state.position += T
        return self.norm(x), routing
