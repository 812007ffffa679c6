"""The peer: the training step of a GPT-2 in PyTorch, as fast as its public API makes it.

Fused attention, fused AdamW with two groups, clipping by the norm, weights that start as GPT-2's.
Subnormal numbers are flushed to zero, as Weft does: on x86 they made a step several times slower.
`nanogpt=True` is nanoGPT as it is shipped instead: no biases, exact GELU, AdamW not fused (which
it asks for on CUDA only).
PyTorch is no dependency of Weft: only a process of its own loads this file.
"""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from weft.config import ModelConfig


class Block(nn.Module):
    """Attention and MLP, each behind its norm."""

    def __init__(self, config: ModelConfig, gelu: str) -> None:
        super().__init__()
        C, inner, bias = config.n_embd, config.intermediate_size, config.bias
        self.heads, self.dropout, self.gelu = config.n_head, config.dropout, gelu
        self.norm_1, self.norm_2 = (nn.LayerNorm(C, config.norm_eps, bias=bias) for _ in range(2))
        self.qkv, self.out = nn.Linear(C, 3 * C, bias=bias), nn.Linear(C, C, bias=bias)
        self.up, self.down = nn.Linear(C, inner, bias=bias), nn.Linear(inner, C, bias=bias)
        self.drop = nn.Dropout(config.dropout)

    def forward(self, x: Any) -> Any:  # (B, T, C) -> (B, T, C)
        """One block."""
        B, T, C = x.shape
        split = self.qkv(self.norm_1(x)).split(C, 2)
        q, k, v = (t.view(B, T, self.heads, C // self.heads).transpose(1, 2) for t in split)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=self.dropout)
        x = x + self.drop(self.out(y.transpose(1, 2).reshape(B, T, C)))
        return x + self.drop(self.down(F.gelu(self.up(self.norm_2(x)), approximate=self.gelu)))


class GPT(nn.Module):
    """A GPT-2 of any size; the same number of parameters as Weft's."""

    def __init__(self, config: ModelConfig, gelu: str = "tanh") -> None:
        super().__init__()
        V, T, C = config.vocab_size, config.block_size, config.n_embd
        self.token, self.position = nn.Embedding(V, C), nn.Embedding(T, C)
        self.drop = nn.Dropout(config.dropout)
        self.blocks = nn.Sequential(*[Block(config, gelu) for _ in range(config.n_layer)])
        self.norm = nn.LayerNorm(C, config.norm_eps, bias=config.bias)
        self.head = nn.Linear(C, V, bias=False)
        if config.tie_embeddings:
            self.head.weight = self.token.weight
        self.apply(_initialise)

    def forward(self, x: Any, y: Any) -> Any:  # (B, T), (B, T) -> the mean loss
        """Nats per token."""
        h = self.blocks(self.drop(self.token(x) + self.position.weight))
        return F.cross_entropy(self.head(self.norm(h)).flatten(0, 1), y.flatten())


def _initialise(module: Any) -> None:
    """As GPT-2 does. PyTorch's N(0, 1) embeddings make losses of 480 and subnormal softmaxes."""
    if isinstance(module, (nn.Linear, nn.Embedding)):
        nn.init.normal_(module.weight, 0.0, 0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)


class TorchStep:
    """Call it to take a step; returns the loss."""

    def __init__(
        self, config: ModelConfig, batch_size: int, bf16: bool, compiled: bool, nanogpt: bool
    ) -> None:
        torch.manual_seed(0)
        torch.set_flush_denormal(True)
        self.model = GPT(config, "none" if nanogpt else "tanh")
        matrices = [p for p in self.model.parameters() if p.ndim >= 2]
        others = [p for p in self.model.parameters() if p.ndim < 2]
        groups: Any = [
            {"params": matrices, "weight_decay": 0.1},
            {"params": others, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99), fused=not nanogpt)
        self.forward = torch.compile(self.model) if compiled else self.model
        self.bf16 = bf16
        shape = (batch_size, config.block_size)
        self.x, self.y = (torch.randint(config.vocab_size, shape) for _ in range(2))

    def __call__(self) -> float:
        """Forward, backward, clipping, AdamW."""
        context: Any = contextlib.nullcontext()
        if self.bf16:
            context = torch.autocast("cpu", torch.bfloat16)
        with context:
            loss = self.forward(self.x, self.y)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return float(loss.item())


def make_step(
    config: dict[str, Any],
    batch_size: int,
    bf16: bool = False,
    compiled: bool = False,
    nanogpt: bool = False,
) -> TorchStep:
    """The step of `ModelConfig(**config)`; see bench_child.py."""
    if nanogpt:
        config = {**config, "bias": False}
    return TorchStep(ModelConfig(**config), batch_size, bf16, compiled, nanogpt)
