"""Quantised checkpoints: what is stored comes back, and what does not fit is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as numpy_arrays

from weft.checkpoint import tensors
from weft.config import ModelConfig
from weft.errors import CheckpointError, ConfigError
from weft.formats.quantized import (
    QuantizedWeights,
    is_quantized,
    pack_int4,
    quantize_weights,
    read_quantized,
    unpack_int4,
)
from weft.kernels.reference import dequantize, quantize_int4, quantize_int8
from weft.models import GPT
from weft.random import Generator


def weights_of(arch: str = "llama") -> dict[str, np.ndarray]:
    config = ModelConfig(
        arch=arch, vocab_size=70, block_size=16, n_layer=2, n_head=2, n_embd=64, bias=None
    )
    model = GPT(config, Generator(3))
    return {name: tensor.array for name, tensor in model.state_dict().items()}


@given(
    numpy_arrays(
        np.int8,
        st.tuples(st.integers(1, 4), st.sampled_from([32, 96])),
        elements=st.integers(-8, 7),
    )
)
def test_packing_keeps_every_integer(q):
    packed = pack_int4(q)
    assert packed.dtype == np.uint8 and packed.nbytes * 2 == q.nbytes
    np.testing.assert_array_equal(unpack_int4(packed), q)


def test_packed_as_ggml_does():
    q = np.arange(32, dtype=np.int8)[None] % 16 - 8
    q[0, 16:] = 7
    assert pack_int4(q)[0].tolist() == [0xF0 | j for j in range(16)]


@pytest.mark.parametrize("arch", ["gpt2", "llama", "qwen3"])
@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_through_a_file(tmp_path, arch, kind):
    weights = weights_of(arch)
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"".join(bytes(b) for b in tensors.encode(quantize_weights(weights, kind))))
    stored = tensors.read(path)
    assert is_quantized(stored) and not is_quantized(weights)
    read = read_quantized(stored, str(path))
    assert isinstance(read, QuantizedWeights) and set(read) == set(weights)
    for name, weight in weights.items():
        matrix = read.quantized(name)
        if weight.ndim == 1 or name == "position.weight":
            assert matrix is None
            np.testing.assert_array_equal(read[name], weight)
            continue
        four = kind == "int4" and name not in ("embedding.weight", "head.weight")
        q, scale = quantize_int4(weight, search=True) if four else quantize_int8(weight)
        assert matrix.bits == (4 if four else 8) and matrix.shape == weight.shape
        np.testing.assert_array_equal(matrix.integers(), q)
        np.testing.assert_array_equal(read[name], dequantize(q, scale))


def test_the_size_of_the_file():
    weights = weights_of()
    whole = sum(w.nbytes for w in weights.values())
    sizes = {
        k: sum(a.nbytes for a in quantize_weights(weights, k).values()) for k in ("int8", "int4")
    }
    assert sizes["int8"] < 0.28 * whole and sizes["int4"] < 0.19 * whole


def test_what_is_quantised_is_not_quantised_again():
    once = quantize_weights(weights_of(), "int8")
    again = quantize_weights(read_quantized(once, "here"), "int8")
    assert set(once) == set(again)
    assert all(once[name] is again[name] for name in once)


def test_rows_that_are_no_multiple_of_32_stay():
    odd = {"a.weight": np.ones((4, 33), np.float32), "b.weight": np.ones((4, 64), np.float32)}
    assert set(quantize_weights(odd, "int4")) == {"a.weight", "b.weight.q", "b.weight.scale"}


def test_without_integers_they_are_plain_weights():
    weights = weights_of()
    read = read_quantized(weights, "here")
    assert not isinstance(read, QuantizedWeights)
    assert all(read[name] is weights[name] for name in weights)


def damage(arrays, change):
    arrays = dict(arrays)
    change(arrays)
    with pytest.raises(CheckpointError, match="; here; the file is damaged") as error:
        read_quantized(arrays, "here")
    return str(error.value)


def test_what_does_not_belong_together_is_refused():
    arrays = quantize_weights(weights_of(), "int8")
    q, scale = "blocks.0.attention.qkv.weight.q", "blocks.0.attention.qkv.weight.scale"
    short = q.removesuffix(".q")
    assert "no scales" in damage(arrays, lambda a: a.pop(scale))
    assert "does not belong" in damage(arrays, lambda a: a.pop(q))
    assert "does not belong" in damage(arrays, lambda a: a.update({short: a[q]}))
    assert "no scales" in damage(arrays, lambda a: a.update({scale: a[scale].astype("f4")}))
    assert "no scales" in damage(arrays, lambda a: a.update({scale: a[scale].ravel()}))
    for wrong in (
        lambda x: x[:-1],
        lambda x: x[:, 1:],
        lambda x: x.view(np.uint8),
        lambda x: x.astype(np.int16),
        lambda x: x.ravel(),
    ):
        assert "do not fit" in damage(arrays, lambda a, w=wrong: a.update({q: w(a[q])}))


def test_weights_that_are_not_finite():
    weights = weights_of()
    weights["head.weight"] = weights["head.weight"].copy()
    weights["head.weight"][3, 5] = np.nan
    with pytest.raises(ConfigError, match=r"not finite.*; head\.weight;"):
        quantize_weights(weights, "int4")
    with pytest.raises(ConfigError, match="choose int8 or int4"):
        quantize_weights(weights, "int2")
