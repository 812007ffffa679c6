"""The peer: the same GPT-2-style training step in PyTorch, as fast as its public API makes it.

Fused attention, fused AdamW with the same two groups, clipping by the norm, tied embeddings, the
tanh form of GELU; float32 eager unless bfloat16 autocast or torch.compile is asked for.
"""

from __future__ import annotations

import contextlib

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, C: int, H: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = H, dropout
        self.norm_1, self.norm_2 = nn.LayerNorm(C), nn.LayerNorm(C)
        self.qkv, self.out = nn.Linear(C, 3 * C), nn.Linear(C, C)
        self.up, self.down = nn.Linear(C, 4 * C), nn.Linear(4 * C, C)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (B, T, C) -> (B, T, C)
        B, T, C = x.shape
        split = self.qkv(self.norm_1(x)).split(C, 2)
        q, k, v = (t.view(B, T, self.heads, C // self.heads).transpose(1, 2) for t in split)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=self.dropout)
        x = x + self.drop(self.out(y.transpose(1, 2).reshape(B, T, C)))
        inner = F.gelu(self.up(self.norm_2(x)), approximate="tanh")
        return x + self.drop(self.down(inner))


class GPT(nn.Module):
    def __init__(self, V: int, T: int, L: int, H: int, C: int, dropout: float) -> None:
        super().__init__()
        self.token, self.position = nn.Embedding(V, C), nn.Embedding(T, C)
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.Sequential(*[Block(C, H, dropout) for _ in range(L)])
        self.norm = nn.LayerNorm(C)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:  # the mean loss
        h = self.blocks(self.drop(self.token(x) + self.position.weight))
        logits = F.linear(self.norm(h), self.token.weight)
        return F.cross_entropy(logits.flatten(0, 1), y.flatten())


class TorchStep:
    """Call it to take a step; returns the loss."""

    def __init__(self, sizes: dict[str, int], dropout: float, bf16: bool, compiled: bool) -> None:
        torch.manual_seed(0)
        V, T = sizes["vocab_size"], sizes["block_size"]
        self.model = GPT(V, T, sizes["n_layer"], sizes["n_head"], sizes["n_embd"], dropout)
        matrices = [p for p in self.model.parameters() if p.ndim >= 2]
        others = [p for p in self.model.parameters() if p.ndim < 2]
        groups = [
            {"params": matrices, "weight_decay": 0.1},
            {"params": others, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99), fused=True)
        self.forward = torch.compile(self.model) if compiled else self.model
        self.bf16 = bf16
        shape = (sizes["batch_size"], T)
        self.x, self.y = torch.randint(V, shape), torch.randint(V, shape)

    def __call__(self) -> float:
        context = torch.autocast("cpu", torch.bfloat16) if self.bf16 else contextlib.nullcontext()
        with context:
            loss = self.forward(self.x, self.y)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.item()
