"""Which parameter goes where, the schedule that both optimisers follow, state there and back."""

import numpy as np
import pytest

from weft.config import ModelConfig, TrainConfig
from weft.errors import CheckpointError
from weft.models import GPT
from weft.random import Generator
from weft.training.optimization import Optimization, default_learning_rate, rows_apart
from weft.training.session import resolve
from weft.training.step import gradients


def build(optimizer="adamw", **options):
    config = ModelConfig(vocab_size=11, block_size=8, n_layer=2, n_head=2, n_embd=16)
    model = GPT(config, Generator(0)).train()
    train = TrainConfig(data="x", out="y", steps=10, optimizer=optimizer, **options)
    return model, Optimization(model, resolve(train, 16))


def step(model, optimization, number, rng):
    gradients(model, [tuple(rng.integers(0, 11, (2, 3, 8)))])
    rate = optimization.step(number)
    model.zero_grad()
    return rate


def test_decay_pulls_on_matrices_only():
    model, optimization = build(weight_decay=0.3)
    decay, none = optimization.optimizers["adamw"].param_groups
    assert decay["weight_decay"] == 0.3 and all(p.ndim == 2 for p in decay["params"])
    assert none["weight_decay"] == 0.0 and all(p.ndim == 1 for p in none["params"])
    assert len(decay["params"]) + len(none["params"]) == len(list(model.parameters()))


def test_muon_takes_the_matrices_of_the_blocks():
    model, optimization = build("muon")
    fused, others = optimization.optimizers["muon"].param_groups
    expected = [n for n, p in model.named_parameters() if n.startswith("blocks.") and p.ndim == 2]
    assert sorted(fused["param_names"] + others["param_names"]) == sorted(expected)
    assert fused["param_names"] == [n for n in expected if ".qkv." in n] and len(expected) == 8
    assert fused["rows"] == (16, 16, 16) and others["rows"] is None
    rest = [n for g in optimization.optimizers["adamw"].param_groups for n in g["param_names"]]
    assert sorted(rest + expected) == sorted(n for n, _ in model.named_parameters())
    assert {"embedding.weight", "position.weight"} <= set(rest)


def test_grouped_heads_have_rows_of_their_own():
    config = ModelConfig(
        vocab_size=11, arch="qwen3", n_layer=1, n_head=4, n_kv_head=2, head_dim=6, n_embd=16
    )
    rows = rows_apart(GPT(config, Generator(0)))
    assert rows == {"blocks.0.attention.qkv.weight": (24, 12, 12)}


def test_muon_has_the_momentum_of_the_run():
    _, optimization = build("muon", muon_momentum=0.8)
    assert {g["momentum"] for g in optimization.optimizers["muon"].param_groups} == {0.8}


def test_both_follow_one_schedule(rng):
    model, optimization = build("muon", warmup_steps=4, learning_rate=1e-3)
    rate = step(model, optimization, 1, rng)
    assert rate == pytest.approx(1e-3 * 2 / 5)
    assert optimization.optimizers["adamw"].param_groups[0]["lr"] == pytest.approx(rate)
    assert optimization.optimizers["muon"].param_groups[0]["lr"] == pytest.approx(0.02 * 2 / 5)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_state_goes_on_to_the_same_bits(optimizer, rng):
    model, optimization = build(optimizer)
    for number in range(3):
        step(model, optimization, number, rng)
    arrays = {name: array.copy() for name, array in optimization.state().items()}
    twin, again = build(optimizer)
    twin.load_state_dict(model.state_dict())
    again.load_state(arrays)
    for seed in (1, 2):
        step(model, optimization, 3, np.random.default_rng(seed))
        step(twin, again, 3, np.random.default_rng(seed))
    for one, two in zip(model.parameters(), twin.parameters(), strict=True):
        assert one.array.tobytes() == two.array.tobytes()


def test_state_of_the_other_optimiser_is_refused(rng):
    model, optimization = build("muon")
    step(model, optimization, 0, rng)
    with pytest.raises(CheckpointError, match=r"trained with adamw \+ muon, not adamw"):
        build("adamw")[1].load_state(optimization.state())


def test_state_of_another_shape_is_refused(rng):
    model, optimization = build()
    step(model, optimization, 0, rng)
    arrays = optimization.state()
    key = "adamw/embedding.weight.exp_avg"
    arrays[key] = np.zeros((3, 3), np.float32)
    with pytest.raises(CheckpointError, match="does not fit") as error:
        build()[1].load_state(arrays)
    assert "\n" not in str(error.value)


def test_wider_models_learn_more_slowly():
    rates = [default_learning_rate(width) for width in (64, 128, 512, 768)]
    assert rates[0] == rates[1] and rates[1] == 2 * rates[2] > 2 * rates[3]
