"""A tiny checkpoint to save, and the comparison of what comes back with it."""

import numpy as np

from weft.checkpoint import save_checkpoint


def contents(step, val_loss=None, size=3):
    rng = np.random.default_rng(step)
    model = {
        "head.weight": rng.normal(size=(size, 2)).astype(np.float32),
        "norm.weight": rng.normal(size=(size,)).astype(np.float32),
    }
    optimizer = {f"{name}.exp_avg": array * 2 for name, array in model.items()}
    optimizer["head.weight.step"] = np.array(step)
    state = {"tokens": step * 10} if val_loss is None else {"val_loss": val_loss}
    return {
        "config": {"model": {"vocab_size": 3}},
        "tokenizer_json": '{"model": "naïve"}',
        "model": model,
        "optimizer": optimizer,
        "state": state,
    }


def save(run, step, val_loss=None, size=3):
    return save_checkpoint(run, step, **contents(step, val_loss, size))


def assert_is(checkpoint, step, val_loss=None, size=3):
    """`checkpoint` holds exactly what `save` wrote for this step."""
    expected = contents(step, val_loss, size)
    assert checkpoint.step == step
    assert checkpoint.tokenizer_json == expected["tokenizer_json"]
    assert checkpoint.config == expected["config"]
    assert checkpoint.state == {"step": step, **expected["state"]}
    for read, written in (
        (checkpoint.model, expected["model"]),
        (checkpoint.optimizer, expected["optimizer"]),
    ):
        assert set(read) == set(written)
        for name, array in written.items():
            assert read[name].dtype == array.dtype and read[name].shape == array.shape
            assert read[name].tobytes() == array.tobytes()
