"""A mixture of experts in training: what the log says of it, and the switches of a run together."""

import io
import math

import pytest

from weft.runlog import read_metrics
from weft.training.experts import expert_figures
from weft.training.progress import PlainProgress

EXPERTS = {"n_expert": 4, "n_expert_used": 2}
SWITCHES = {
    "experts": EXPERTS,
    "experts, muon": {**EXPERTS, "optimizer": "muon"},
    "experts, capacity, micro-batches": {**EXPERTS, "expert_capacity": 0.5, "accumulate": 3},
    "experts, recomputed": {**EXPERTS, "checkpoint_gradients": True},
    "alibi, window, relu2": {"positions": "alibi", "window": 3, "activation": "relu2"},
    "sinusoidal": {"positions": "sinusoidal"},
    "rotary": {"positions": "rotary"},
    "all": {**EXPERTS, "positions": "alibi", "window": 3, "activation": "relu2"},
}


@pytest.mark.parametrize("name", SWITCHES)
def test_a_resumed_run_is_the_same(quick, same_bits, crash, name):
    options = {**SWITCHES[name], "dropout": 0.1, "sample_tokens": 4}
    quick("whole", **options)
    with pytest.raises(crash[0]):
        quick("cut", progress=crash[1](13), **options)
    quick("cut", resume=True)
    same_bits("whole", "cut")


def test_what_is_logged(quick, tmp_path):
    quick(**EXPERTS, expert_capacity=0.5, accumulate=2)
    for line in read_metrics(tmp_path / "run" / "metrics.jsonl"):
        assert [len(layer) for layer in line["expert_share"]] == [4, 4]
        for layer in line["expert_share"]:
            assert math.isclose(sum(layer), 1, abs_tol=4 * 0.00005)  # each rounded to 4 digits
            assert max(layer) <= 0.5  # two choices of a token are two experts
        assert line["balance_loss"] > 0 and line["router_z_loss"] > 0
        # Half an even share each: at least half of all choices are beyond it.
        assert 0.5 <= line["dropped_fraction"] < 1


def test_nothing_is_dropped_without_a_capacity(quick, tmp_path):
    quick(**EXPERTS)
    lines = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert {line["dropped_fraction"] for line in lines} == {0.0}


def test_a_dense_model_has_no_figures(quick, tmp_path):
    from weft.config import ModelConfig
    from weft.models import GPT

    assert expert_figures(GPT(ModelConfig(vocab_size=5))) == {}
    quick()
    assert "expert_share" not in read_metrics(tmp_path / "run" / "metrics.jsonl")[0]


def test_the_line_shows_the_busiest_expert():
    shown = io.StringIO()
    progress = PlainProgress(shown)
    progress.start(0, 2)
    record = {"step": 1, "train_loss": 2.0, "val_loss": 2.5, "step_seconds": 0.1}
    share = {"expert_share": [[0.25, 0.75], [0.5, 0.5]]}
    progress.step({**record, **share})
    progress.evaluated({**record, **share}, "")
    assert "busiest expert 75%" in shown.getvalue()
    progress.step({**record, "step": 2})
    progress.evaluated({**record, "step": 2}, "")
    assert "expert" not in shown.getvalue().splitlines()[-1]


def test_the_losses_spread_the_tokens(quick, tmp_path):
    """With a heavy balance loss the shares end near each other: below 1.1, where 2 is the worst."""
    options = {**EXPERTS, "steps": 60, "n_expert_used": 1, "learning_rate": 0.01}
    quick("spread", balance_weight=1.0, **options)
    last = [line["balance_loss"] for line in read_metrics(tmp_path / "spread" / "metrics.jsonl")]
    assert sum(last[-10:]) / 10 < 1.1
