"""Configurations: derived fields, refusals that name both numbers, no coercion, TOML and back."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.config import ModelConfig, TrainConfig, from_dict, read_toml, to_dict, write_toml
from weft.errors import ConfigError


def model(**values):
    return ModelConfig(**{"vocab_size": 65, **values})


def train(**values):
    return TrainConfig(**{"data": "book.txt", "out": "runs/x", **values})


def test_gpt2_derives_what_gpt2_has():
    config = model(n_embd=768, n_head=12)
    assert (config.n_kv_head, config.head_dim, config.intermediate_size) == (12, 64, 3072)
    assert config.bias and config.tie_embeddings and config.norm_eps == 1e-5


@pytest.mark.parametrize(("arch", "eps"), [("llama", 1e-5), ("qwen3", 1e-6)])
def test_the_others_derive_swiglu_and_no_biases(arch, eps):
    config = model(arch=arch, n_embd=128, n_head=4, n_kv_head=2)
    assert config.intermediate_size == 384  # 8/3 * 128 = 341.3, up to a multiple of 64
    assert not config.bias and not config.tie_embeddings and config.norm_eps == eps


def test_switches_are_derived():
    assert model().positions == "learned" and model(arch="qwen3").positions == "rotary"
    assert [model(n_expert=n).n_expert_used for n in (0, 1, 2, 8)] == [0, 1, 2, 2]
    assert model(n_embd=12, arch="llama", positions="alibi").head_dim == 3  # not turned: any size


@given(st.integers(1, 5000).map(lambda n: 2 * n))
def test_swiglu_size_is_the_next_multiple_of_64(width):
    size = model(arch="llama", n_embd=width, n_head=1).intermediate_size
    assert size % 64 == 0 and 0 <= size - 8 * width / 3 < 64


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"positions": "rotation"}, "did you mean rotary?"),
        ({"positions": "rotary", "n_embd": 12}, "even head size, not 3"),
        ({"arch": "llama", "activation": "relu2"}, "a gated MLP, not one with relu2"),
        ({"window": -1}, "window -1 is not in [0"),
        ({"n_expert": 1025}, "n_expert 1025 is not in [0, 1024]"),
        ({"n_expert": 4, "n_expert_used": 5}, "n_expert_used 5 of n_expert 4"),
        ({"n_expert": 4, "n_expert_used": 0}, "n_expert_used 0 of n_expert 4"),
        ({"n_expert": 4, "n_expert_used": -1}, "n_expert_used -1 of n_expert 4"),
        ({"n_expert_used": 2}, "n_expert_used 2, expert_capacity None, but n_expert 0"),
        ({"expert_capacity": 1.5}, "expert_capacity 1.5, but n_expert 0"),
        ({"n_expert": 4, "expert_capacity": 0.0}, "expert_capacity 0.0 is not in (0"),
        ({"balance_weight": -0.1}, "balance_weight -0.1"),
        ({"n_embd": 130}, "n_embd 130 is not divisible by n_head 4"),
        ({"arch": "llama", "n_kv_head": 3}, "n_head 4 is not divisible by n_kv_head 3"),
        ({"n_kv_head": 2}, "not n_kv_head 2 with n_head 4"),
        ({"arch": "llama", "n_embd": 12}, "even head size, not 3"),
        ({"arch": "lama"}, "did you mean llama?"),
        ({"head_dim": 64}, "head_dim 64 x n_head 4 is not n_embd 128"),
        ({"n_layer": 0}, "n_layer 0 is not in [1, 2147483647]"),
        ({"block_size": -1}, "block_size -1"),
        ({"vocab_size": 10**30}, "vocab_size 1000000"),
        ({"n_layer": True}, "n_layer must be a whole number, not 'True' (bool)"),
        ({"n_layer": "4"}, "not '4' (str)"),
        ({"n_layer": 1e3}, "not '1000.0' (float)"),
        ({"bias": 1}, "bias must be true or false"),
        ({"dropout": 1.0}, "dropout 1.0 is not in [0, 1)"),
        ({"dropout": float("nan")}, "dropout nan"),
        ({"rope_theta": float("inf")}, "rope_theta inf"),
        ({"norm_eps": 0.0}, "norm_eps 0.0"),
        ({"vocab_size": None}, "vocab_size must be a whole number"),
    ],
)
def test_impossible_models_are_refused(values, says):
    with pytest.raises(ConfigError) as error:
        model(**values)
    assert says in str(error.value) and "\n" not in str(error.value)
    assert str(error.value).count(";") == 2


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"steps": 0}, "steps 0"),
        ({"steps": 10, "warmup_steps": 20}, "warmup_steps 20 is more than steps 10"),
        ({"learning_rate": 0.0}, "learning_rate 0.0 is not in (0"),
        ({"learning_rate": "1e-4"}, "learning_rate must be a number"),
        ({"learning_rate": 1e-3, "min_learning_rate": 2e-3}, "min_learning_rate 0.002"),
        ({"minutes": float("inf")}, "minutes inf"),
        ({"batch_size": 0}, "batch_size 0"),
        ({"val_fraction": 1.0}, "val_fraction 1.0"),
        ({"schedule": "cosin"}, "did you mean cosine?"),
        ({"optimizer": "zzz"}, "choose one of adamw, muon"),
        ({"beta2": 1.0}, "beta2 1.0"),
        ({"data": ""}, "data is empty"),
    ],
)
def test_impossible_runs_are_refused(values, says):
    with pytest.raises(ConfigError) as error:
        train(**values)
    assert says in str(error.value) and "\n" not in str(error.value)


def test_unknown_key_names_the_nearest():
    with pytest.raises(ConfigError, match=r"'n_layers'; config.toml; did you mean n_layer\?"):
        from_dict(ModelConfig, {"vocab_size": 65, "n_layers": 4}, "config.toml")


def test_unknown_key_that_is_near_to_nothing_lists_the_known():
    with pytest.raises(ConfigError, match="known: vocab_size, model, arch"):
        from_dict(ModelConfig, {"zzzzzzzz": 1})


def test_missing_key_is_named():
    with pytest.raises(ConfigError, match="vocab_size missing"):
        from_dict(ModelConfig, {"n_layer": 4})


def test_configs_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        model().n_layer = 5


@given(
    st.builds(
        model,
        n_layer=st.integers(1, 100),
        dropout=st.floats(0, 0.99),
        arch=st.sampled_from(["gpt2", "llama", "qwen3"]),
    )
)
def test_model_goes_through_a_dict_unchanged(config):
    assert from_dict(ModelConfig, to_dict(config)) == config


def test_toml_and_back(tmp_path):
    config = train(steps=2000, learning_rate=1e-3, minutes=None)
    write_toml(tmp_path / "config.toml", {"train": to_dict(config), "model": to_dict(model())})
    read = read_toml(tmp_path / "config.toml")
    assert from_dict(TrainConfig, read["train"]) == config
    assert from_dict(ModelConfig, read["model"]) == model()
    assert [entry.name for entry in tmp_path.iterdir()] == ["config.toml"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"a = 1\nb = = 2\n", "line 2"),
        (b"a = 1\na = 2\n", "Cannot overwrite"),
        (b"\xff\xfe", "utf-8"),
        (b"#" * 1_000_001, "more than 1000000 bytes"),
    ],
)
def test_bad_toml_is_one_line(tmp_path, text, says):
    path = tmp_path / "config.toml"
    path.write_bytes(text)
    with pytest.raises(ConfigError, match=says) as error:
        read_toml(path)
    assert "\n" not in str(error.value)


def test_missing_toml(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        read_toml(tmp_path / "none.toml")


def test_steps_fix_the_evaluation_interval_and_minutes_leave_it_open():
    assert train(steps=2000).eval_interval == 250
    assert train(steps=10).eval_interval == 2
    assert train(minutes=1.0).eval_interval is None
