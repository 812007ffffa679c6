"""Tiny models of transformers with random weights, saved as folders as it saves them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import torch
import transformers

V, T = 61, 24
COMMON = {"vocab_size": V, "bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
GPT2 = {
    **COMMON, "n_positions": T, "n_embd": 32, "n_layer": 2, "n_head": 4, "resid_pdrop": 0.0,
    "embd_pdrop": 0.0, "attn_pdrop": 0.0, "attn_implementation": "eager",
}  # fmt: skip
ROTARY = {
    **COMMON, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": T,
    "attn_implementation": "eager",
}  # fmt: skip
KINDS = {
    "gpt2": (transformers.GPT2Config, {}),
    "gpt2 untied": (transformers.GPT2Config, {"tie_word_embeddings": False}),
    "gpt2 exact gelu": (transformers.GPT2Config, {"activation_function": "gelu", "n_inner": 80}),
    "gpt2 scaled": (transformers.GPT2Config, {"scale_attn_by_inverse_layer_idx": True}),
    "gpt2 unscaled": (transformers.GPT2Config, {"scale_attn_weights": False}),
    "gpt2 one layer": (transformers.GPT2Config, {"n_layer": 1, "n_head": 2, "n_embd": 10}),
    "llama": (transformers.LlamaConfig, {}),
    "llama tied": (transformers.LlamaConfig, {"tie_word_embeddings": True}),
    "llama biases": (transformers.LlamaConfig, {"attention_bias": True, "mlp_bias": True}),
    "llama some biases": (transformers.LlamaConfig, {"attention_bias": True}),
    "llama theta": (
        transformers.LlamaConfig,
        {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}, "rms_norm_eps": 1e-3},
    ),
    "qwen3": (transformers.Qwen3Config, {"head_dim": 16}),
    "qwen3 tied": (transformers.Qwen3Config, {"head_dim": 8, "tie_word_embeddings": True}),
    "qwen3 biases": (transformers.Qwen3Config, {"head_dim": 8, "attention_bias": True}),
}


@cache
def model(kind: str) -> transformers.PreTrainedModel:
    """Random weights, larger than a fresh model's, so that no part is near linear."""
    config_class, options = KINDS[kind]
    config = config_class(**{**(GPT2 if kind.startswith("gpt2") else ROTARY), **options})
    made = transformers.AutoModelForCausalLM.from_config(config).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, p in made.named_parameters():
            centre = 1.0 if p.ndim == 1 and name.endswith("weight") else 0.0
            p.copy_(centre + 0.3 * torch.randn(p.shape, generator=generator))
    return made


def save(kind: str, folder: Path, **options) -> Path:
    """As save_pretrained does it."""
    model(kind).save_pretrained(folder, **options)
    return folder


def logits(made, tokens) -> np.ndarray:
    with torch.no_grad():
        return made(torch.tensor(tokens)).logits.float().numpy()


def tokens(count: int = 2, length: int = T) -> np.ndarray:
    return np.random.default_rng(2).integers(0, V, (count, length))


def greedy(made, prompt: list[int], count: int) -> list[int]:
    ids = made.generate(
        torch.tensor([prompt]), max_new_tokens=count, do_sample=False, pad_token_id=0
    )
    return ids[0, len(prompt) :].tolist()


def change_config(folder: Path, **values) -> None:
    """Set values of config.json; None takes one out."""
    path = folder / "config.json"
    config = json.loads(path.read_text()) | values
    path.write_text(json.dumps({k: v for k, v in config.items() if v is not None}))
