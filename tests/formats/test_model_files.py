"""Lazy weights: computed on access, and an infinity or a NaN is named before it does harm."""

import ml_dtypes
import numpy as np
import pytest

from weft.errors import MalformedFileError
from weft.formats import Weights
from weft.formats.model_files import is_finite


def test_an_array_is_computed_on_access_and_not_kept():
    calls = []
    weights = Weights({"a": lambda: calls.append(1) or np.ones(2, np.float32)})
    assert list(weights) == ["a"] and len(weights) == 1 and calls == []
    assert weights["a"].sum() == weights["a"].sum() == 2 and len(calls) == 2


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("layout", ["plain", "transposed", "strided"])
def test_what_is_not_finite_is_refused_with_its_name(dtype, value, layout):
    largest = np.array(ml_dtypes.finfo(dtype).max, dtype)
    stored = np.full((600, 301), largest, dtype)
    stored[-1, -1] = -largest
    array = {"plain": stored, "transposed": stored.T, "strided": stored[::2, ::3]}[layout]
    weights = Weights({"head.weight": lambda: array}, "model.safetensors")
    assert weights["head.weight"] is array  # the largest numbers are numbers
    array[7, 3] = value
    with pytest.raises(MalformedFileError, match=r"NaN or infinite: head.weight; model.safeten"):
        weights["head.weight"]
    assert weights.unchecked("head.weight") is array


def test_nothing_is_finite():
    assert is_finite(np.zeros((0, 3), np.float32))
