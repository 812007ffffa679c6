"""A mixture of experts: MLPs side by side, of which a router picks a few for each token.

Shazeer et al. (arXiv:1701.06538); the losses of Switch Transformer (arXiv:2101.03961) and ST-MoE
(arXiv:2202.08906). Tokens are sorted by expert, so that each expert is one product whatever it is
sent. Here: the block's part. Not here: the experts themselves, which are the Transformer's MLPs.
Shapes: B batch, T time, C width, N = B·T tokens, E experts, k experts that read a token.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft import nn
from weft.autograd import Tensor, autocast, cat, index_add, index_select, topk
from weft.config import ModelConfig

Array = NDArray[Any]


class MixtureOfExperts(nn.Module):
    """residual + the k likeliest experts' outputs, each times its probability.

    The probabilities of k > 1 are scaled to add up to 1 (Mixtral, arXiv:2401.04088); that of a
    single one is not, or its router would learn nothing from the text.
    """

    def __init__(self, config: ModelConfig, experts: Sequence[nn.Module]) -> None:
        super().__init__()
        self.router = nn.Linear(config.n_embd, len(experts), bias=False)
        self.experts = nn.ModuleList(experts)
        self.used, self.capacity = config.n_expert_used, config.expert_capacity
        self.balance_weight = config.balance_weight
        self.router_z_weight = config.router_z_weight
        self.routing = Routing(len(experts))  # in training, since somebody last looked

    def forward(self, x: Tensor, residual: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, C) twice -> residual + the experts of x, (B, T, C), and the router's loss, ()."""
        rows = x.view(-1, x.shape[-1])  # (N, C)
        logits, probabilities = self.probabilities(rows)  # (N, E) twice
        weights, chosen = topk(probabilities, self.used)  # (N, k) twice
        if self.used > 1:
            weights = weights / weights.sum(-1, keepdim=True)
        order, sizes = self.dispatch(chosen.array)
        tokens = order % len(chosen.array)
        inputs = index_select(rows, 0, tokens).split([int(n) for n in sizes])
        read = cat([e(part, None) for e, part in zip(self.experts, inputs, strict=True)])
        shares = index_select(weights.transpose(0, 1).reshape(-1), 0, order)  # first choices first
        outputs = read.to(weights.dtype) * shares.unsqueeze(-1)  # (what is read, C)
        y = index_add(residual.view(*rows.shape), 0, tokens, outputs)
        return y.view(*residual.shape), self.loss(logits, probabilities, chosen.array, len(order))

    def probabilities(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The router's logits and their softmax, in float32 at least: (N, C) -> (N, E) twice."""
        wide = rows.dtype if rows.dtype == np.float64 else np.dtype(np.float32)
        with autocast(None):
            logits = self.router(rows.to(wide))
        return logits, logits.softmax(-1)

    def dispatch(self, chosen: Array) -> tuple[Array, Array]:
        """Who reads what: experts (N, k) -> choices, in the order of their experts; sizes (E,).

        Choice c N + n is the c-th of token n. Within an expert they stay in this order, and what is
        beyond its capacity in training, the last ones, is left out.
        """
        experts = chosen.T.reshape(-1)  # (k N,)
        order = np.argsort(experts, kind="stable")
        sizes = np.bincount(experts, minlength=len(self.experts))  # (E,)
        if self.capacity is None or not self.training:
            return order, sizes
        limit = math.ceil(self.capacity * len(order) / len(sizes))
        places = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return order[places < limit], np.minimum(sizes, limit)

    def loss(self, logits: Tensor, probabilities: Tensor, chosen: Array, read: int) -> Tensor:
        """What keeps the experts in use and the logits small, (); also writes down how it goes.

        Balance is E Σ f P, with f the part of all choices that falls on an expert, and P its mean
        probability: 1 where all are equal. z is the mean square of log Σ exp(logits).
        """
        sizes = np.bincount(chosen.reshape(-1), minlength=len(self.experts))
        parts = Tensor((sizes / max(1, chosen.size)).astype(logits.dtype))
        balance = (probabilities.mean(0) * parts).sum() * float(len(sizes))
        z = ((logits - logits.log_softmax(-1)) ** 2).mean()  # the same in all E columns
        if self.training:
            self.routing.add(sizes, chosen.size - read, balance.item(), z.item())
        return balance * self.balance_weight + z * self.router_z_weight


class Routing:
    """How the passes went: choices of each expert (E,), those left out, and sums of the losses."""

    def __init__(self, experts: int) -> None:
        self.sizes = np.zeros(experts, np.int64)
        self.dropped = self.passes = 0
        self.balance = self.z = 0.0

    def add(self, sizes: Array, dropped: int, balance: float, z: float) -> None:
        """One more pass."""
        self.sizes = self.sizes + sizes
        self.dropped, self.passes = self.dropped + dropped, self.passes + 1
        self.balance, self.z = self.balance + balance, self.z + z
