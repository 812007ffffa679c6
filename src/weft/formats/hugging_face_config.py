"""`config.json` of a Hugging Face folder and our `ModelConfig`, both ways.

A setting that would change a logit is honoured or refused by name, never passed over. Defaults are
those of transformers 5.23 for the three classes.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from weft.config import ModelConfig
from weft.errors import ConfigError, MalformedFileError

ARCHITECTURES = {
    "gpt2": "GPT2LMHeadModel",
    "llama": "LlamaForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
}
GELU_OF = {
    "gelu_new": "tanh",
    "gelu_pytorch_tanh": "tanh",
    "gelu_fast": "tanh",  # the same formula, written otherwise
    "gelu": "none",
    "gelu_python": "none",
}
LARGEST_ROTARY_CONTEXT = 1 << 20  # tables of angles are made for all of it
_REQUIRED = object()


@dataclass(frozen=True)
class Description:
    """What a config.json says, as far as it concerns the weights."""

    config: ModelConfig
    attention_bias: bool = True
    """Llama, Qwen3: the file has biases of the attention's (of the MLP's) linear layers."""
    mlp_bias: bool = True
    query_scales: tuple[float, ...] = ()
    """For each layer a factor of its queries, for scores that are not divided by the root of D."""


class Fields:
    """The values of a config.json, each asked for with its type and default."""

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self.values, self.where = values, where

    def _get(self, name: str, kinds: tuple[type, ...], what: str, default: Any) -> Any:
        value = self.values.get(name)
        if value is None:
            if default is _REQUIRED:
                self.refuse(f"{name} is missing", "get an intact copy of the folder")
            return default
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            self.refuse(f"{name} is {value!r:.60}, not {what}", "get an intact copy of the folder")
        return value

    def integer(self, name: str, default: Any = _REQUIRED) -> Any:
        return self._get(name, (int,), "a whole number", default)

    def number(self, name: str, default: float) -> float:
        value = self._get(name, (int, float), "a number", default)
        try:
            return float(value)
        except OverflowError:
            self.refuse(f"{name} is {value!r:.20}...", "get an intact copy of the folder")

    def flag(self, name: str, default: bool) -> bool:
        return bool(self._get(name, (bool,), "true or false", default))

    def text(self, name: str, default: str) -> str:
        return str(self._get(name, (str,), "a string", default))

    def mapping(self, name: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._get(name, (dict,), "an object", {})
        return found

    def only(self, name: str, supported: Collection[Any], default: Any) -> None:
        """Refuse any value but these."""
        value = self.values.get(name, default)
        if not any(type(value) is type(other) and value == other for other in supported):
            known = ", ".join(str(other) for other in supported)
            self.refuse(f"{name} {value!r:.60} is not supported", f"weft computes: {known}")

    def refuse(self, what: str, do: str) -> NoReturn:
        raise MalformedFileError(f"{what}; {self.where}; {do}")


def read_config(values: Mapping[str, Any], where: str) -> Description:
    """Raises `MalformedFileError` that names the setting that is wrong or not supported."""
    fields = Fields(values, where)
    kind = _model_type(fields)
    for name in ("auto_map", "quantization_config"):
        if values.get(name) is not None:
            what = "code of its own" if name == "auto_map" else "quantised weights"
            fields.refuse(f"{name}: the folder has {what}", "weft reads neither; get a plain copy")
    try:
        return _gpt2(fields) if kind == "gpt2" else _rotary(kind, fields)
    except ConfigError as error:
        what = str(error).partition(";")[0]
        fields.refuse(what, "weft cannot hold such a model, or the file is damaged")


def _model_type(fields: Fields) -> str:
    named = fields.values.get("architectures") or []
    if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
        fields.refuse("architectures is not a list of names", "get an intact copy of the folder")
    bare = {name: kind for kind, name in ARCHITECTURES.items()}
    bare |= {
        name.replace("LMHead", "").replace("ForCausalLM", "Model"): k for name, k in bare.items()
    }
    for name in named:
        if name not in bare:
            _refuse_architecture(fields, name)
    kind = fields.text("model_type", bare[named[0]] if named else "")
    if kind not in ARCHITECTURES or (named and bare[named[0]] != kind):
        _refuse_architecture(fields, kind)
    return kind


def _refuse_architecture(fields: Fields, name: str) -> NoReturn:
    known = ", ".join(ARCHITECTURES.values())
    fields.refuse(f"the architecture {name!r:.60} is not supported", f"weft reads {known}")


def _gpt2(fields: Fields) -> Description:
    fields.only("add_cross_attention", (False,), False)
    fields.only("pruned_heads", ({}, None), None)
    activation = fields.text("activation_function", "gelu_new")
    fields.only("activation_function", GELU_OF, "gelu_new")
    dropout = fields.number("resid_pdrop", 0.1)
    config = ModelConfig(
        arch="gpt2",
        vocab_size=fields.integer("vocab_size"),
        block_size=fields.integer("n_positions", fields.values.get("n_ctx") or _REQUIRED),
        n_layer=fields.integer("n_layer"),
        n_head=fields.integer("n_head"),
        n_embd=fields.integer("n_embd"),
        intermediate_size=fields.integer("n_inner", None),
        norm_eps=fields.number("layer_norm_epsilon", 1e-5),
        dropout=dropout if dropout < 1 else 0.0,
        tie_embeddings=fields.flag("tie_word_embeddings", True),
        gelu=GELU_OF[activation],  # type: ignore[arg-type]
        bias=True,
    )
    scaled = fields.flag("scale_attn_weights", True)
    by_layer = fields.flag("scale_attn_by_inverse_layer_idx", False)
    if scaled and not by_layer:
        return Description(config)
    root = 1.0 if scaled else math.sqrt(config.head_dim)
    if by_layer and config.n_layer > 10_000:
        fields.refuse(f"n_layer is {config.n_layer}", "the file is damaged")
    layers = range(1, config.n_layer + 1) if by_layer else (1,) * min(config.n_layer, 10_000)
    return Description(config, query_scales=tuple(root / layer for layer in layers))


def _rotary(kind: str, fields: Fields) -> Description:
    fields.only("hidden_act", ("silu", "swish"), "silu")
    if kind == "qwen3":
        fields.only("use_sliding_window", (False, None), False)
        layers = fields.values.get("layer_types") or []
        if not isinstance(layers, list) or any(layer != "full_attention" for layer in layers):
            fields.refuse("layer_types has others than full_attention", "weft computes that only")
    attention_bias = fields.flag("attention_bias", False)
    mlp_bias = fields.flag("mlp_bias", False) if kind == "llama" else False
    heads, width = fields.integer("num_attention_heads"), fields.integer("hidden_size")
    context = fields.integer("max_position_embeddings", 2048 if kind == "llama" else 32768)
    if context > LARGEST_ROTARY_CONTEXT:
        fields.refuse(
            f"max_position_embeddings is {context!r:.30}", f"weft holds {LARGEST_ROTARY_CONTEXT:,}"
        )
    config = ModelConfig(
        arch=kind,  # type: ignore[arg-type]
        vocab_size=fields.integer("vocab_size"),
        block_size=context,
        n_layer=fields.integer("num_hidden_layers"),
        n_head=heads,
        n_kv_head=fields.integer("num_key_value_heads", heads),
        n_embd=width,
        head_dim=fields.integer("head_dim", 128 if kind == "qwen3" else None),
        intermediate_size=fields.integer("intermediate_size"),
        rope_theta=_rope_theta(fields),
        norm_eps=fields.number("rms_norm_eps", 1e-6),
        tie_embeddings=fields.flag("tie_word_embeddings", False),
        bias=attention_bias or mlp_bias,
    )
    return Description(config, attention_bias, mlp_bias)


def _rope_theta(fields: Fields) -> float:
    """The base of the angles; transformers 5 keeps it in rope_parameters, older ones beside it."""
    theta = fields.number("rope_theta", 10000.0)
    fields.only("partial_rotary_factor", (1.0, 1, None), None)
    for name in ("rope_parameters", "rope_scaling"):
        inner = Fields(fields.mapping(name), fields.where)
        for key in ("rope_type", "type"):
            inner.only(key, ("default", None), None)
        inner.only("partial_rotary_factor", (1.0, 1, None), None)
        theta = inner.number("rope_theta", theta)
    return theta


def config_json(config: ModelConfig, end_of_text: int | None, dtype: str) -> dict[str, Any]:
    """The config.json of a folder with our weights; `dtype` is float32, bfloat16 or float16.

    It has all that transformers, llama.cpp's converter and mlx-lm read (`n_ctx` too).
    """
    shared = {
        "architectures": [ARCHITECTURES[config.arch]],
        "model_type": config.arch,
        "vocab_size": config.vocab_size,
        "bos_token_id": end_of_text,
        "eos_token_id": end_of_text,
        "pad_token_id": None,
        "tie_word_embeddings": config.tie_embeddings,
        "initializer_range": 0.02,
        "torch_dtype": dtype,
        "use_cache": True,
    }
    return shared | (_gpt2_json(config) if config.arch == "gpt2" else _rotary_json(config))


def _gpt2_json(config: ModelConfig) -> dict[str, Any]:
    standard = config.intermediate_size == 4 * config.n_embd
    return {
        "n_positions": config.block_size,
        "n_ctx": config.block_size,
        "n_embd": config.n_embd,
        "n_layer": config.n_layer,
        "n_head": config.n_head,
        "n_inner": None if standard else config.intermediate_size,
        "activation_function": "gelu_new" if config.gelu == "tanh" else "gelu",
        "layer_norm_epsilon": config.norm_eps,
        "resid_pdrop": config.dropout,
        "embd_pdrop": config.dropout,
        "attn_pdrop": config.dropout,
        "scale_attn_weights": True,
        "scale_attn_by_inverse_layer_idx": False,
        "reorder_and_upcast_attn": False,
    }


def _rotary_json(config: ModelConfig) -> dict[str, Any]:
    values = {
        "hidden_size": config.n_embd,
        "intermediate_size": config.intermediate_size,
        "num_hidden_layers": config.n_layer,
        "num_attention_heads": config.n_head,
        "num_key_value_heads": config.n_kv_head,
        "head_dim": config.head_dim,
        "hidden_act": "silu",
        "max_position_embeddings": config.block_size,
        "rms_norm_eps": config.norm_eps,
        "rope_theta": config.rope_theta,
        "rope_scaling": None,
        "attention_bias": config.bias,
        "attention_dropout": config.dropout,
    }
    if config.arch == "llama":
        return values | {"mlp_bias": config.bias}
    return values | {"use_sliding_window": False, "sliding_window": None}
