"""Our three architectures against those of `transformers`, from the same weights."""

import numpy as np
import pytest
import torch

from weft.config import ModelConfig
from weft.models import GPT

transformers = pytest.importorskip("transformers")

T, V = 16, 37
SIZES = {"vocab_size": V, "block_size": T, "n_layer": 2, "n_head": 4, "n_embd": 32}
CONFIGS = {
    "gpt2": ModelConfig(arch="gpt2", **SIZES),
    "llama": ModelConfig(arch="llama", **SIZES),
    "llama grouped": ModelConfig(arch="llama", n_kv_head=2, rope_theta=500.0, **SIZES),
    "llama tied": ModelConfig(arch="llama", n_kv_head=1, tie_embeddings=True, **SIZES),
    "qwen3": ModelConfig(arch="qwen3", n_kv_head=2, **SIZES),
    "qwen3 tied": ModelConfig(arch="qwen3", head_dim=16, tie_embeddings=True, **SIZES),
}


def build_gpt2(c):
    config = transformers.GPT2Config(
        vocab_size=V, n_positions=T, n_embd=c.n_embd, n_layer=c.n_layer, n_head=c.n_head,
        layer_norm_epsilon=c.norm_eps, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
        bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    return transformers.GPT2LMHeadModel(config)


def build_rotary(c):
    kind = {"llama": "Llama", "qwen3": "Qwen3"}[c.arch]
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=V, hidden_size=c.n_embd, intermediate_size=c.intermediate_size,
        num_hidden_layers=c.n_layer, num_attention_heads=c.n_head,
        num_key_value_heads=c.n_kv_head, head_dim=c.head_dim, max_position_embeddings=T,
        rms_norm_eps=c.norm_eps, tie_word_embeddings=c.tie_embeddings,
        rope_parameters={"rope_type": "default", "rope_theta": c.rope_theta},
        bos_token_id=0, eos_token_id=0, pad_token_id=None,
    )  # fmt: skip
    return getattr(transformers, f"{kind}ForCausalLM")(config)


# Their name of each of ours; several are stacked, and GPT-2's matrices are transposed there.
OUTER_GPT2 = {
    "embedding.weight": "transformer.wte.weight",
    "position.weight": "transformer.wpe.weight",
    "norm.weight": "transformer.ln_f.weight",
    "norm.bias": "transformer.ln_f.bias",
}
BLOCK_GPT2 = {
    "norm_1": "ln_1",
    "norm_2": "ln_2",
    "attention.qkv": "attn.c_attn",
    "attention.out": "attn.c_proj",
    "feed_forward.up": "mlp.c_fc",
    "feed_forward.down": "mlp.c_proj",
}
OUTER_ROTARY = {
    "embedding.weight": "model.embed_tokens.weight",
    "norm.weight": "model.norm.weight",
    "head.weight": "lm_head.weight",
}
BLOCK_ROTARY = {
    "norm_1": ["input_layernorm"],
    "norm_2": ["post_attention_layernorm"],
    "attention.qkv": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    "attention.out": ["self_attn.o_proj"],
    "attention.q_norm": ["self_attn.q_norm"],
    "attention.k_norm": ["self_attn.k_norm"],
    "feed_forward.gate": ["mlp.gate_proj"],
    "feed_forward.up": ["mlp.up_proj"],
    "feed_forward.down": ["mlp.down_proj"],
}


def renamed_gpt2(c, arrays):
    ours = {name: arrays[other] for name, other in OUTER_GPT2.items()}
    for i in range(c.n_layer):
        for name, other in BLOCK_GPT2.items():
            for kind in ("weight", "bias"):
                value = arrays[f"transformer.h.{i}.{other}.{kind}"]
                ours[f"blocks.{i}.{name}.{kind}"] = value.T if value.ndim == 2 else value
    return ours


def renamed_rotary(c, arrays):
    ours = {name: arrays[other] for name, other in OUTER_ROTARY.items() if other in arrays}
    if c.tie_embeddings:
        ours.pop("head.weight", None)
    for i in range(c.n_layer):
        for name, others in BLOCK_ROTARY.items():
            parts = [f"model.layers.{i}.{other}.weight" for other in others]
            if parts[0] in arrays:
                ours[f"blocks.{i}.{name}.weight"] = np.concatenate([arrays[p] for p in parts])
    return ours


@pytest.fixture(params=CONFIGS)
def pair(request, twins, lively):
    config = CONFIGS[request.param]
    build, renamed = (
        (build_gpt2, renamed_gpt2) if config.arch == "gpt2" else (build_rotary, renamed_rotary)
    )
    ours, theirs = GPT(config), build(config).eval()
    torch.manual_seed(0)
    with torch.no_grad():
        for name, p in theirs.named_parameters():
            centre = 1.0 if "norm" in name or ".ln_" in name else 0.0
            p.copy_(centre + 0.2 * torch.randn_like(p))

    def in_our_names(arrays):
        return renamed(config, arrays)

    ours.load_state_dict(in_our_names({n: v.numpy() for n, v in theirs.state_dict().items()}))
    return twins(ours, theirs, lambda tokens: theirs(tokens).logits, in_our_names)


def test_logits(pair):
    pair.check_logits()


def test_every_gradient(pair):
    pair.check_gradients()


def test_ten_training_steps(pair):
    pair.check_ten_steps()
