"""The trainer serves every family: trains, resumes to the same bits, evaluates with the state."""

import math

import numpy as np
import pytest

from weft.errors import ConfigError, WeftError
from weft.inference import load
from weft.training import Progress, train
from weft.training.evaluation import evaluate

SMALL = {
    "mlp": {"context_size": 4, "n_embd": 8, "intermediate_size": 16},
    "bow": {"context_size": 4, "n_embd": 8},
    "rnn": {"n_embd": 16},
    "gru": {"n_embd": 16},
    "lstm": {"n_layer": 2, "n_embd": 16, "dropout": 0.1, "accumulate": 2},
}
COMMON = {
    "block_size": 8,
    "batch_size": 4,
    "eval_interval": 5,
    "eval_batches": 3,
    "sample_tokens": 12,
    "precision": "float32",
}
families = pytest.mark.parametrize("name", SMALL)


@pytest.fixture
def run(text, tmp_path):
    def go(name, out, resume=False, **options):
        first = {} if resume else {"steps": 20, "model": name, **COMMON, **SMALL[name]}
        data = None if resume else text
        options = {**first, **options}
        return train(data, out=tmp_path / out, resume=resume, progress=Progress(), **options)

    return go


@families
def test_it_learns_and_loads(run, name, tmp_path):
    result = run(name, "run", steps=200, learning_rate=1e-2)
    loaded = load(tmp_path / "run", checkpoint="latest")
    assert loaded.config.model == name
    assert result.val_loss < 0.9 * math.log(loaded.config.vocab_size)
    assert len(loaded.generate("the ", max_tokens=20, seed=1)) == 20
    assert loaded.generate("the ", max_tokens=20, seed=1) == loaded.generate(
        "the ", max_tokens=20, seed=1
    )


@families
def test_resuming_gives_the_same_bits(run, same_bits, name):
    run(name, "whole")
    run(name, "cut", steps=10, min_learning_rate=1e-3, learning_rate=1e-3, warmup_steps=2)
    run(name, "cut", resume=True, steps=20)
    run(name, "whole2", min_learning_rate=1e-3, learning_rate=1e-3, warmup_steps=2)
    same_bits("cut", "whole2")


@families
def test_the_whole_text_is_read_as_one_piece(run, name, tmp_path):
    run(name, "run")
    loaded = load(tmp_path / "run", checkpoint="latest")
    ids = np.random.default_rng(0).integers(0, loaded.config.vocab_size, 3000)
    logits = loaded.model(ids[None, :-1]).array[0].astype(np.float64)
    logs = logits - np.log(np.exp(logits - logits.max(-1, keepdims=True)).sum(-1, keepdims=True))
    logs -= logits.max(-1, keepdims=True)
    expected = -logs[np.arange(2999), ids[1:]].mean()
    found = evaluate(loaded.model, ids, block_size=8, batch_size=4)
    assert found.tokens == 2999
    assert found.loss == pytest.approx(expected, rel=1e-5)


def test_an_option_of_another_family(run):
    with pytest.raises(ConfigError, match="n_head is not an option of model mlp, but of gpt"):
        run("mlp", "run", n_head=2)


def test_a_model_that_is_too_large_says_what_to_change(run):
    with pytest.raises(WeftError, match=r"--batch-size|--n-embd|make the model smaller"):
        run("mlp", "run", n_embd=2**20, intermediate_size=2**20)
