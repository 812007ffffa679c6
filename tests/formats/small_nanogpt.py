"""A model with nanoGPT's names, layout and mathematics, in plain PyTorch, for tests to save."""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F


@dataclass
class Config:
    block_size: int = 16
    vocab_size: int = 27
    n_layer: int = 2
    n_head: int = 2
    n_embd: int = 16
    dropout: float = 0.0
    bias: bool = True


class Norm(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(config.n_embd))
        self.bias = nn.Parameter(torch.zeros(config.n_embd)) if config.bias else None

    def forward(self, x):
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, 1e-5)


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.c_attn = nn.Linear(config.n_embd, 3 * config.n_embd, config.bias)
        self.c_proj = nn.Linear(config.n_embd, config.n_embd, config.bias)
        self.n_head = config.n_head

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = (
            part.view(B, T, self.n_head, -1).transpose(1, 2) for part in self.c_attn(x).split(C, 2)
        )
        scores = q @ k.mT / math.sqrt(C // self.n_head)
        mask = torch.ones(T, T, dtype=torch.bool).tril()
        y = scores.masked_fill(~mask, -math.inf).softmax(-1) @ v
        return self.c_proj(y.transpose(1, 2).reshape(B, T, C))


class MLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.c_fc = nn.Linear(config.n_embd, 4 * config.n_embd, config.bias)
        self.c_proj = nn.Linear(4 * config.n_embd, config.n_embd, config.bias)

    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x)))


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.ln_1, self.attn = Norm(config), Attention(config)
        self.ln_2, self.mlp = Norm(config), MLP(config)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class SmallGPT(nn.Module):
    def __init__(self, config, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(config.vocab_size, config.n_embd),
                "wpe": nn.Embedding(config.block_size, config.n_embd),
                "h": nn.ModuleList(Block(config) for _ in range(config.n_layer)),
                "ln_f": Norm(config),
            }
        )
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        self.transformer.wte.weight = self.lm_head.weight
        for parameter in self.parameters():
            nn.init.normal_(parameter, 0.0 if parameter.ndim > 1 else 0.5, 0.3)

    @torch.no_grad()
    def forward(self, tokens):
        parts = self.transformer
        x = parts.wte(tokens) + parts.wpe(torch.arange(tokens.shape[1]))
        for block in parts.h:
            x = block(x)
        return self.lm_head(parts.ln_f(x))


def checkpoint(config, model):
    """What nanoGPT's train.py saves, with the state of its AdamW."""
    parameters = list(model.parameters())
    state = {
        i: {"step": torch.tensor(7.0), "exp_avg": p.data * 0.1, "exp_avg_sq": p.data**2}
        for i, p in enumerate(parameters)
    }
    group = {"lr": 1e-3, "betas": (0.9, 0.95), "eps": 1e-8, "weight_decay": 0.1, "fused": None}
    optimizer = {
        "state": state,
        "param_groups": [{**group, "params": list(range(len(parameters)))}],
    }
    return {
        "model": model.state_dict(),
        "optimizer": optimizer,
        "model_args": vars(config).copy(),
        "iter_num": 7,
        "best_val_loss": torch.tensor(1.5),
        "config": {"dataset": "letters", "learning_rate": 1e-3, "compile": True, "device": "cpu"},
    }
