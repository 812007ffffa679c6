"""Our GPT-2 against one written in PyTorch here: logits, every gradient, ten training steps."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from weft.config import ModelConfig
from weft.models import GPT

B, T, V = 3, 16, 37


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.n_head = c.n_head
        self.qkv = nn.Linear(c.n_embd, 3 * c.n_embd, bias=c.bias)
        self.out = nn.Linear(c.n_embd, c.n_embd, bias=c.bias)

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = self.qkv(x).split(C, dim=2)
        q, k, v = (t.view(B, T, self.n_head, -1).transpose(1, 2) for t in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(B, T, C))


class FeedForward(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.up = nn.Linear(c.n_embd, 4 * c.n_embd, bias=c.bias)
        self.down = nn.Linear(4 * c.n_embd, c.n_embd, bias=c.bias)

    def forward(self, x):
        return self.down(F.gelu(self.up(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.norm_1 = nn.LayerNorm(c.n_embd, bias=c.bias)
        self.attention = Attention(c)
        self.norm_2 = nn.LayerNorm(c.n_embd, bias=c.bias)
        self.feed_forward = FeedForward(c)

    def forward(self, x):
        x = x + self.attention(self.norm_1(x))
        return x + self.feed_forward(self.norm_2(x))


class TorchGPT(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.embedding = nn.Embedding(c.vocab_size, c.n_embd)
        self.position = nn.Embedding(c.block_size, c.n_embd)
        self.blocks = nn.ModuleList([Block(c) for _ in range(c.n_layer)])
        self.norm = nn.LayerNorm(c.n_embd, bias=c.bias)
        self.head = None
        if not c.tie_embeddings:
            self.head = nn.Linear(c.n_embd, c.vocab_size, bias=False)

    def forward(self, tokens):
        x = self.embedding(tokens) + self.position.weight[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        weight = self.embedding.weight if self.head is None else self.head.weight
        return F.linear(self.norm(x), weight)


@pytest.fixture(params=[(True, True), (False, True), (True, False)], ids=str)
def pair(request, twins, lively):
    tied, bias = request.param
    config = ModelConfig(
        vocab_size=V, block_size=T, n_layer=2, n_head=4, n_embd=32, tie_embeddings=tied, bias=bias
    )
    ours, theirs = GPT(config), TorchGPT(config)
    lively(ours)
    theirs.load_state_dict(
        {name: torch.tensor(value.array) for name, value in ours.state_dict().items()}
    )
    return twins(ours, theirs, theirs, lambda arrays: arrays)


def test_logits(pair):
    pair.check_logits()


def test_every_gradient(pair):
    pair.check_gradients()


def test_ten_training_steps(pair):
    pair.check_ten_steps()
