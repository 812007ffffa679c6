"""The encoder-decoder Transformer, read from top to bottom: attention, MLP, blocks, model.

Attention Is All You Need (arXiv:1706.03762). The encoder reads the whole source at once; the
decoder writes the target one token after the other, and each of its layers also looks at what the
encoder made of the source (cross-attention). Sources of uneven lengths are padded on the right, and
no query looks at padding. From the same weights it gives what torch.nn.Transformer gives.
Shapes: B batch, S time of the source, T time of the target, C width, H heads, D head size.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np

from weft import nn
from weft.autograd import Tensor, compute_dtype
from weft.config import EncoderDecoderConfig
from weft.models.cache import KeyValueCache
from weft.models.sinusoids import waves
from weft.nn import functional as F
from weft.random import Generator, default_generator

KeysValues = tuple[Tensor, Tensor]  # (B, S, H, D) each


class SourceState:
    """The state of a decoder: what it looks at in the source, and the cache of what it has read.

    `memory` has the keys and values of the source for each layer. `position`, which counts the
    tokens of the target, may be set back as a KeyValueCache's.
    """

    def __init__(
        self, memory: list[KeysValues], mask: Tensor | None, cache: KeyValueCache | None = None
    ) -> None:
        self.memory, self.mask, self._cache = memory, mask, cache

    @property
    def cache(self) -> KeyValueCache:
        assert self._cache is not None
        return self._cache

    @property
    def position(self) -> int:
        return self.cache.position

    @position.setter
    def position(self, value: int) -> None:
        self.cache.position = value

    @property
    def full(self) -> bool:
        """No further token fits."""
        return self.cache.full

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays; those of the source are shared by its copies."""
        return self.cache.nbytes + sum(x.array.nbytes for pair in self.memory for x in pair)

    def copy(self) -> SourceState:
        """A branch: the same source and tokens, and from here on independent."""
        branch = copy(self)
        branch._cache = self.cache.copy()
        return branch


