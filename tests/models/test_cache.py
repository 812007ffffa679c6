"""The key-value cache: what is kept in each precision, and how far from what was written."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import weft
from weft.autograd import Tensor
from weft.config import ModelConfig
from weft.models import GPT, KeyValueCache
from weft.models.cache import quantise
from weft.random import Generator

PRECISIONS = ["float32", "bfloat16", "int8"]
L, B, HKV, LENGTH, D = 2, 3, 2, 7, 4


def filled(dtype, cuts=(4, 3), computed="float32"):
    """A cache with `cuts` written one after the other; what was written, (L, B, T, Hkv, D) twice.

    Also what each layer's last `append` returned.
    """
    cache = KeyValueCache(L, B, HKV, LENGTH, D, dtype)
    rng = np.random.default_rng(0)
    written = rng.standard_normal((2, L, B, sum(cuts), HKV, D)).astype(computed)
    returned = []
    for size in cuts:
        new = written[..., cache.position : cache.position + size, :, :]
        returned = [
            cache.append(layer, Tensor(new[0, layer]), Tensor(new[1, layer])) for layer in range(L)
        ]
        cache.position += size
    return cache, written, np.array([[t.array for t in pair] for pair in returned]).swapaxes(0, 1)


def test_float32_is_kept_as_it_is():
    cache, written, returned = filled("float32")
    assert np.array_equal(returned, written)
    assert np.array_equal(cache.keys, written[0].swapaxes(2, 3))
    assert np.array_equal(cache.values, written[1].swapaxes(2, 3))
    assert cache.key_scales is None and cache.value_scales is None


def test_bfloat16_is_rounded_once():
    cache, written, returned = filled("bfloat16")
    assert cache.keys.dtype == "bfloat16" and returned.dtype == np.float32
    assert np.array_equal(returned, written.astype("bfloat16").astype(np.float32))


def test_int8_is_within_half_a_scale():
    cache, written, returned = filled("int8")
    scales = np.stack([cache.key_scales, cache.value_scales]).swapaxes(3, 4)[..., None]
    assert cache.keys.dtype == cache.values.dtype == np.int8
    assert scales.shape == (2, L, B, LENGTH, HKV, 1) and scales.dtype == np.float32
    # rounding to nearest, and three roundings to 24 bits of numbers up to 127 scales
    assert (np.abs(returned - written) <= scales * (0.5 + 127 * 3 * 2.0**-24)).all()
    assert np.array_equal(np.abs(cache.keys).max(-1), np.full((L, B, HKV, LENGTH), 127))


def test_what_is_returned_has_the_precision_of_the_model():
    for dtype in PRECISIONS:
        assert filled(dtype, computed="bfloat16")[2].dtype == "bfloat16"


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_a_branch_shares_nothing(dtype):
    cache, _, _ = filled(dtype, (2,))
    branch = cache.copy()
    for name, array in vars(cache).items():
        if isinstance(array, np.ndarray):
            assert np.array_equal(array, getattr(branch, name)), name
            assert not np.shares_memory(array, getattr(branch, name)), name
    other = Tensor(np.full((B, 1, HKV, D), 9, np.float32))
    before = cache.copy()
    for layer in range(L):
        branch.append(layer, other, other)
    branch.position += 1
    assert cache.position == 2 and branch.position == 3
    assert np.array_equal(cache.keys, before.keys)
    assert dtype != "int8" or np.array_equal(cache.key_scales, before.key_scales)


def test_sizes():
    entries = 2 * L * B * HKV * LENGTH
    sizes = {dtype: filled(dtype)[0].nbytes for dtype in PRECISIONS}
    assert sizes == {
        "float32": entries * D * 4, "bfloat16": entries * D * 2, "int8": entries * (D + 4),
    }  # fmt: skip


@pytest.mark.parametrize("dtype", ["int16", "uint8", "float16"])
def test_other_precisions_are_refused(dtype):
    with pytest.raises(ValueError, match=f"key-value cache: {dtype}; choose one of float32"):
        KeyValueCache(1, 1, 1, 1, 1, dtype)


@given(arrays(np.float32, (3, 5), elements=st.floats(-(2.0**100), 2.0**100, width=32)))
def test_quantising(x):
    entries, scale = quantise(x)
    bound = 0.5 + 127 * 3 * 2.0**-24
    normal = scale > 2.0**-100  # a scale with all of its 24 bits
    error = np.abs(entries * scale[:, None] - x)
    assert (error <= bound * scale[:, None])[normal].all()
    assert (error <= 2.0**-92)[~normal].all()
    again, same = quantise(entries * scale[:, None])
    assert np.array_equal(again[normal], entries[normal])
    assert np.allclose(same[normal], scale[normal], rtol=2.0**-22, atol=0)


def test_quantising_what_is_not_a_number():
    x = np.array([[1, np.nan], [np.inf, 1], [0, 0], [1e-45, 0], [3, -1]], np.float32)
    entries, scale = quantise(x)
    back = entries * scale[:, None]
    assert np.isnan(back[:2]).all()
    assert not back[2:4].any()
    assert entries[4].tolist() == [127, -42]


@weft.no_grad()
@pytest.mark.parametrize("arch", ["gpt2", "llama", "qwen3"])
def test_logits_with_a_small_cache(arch):
    """Keys and values rounded by 2⁻⁹ of each, or 1/254 of the largest, move the logits little."""
    config = ModelConfig(arch=arch, vocab_size=17, block_size=12, n_layer=2, n_head=2, n_embd=32)
    model = GPT(config, Generator(1)).eval()
    ids = np.random.default_rng(0).integers(0, 17, (2, 12))
    exact = model(ids).array
    for dtype in PRECISIONS:
        state = model.start(2, dtype=dtype)
        logits = np.concatenate([model(ids[:, i : i + 4], state).array for i in (0, 4, 8)], 1)
        error = np.abs(logits - exact).max() / np.abs(exact).max()
        assert error < (1e-5 if dtype == "float32" else 2e-2), dtype
        assert dtype == "float32" or error > 1e-5, dtype
        assert state.keys.dtype == dtype
