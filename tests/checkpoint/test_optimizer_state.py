"""An optimizer's state_dict survives being flattened into arrays."""

import numpy as np
import pytest

from weft.checkpoint.optimizer_state import flatten, unflatten
from weft.errors import CheckpointError

NAMES = ["embedding.weight", "blocks.0.norm_1.weight"]
GROUPS = [{"lr": 0.1, "params": [0, 1]}]


def state_dict():
    rng = np.random.default_rng(0)
    state = {
        i: {
            "step": 3,
            "rate": 0.1,
            "exp_avg": rng.normal(size=(2, 3)).astype(np.float32),
            "count": np.array(3, np.float32),
        }
        for i in range(2)
    }
    return {"state": state, "param_groups": GROUPS}


def test_there_and_back():
    flat = flatten(state_dict(), NAMES)
    assert set(flat) == {f"{n}.{q}" for n in NAMES for q in ("step", "rate", "exp_avg", "count")}
    back = unflatten(flat, NAMES, GROUPS)
    assert back["param_groups"] == GROUPS
    for index, entry in state_dict()["state"].items():
        assert type(back["state"][index]["step"]) is int and entry["step"] == 3
        assert type(back["state"][index]["rate"]) is float
        for quantity in ("exp_avg", "count"):
            array = back["state"][index][quantity]
            assert array.dtype == np.float32 and np.array_equal(array, entry[quantity])
            assert array.flags.writeable


def test_what_is_none_is_left_out():
    flat = flatten({"state": {0: {"momentum_buffer": None}}, "param_groups": []}, NAMES)
    assert flat == {} and unflatten(flat, NAMES, [])["state"] == {}


def test_tensors_give_their_arrays():
    class Tensor:
        array = np.ones(3, np.float32)

    flat = flatten({"state": {1: {"exp_avg": Tensor()}}, "param_groups": []}, NAMES)
    assert np.array_equal(flat["blocks.0.norm_1.weight.exp_avg"], np.ones(3))


def test_an_unknown_parameter_is_named():
    with pytest.raises(CheckpointError, match=r"'head.weight.step'"):
        unflatten({"head.weight.step": np.array(1)}, NAMES, [])