class Attention(nn.Module):
    """Multi-head attention of x to itself, or to keys and values that are given."""

    def __init__(self, config: EncoderDecoderConfig, layer: int = 0, causal: bool = False) -> None:
        super().__init__()
        C, self.heads, self.dropout = config.n_embd, config.n_head, config.dropout
        self.layer, self.causal = layer, causal
        self.query = nn.Linear(C, C)
        self.key_value = nn.Linear(C, 2 * C)
        self.out = nn.Linear(C, C)

    def keys_values(self, x: Tensor) -> KeysValues:
        """What others see of x: (B, S, C) -> (B, S, H, D) twice."""
        B, S, C = x.shape
        H = self.heads
        keys, values = self.key_value(x).view(B, S, 2 * H, C // H).split((H, H), dim=2)
        return keys, values

    def forward(
        self,
        x: Tensor,
        residual: Tensor,
        memory: KeysValues | None = None,
        mask: Tensor | None = None,
        cache: KeyValueCache | None = None,
    ) -> Tensor:
        """residual + what the heads of x have seen: (B, T, C); `mask` is True at keys to see."""
        B, T, C = x.shape
        q = self.query(x).view(B, T, self.heads, -1)  # (B, T, H, D)
        k, v = memory or self.keys_values(x)
        if cache is not None:
            k, v = cache.append(self.layer, k, v)
        dropout = self.dropout if self.training else 0.0
        if mask is None:
            y = F.attention(q, k, v, dropout, self.causal)
        else:
            q, k, v = (t.transpose(1, 2) for t in (q, k, v))  # (B, H, T, D)
            y = F.scaled_dot_product_attention(q, k, v, mask, dropout).transpose(1, 2)
        return self.out(y.reshape(B, T, C), residual, dropout)


class FeedForward(nn.Module):
    """The MLP: up, a non-linearity, down."""

    def __init__(self, config: EncoderDecoderConfig) -> None:
        super().__init__()
        self.up = nn.Linear(config.n_embd, config.intermediate_size)
        self.down = nn.Linear(config.intermediate_size, config.n_embd)
        self.dropout, self.activation = config.dropout, config.activation

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        """residual + the MLP of x: (B, T, C)."""
        dropout = self.dropout if self.training else 0.0
        up, down = ((layer.weight, layer.bias) for layer in (self.up, self.down))
        return F.feed_forward(x, up, down, residual, dropout, self.activation)


class Block(nn.Module):
    """Self-attention and MLP; what stands around them is the same in the decoder."""

    def __init__(self, config: EncoderDecoderConfig, layer: int = 0, causal: bool = False) -> None:
        super().__init__()
        self.norm_first = config.norm_first
        self.norm_1 = norm(config)
        self.attention = Attention(config, layer, causal)
        self.norm_2 = norm(config)
        self.feed_forward = FeedForward(config)

    def add(self, norm: Callable[[Tensor], Tensor], part: Any, x: Tensor, *others: Any) -> Tensor:
        """x + part(x), with the norm in front of the part or behind the sum."""
        if self.norm_first:
            y: Tensor = part(norm(x), x, *others)
            return y
        return norm(part(x, x, *others))

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:  # (B, S, C) -> (B, S, C)
        x = self.add(self.norm_1, self.attention, x, None, mask)
        return self.add(self.norm_2, self.feed_forward, x)


class DecoderBlock(Block):
    """A block that looks at the source between its self-attention and its MLP."""

    def __init__(self, config: EncoderDecoderConfig, layer: int) -> None:
        super().__init__(config, layer, causal=True)
        self.norm_3 = norm(config)
        self.cross_attention = Attention(config)

    def forward(  # type: ignore[override]
        self, x: Tensor, memory: KeysValues, mask: Tensor | None, cache: KeyValueCache | None
    ) -> Tensor:  # (B, T, C) -> (B, T, C)
        x = self.add(self.norm_1, self.attention, x, None, None, cache)
        x = self.add(self.norm_3, self.cross_attention, x, memory, mask)
        return self.add(self.norm_2, self.feed_forward, x)


def norm(config: EncoderDecoderConfig) -> nn.LayerNorm:
    return nn.LayerNorm(config.n_embd, eps=config.norm_eps)


def sinusoids(length: int, width: int) -> Tensor:
    """sin and cos of position · 10000^(-2i/C), in turns (section 3.5): (T, C)."""
    return Tensor(waves(length, width).astype(np.float32))


class EncoderDecoder(nn.Module):
    """`model(tokens, state) -> logits`: (B, T) integers -> (B, T, V); `encode` makes the state."""

    def __init__(self, config: EncoderDecoderConfig, generator: Generator | None = None) -> None:
        super().__init__()
        self.config = config
        C, layers = config.n_embd, range(config.n_layer)
        self.embedding = nn.Embedding(config.vocab_size, C)
        self.position = (
            nn.Embedding(config.block_size, C) if config.positions == "learned" else None
        )
        self.waves = sinusoids(config.block_size, C) if self.position is None else None
        self.dropout = nn.Dropout(config.dropout)
        self.encoder = nn.ModuleList(Block(config) for _ in layers)
        self.encoder_norm = norm(config)
        self.decoder = nn.ModuleList(DecoderBlock(config, layer) for layer in layers)
        self.decoder_norm = norm(config)
        tied = config.tie_embeddings
        self.head = None if tied else nn.Linear(C, config.vocab_size, bias=False)
        self.initialise(generator or default_generator())

    def initialise(self, generator: Generator) -> None:
        """Matrices uniform as Glorot and Bengio (2010) have it, embeddings normal 1/√C."""
        for name, parameter in self.named_parameters():
            if name.startswith(("embedding", "position")):
                std = 1 / math.sqrt(self.config.n_embd)
                nn.init.normal_(parameter, std=std, generator=generator)
            elif parameter.ndim >= 2:
                nn.init.xavier_uniform_(parameter, generator=generator)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def encode(
        self, source: Any, lengths: Any = None, length: int | None = None, dtype: Any = None
    ) -> SourceState:
        """The state that a target begins with, for sources (B, S) padded to one length.

        `lengths` (B) says how many tokens of each row count, at least 1: all, if it is not given.
        Targets of up to `length` tokens fit (the whole context); `dtype` is as in `GPT.start`.
        """
        return self.begin(SourceState(*self.look_at(source, lengths)), length, dtype)

    def begin(
        self, state: SourceState, length: int | None = None, dtype: Any = None
    ) -> SourceState:
        """A state of the same source that has read nothing; arguments as in `encode`."""
        c = self.config
        dtype = dtype or compute_dtype() or self.embedding.weight.dtype
        length = min(length or c.block_size, c.block_size)
        B, D = state.memory[0][0].shape[0], c.n_embd // c.n_head
        cache = KeyValueCache(c.n_layer, B, c.n_head, length, D, dtype)
        return SourceState(state.memory, state.mask, cache)

    def forward(self, tokens: Any, state: SourceState | None = None) -> Tensor:
        """Logits of the token after each of `tokens`, which follow what is in `state`.

        Raises ValueError without a state, and for more tokens than the context holds.
        """
        if state is None:
            raise ValueError("an encoder-decoder needs a source: give it encode(source) as state")
        x = self.hidden(tokens, state, state.cache)
        return F.linear(x, self.output_weight())

    def loss(
        self, tokens: Any, targets: Any, count: int | None = None, source: Any = None
    ) -> Tensor:
        """The cross entropy of all targets, divided by `count` of them (their number by default).

        `source` is (B, S) integers and their lengths (B), as in `encode`; `tokens` are the targets
        (B, T) moved back by one, so that the decoder is taught with the true ones. A target of -100
        does not count.
        """
        x = self.hidden(tokens, SourceState(*self.look_at(*source)), None)
        rows, flat = x.view(-1, x.shape[-1]), targets.reshape(-1)
        return F.linear_cross_entropy(rows, self.output_weight(), flat, count=count)

    def output_weight(self) -> Tensor:  # (V, C)
        return self.embedding.weight if self.head is None else self.head.weight

    def look_at(self, source: Any, lengths: Any) -> tuple[list[KeysValues], Tensor | None]:
        """The source's keys and values for each layer, and where they are no padding."""
        S = source.shape[1]
        lengths = np.full(len(source), S) if lengths is None else np.asarray(lengths)
        if lengths.min() < 1 or lengths.max() > S:
            raise ValueError(f"sources of {lengths.min()} to {lengths.max()} tokens; 1 to {S} fit")
        mask = None
        if lengths.min() < S:
            mask = Tensor((np.arange(S) < lengths[:, None])[:, None, None])  # (B, 1, 1, S)
        x = self.embed(source, 0)
        for block in self.encoder:
            x = block(x, mask)
        x = self.encoder_norm(x)  # (B, S, C)
        return [block.cross_attention.keys_values(x) for block in self.decoder], mask

    def hidden(self, tokens: Any, state: SourceState, cache: KeyValueCache | None) -> Tensor:
        """What the output layer reads: (B, T) integers -> (B, T, C)."""
        x = self.embed(tokens, cache.position if cache else 0)
        for block, memory in zip(self.decoder, state.memory, strict=True):
            x = block(x, memory, state.mask, cache)
        if cache is not None:
            cache.position += tokens.shape[1]
        return self.decoder_norm(x)

    def embed(self, tokens: Any, first: int) -> Tensor:
        """Embeddings · √C (section 3.4) plus positions from `first` on: (B, T) -> (B, T, C)."""
        last = first + tokens.shape[1]
        if last > self.config.block_size:
            raise ValueError(f"{last} tokens in a context of {self.config.block_size}")
        table = self.waves if self.position is None else self.position.weight
        assert table is not None
        scale = math.sqrt(self.config.n_embd)
        return self.dropout(self.embedding(tokens) * scale + table[first:last])
