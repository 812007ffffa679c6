"""`ModelConfig`: the decoder-only Transformer, in every form that models/transformer.py has."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from weft.config.fields import (
    DERIVED,
    LARGEST_INT,
    check_choice,
    check_range,
    check_types,
    derive,
)
from weft.errors import ConfigError

Arch = Literal["gpt2", "llama", "qwen3"]
Gelu = Literal["none", "tanh"]  # what PyTorch calls `approximate`
Activation = Literal["gelu", "relu", "relu2"]
Positions = Literal["learned", "rotary", "sinusoidal", "alibi"]
MOST_EXPERTS = 1024


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """A decoder-only Transformer. `arch` sets the defaults of what is left out (see DESIGN.md)."""

    vocab_size: int
    """Number of tokens that the model knows (V)."""
    model: Literal["gpt"] = "gpt"
    """Family: the decoder-only Transformer."""
    arch: Arch = "gpt2"
    """Positions, norm, MLP and attention that the format of that name can hold."""
    block_size: int = 64
    """Longest context in tokens (T)."""
    n_layer: int = 4
    """Number of blocks (L)."""
    n_head: int = 4
    """Number of attention heads (H)."""
    n_kv_head: int = DERIVED
    """Number of key/value heads; divides n_head. gpt2 has n_head of them."""
    n_embd: int = 128
    """Width of the residual stream (C)."""
    dropout: float = 0.0
    """Probability of dropping an activation while training, in [0, 1)."""
    bias: bool = DERIVED
    """Biases in linear layers and LayerNorms: yes for gpt2, no for the others."""
    tie_embeddings: bool = DERIVED
    """The output layer shares the embedding's weights: yes for gpt2, no for the others."""
    rope_theta: float = 10000.0
    """Base of the rotary frequencies (llama, qwen3)."""
    norm_eps: float = DERIVED
    """Added to the variance in every norm: 1e-5; qwen3 1e-6."""
    intermediate_size: int = DERIVED
    """Width of the MLP: 4 C for gpt2; otherwise 8/3 C rounded up to a multiple of 64."""
    head_dim: int = DERIVED
    """Size of one head (D): C / H. Only qwen3 may choose another."""
    activation: Activation = "gelu"
    """Non-linearity of gpt2's MLP; `relu2` is ReLU squared (Primer, arXiv:2109.08668)."""
    gelu: Gelu = "tanh"
    """GELU of gpt2: the tanh formula, or `none` for the exact one, as models of nanoGPT have it."""
    positions: Positions = DERIVED
    """How places are told apart: learned for gpt2, rotary for the others. Without parameters:
    sinusoidal (arXiv:1706.03762) and alibi, a cost of distance (arXiv:2108.12409)."""
    window: int = 0
    """Most tokens that a token looks back on, itself included; 0: all."""
    n_expert: int = 0
    """Experts in each MLP, of which a router picks some for each token; 0: one MLP for all."""
    n_expert_used: int = DERIVED
    """Experts that read a token: 2 of several."""
    expert_capacity: float | None = None
    """Tokens that an expert reads at most in training, as a multiple of an even share; what is
    beyond it skips the MLP. By default it reads all that it is sent, as it always does later."""
    balance_weight: float = 0.01
    """Weight of the loss that spreads tokens evenly (Switch Transformer, arXiv:2101.03961)."""
    router_z_weight: float = 0.001
    """Weight of the loss that keeps the router's logits small (ST-MoE, arXiv:2202.08906)."""

    def __post_init__(self) -> None:
        check_types(self)
        check_choice(self, "model", Literal["gpt"])
        check_choice(self, "arch", Arch)
        check_choice(self, "gelu", Gelu)
        check_choice(self, "activation", Activation)
        if self.positions is not None:
            check_choice(self, "positions", Positions)
        for name in ("vocab_size", "block_size", "n_layer", "n_head", "n_embd"):
            check_range(self, name, 1, LARGEST_INT)
        self._derive()
        for name in ("n_kv_head", "intermediate_size", "head_dim"):
            check_range(self, name, 1, LARGEST_INT)
        check_range(self, "dropout", 0, 1, below=True)
        check_range(self, "rope_theta", 0, math.inf, above=True, below=True)
        check_range(self, "norm_eps", 0, 1, above=True)
        check_range(self, "window", 0, LARGEST_INT)
        self._check_heads()
        self._check_experts()

    def _derive(self) -> None:
        gpt2 = self.arch == "gpt2"
        if self.head_dim is None and self.n_embd % self.n_head:
            raise ConfigError(
                f"n_embd {self.n_embd} is not divisible by n_head {self.n_head}; model; "
                f"choose n_embd as a multiple of {self.n_head}"
            )
        derive(self, "n_kv_head", self.n_head)
        derive(self, "bias", gpt2)
        derive(self, "tie_embeddings", gpt2)
        derive(self, "norm_eps", 1e-6 if self.arch == "qwen3" else 1e-5)
        swiglu_size = -(-8 * self.n_embd // 3 // 64) * 64
        derive(self, "intermediate_size", 4 * self.n_embd if gpt2 else swiglu_size)
        derive(self, "head_dim", self.n_embd // self.n_head)
        derive(self, "positions", "learned" if gpt2 else "rotary")
        derive(self, "n_expert_used", min(self.n_expert, 2))

    def _check_heads(self) -> None:
        if self.n_head % self.n_kv_head:
            raise ConfigError(
                f"n_head {self.n_head} is not divisible by n_kv_head {self.n_kv_head}; model; "
                "choose n_kv_head among the divisors of n_head"
            )
        if self.arch != "gpt2" and self.activation != "gelu":
            raise ConfigError(
                f"arch {self.arch} has a gated MLP, not one with {self.activation}; model; "
                "leave activation out or use --arch gpt2"
            )
        if self.arch == "gpt2" and self.n_kv_head != self.n_head:
            raise ConfigError(
                f"arch gpt2 has as many key/value heads as heads, not n_kv_head {self.n_kv_head} "
                f"with n_head {self.n_head}; model; leave n_kv_head out or use --arch llama"
            )
        if self.arch != "qwen3" and self.head_dim * self.n_head != self.n_embd:
            raise ConfigError(
                f"head_dim {self.head_dim} x n_head {self.n_head} is not n_embd {self.n_embd}; "
                f"model; leave head_dim out or use --arch qwen3"
            )
        if self.positions == "rotary" and self.head_dim % 2:
            raise ConfigError(
                f"rotary positions need an even head size, not {self.head_dim} "
                f"(n_embd {self.n_embd} / n_head {self.n_head}); model; change n_embd or n_head"
            )

    def _check_experts(self) -> None:
        check_range(self, "n_expert", 0, MOST_EXPERTS)
        for name in ("balance_weight", "router_z_weight"):
            check_range(self, name, 0, 1e3)
        if self.expert_capacity is not None:
            check_range(self, "expert_capacity", 0, MOST_EXPERTS, above=True)
        if not self.n_expert and (self.n_expert_used or self.expert_capacity is not None):
            raise ConfigError(
                f"n_expert_used {self.n_expert_used}, expert_capacity {self.expert_capacity}, but "
                "n_expert 0; model; give n_expert, or leave these out"
            )
        if not min(self.n_expert, 1) <= self.n_expert_used <= self.n_expert:
            raise ConfigError(
                f"n_expert_used {self.n_expert_used} of n_expert {self.n_expert}; model; "
                f"choose n_expert_used from 1 to {self.n_expert}"
            )

    @property
    def context(self) -> int:
        """Most tokens that a state can hold."""
        return self.block_size
