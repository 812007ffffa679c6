"""The GPT: shapes, parameters, initialisation, the cache, precision. Parity is in tests/parity."""

import numpy as np
import pytest

import weft
from weft.config import ModelConfig
from weft.models import GPT
from weft.models.transformer import sinusoids, slopes
from weft.nn import functional as F
from weft.random import Generator

ARCHS = {
    "gpt2": {},
    "gpt2 untied, no bias": {"tie_embeddings": False, "bias": False},
    "llama": {"arch": "llama", "n_kv_head": 2},
    "llama tied": {"arch": "llama", "tie_embeddings": True},
    "qwen3": {"arch": "qwen3", "n_kv_head": 1, "head_dim": 16},
    "gpt2, rotary": {"positions": "rotary"},
    "sinusoidal, relu2": {"positions": "sinusoidal", "activation": "relu2"},
    "alibi": {"positions": "alibi"},
    "window": {"window": 5},
    "llama, alibi, window": {"arch": "llama", "n_kv_head": 2, "positions": "alibi", "window": 3},
    "qwen3, learned": {"arch": "qwen3", "n_kv_head": 1, "positions": "learned"},
    "experts": {"n_expert": 4},
    "llama, experts one by one": {"arch": "llama", "n_expert": 3, "n_expert_used": 1},
}


def config(**options) -> ModelConfig:
    sizes = dict(vocab_size=17, block_size=12, n_layer=2, n_head=4, n_embd=32)
    return ModelConfig(**(sizes | options))


def tokens(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 17, shape)


@pytest.fixture(params=ARCHS)
def model(request) -> GPT:
    return GPT(config(**ARCHS[request.param]), Generator(1)).eval()


def test_shapes_and_gradients(model):
    logits = model(tokens(2, 12))
    assert logits.shape == (2, 12, 17)
    F.cross_entropy(logits.view(-1, 17), weft.tensor(tokens(24, seed=1))).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.shape == parameter.shape, name
        assert np.abs(parameter.grad.array).max() > 0, name


@weft.no_grad()
def test_cached_logits_equal_uncached_ones(model):
    """In one piece, token by token, and in chunks: the same logits up to summation order."""
    ids = tokens(3, 12)
    whole = model(ids).array
    for cuts in ([12], [1] * 12, [5, 1, 4, 2]):
        state, start, parts = model.start(3), 0, []
        for size in cuts:
            parts.append(model(ids[:, start : start + size], state).array)
            start += size
        # float32 sums of up to 128 terms in another order: 128 roundings of the largest logit
        bound = 128 * np.finfo(np.float32).eps * np.abs(whole).max()
        assert np.abs(np.concatenate(parts, 1) - whole).max() <= bound
        assert state.position == 12


@weft.no_grad()
def test_a_token_sees_only_what_came_before(model):
    ids = tokens(1, 12)
    changed = ids.copy()
    changed[0, 7] = (changed[0, 7] + 1) % 17
    before, after = model(ids).array, model(changed).array
    assert np.array_equal(before[:, :7], after[:, :7])
    assert (before[:, 7:] != after[:, 7:]).any(-1).all()


@weft.no_grad()
def test_bfloat16_is_close_to_float32(model):
    if model.config.n_expert:
        pytest.skip("rounding may send a token to another expert, whose output is quite another")
    ids = tokens(2, 12)
    exact = model(ids).array
    with weft.autocast(weft.bfloat16):
        rounded = model(ids).array.astype(np.float32)
    # 2 layers of some ten roundings to 8 bits each, on logits of the size of `exact`
    assert 0 < np.abs(rounded - exact).max() < 20 * 2.0**-8 * np.abs(exact).max()


def test_too_many_tokens(model):
    with pytest.raises(ValueError, match="13 tokens in a context of 12"):
        model(tokens(1, 13))
    state = model.start(1, 4)
    with pytest.raises(ValueError, match="5 tokens do not fit into 4"), weft.no_grad():
        model(tokens(1, 5), state)


def test_gpt2_small_has_124_439_808_parameters():
    """Counted by shape on a narrow twin: V·C + T·C + L(12C² + 13C) + 2C (FORMATS 5.1)."""
    V, T, L, C = 50, 16, 3, 24
    model = GPT(config(vocab_size=V, block_size=T, n_layer=L, n_embd=C))
    count = sum(p.numel() for p in model.parameters())
    assert count == V * C + T * C + L * (12 * C * C + 13 * C) + 2 * C
    V, T, L, C = 50257, 1024, 12, 768
    assert V * C + T * C + L * (12 * C * C + 13 * C) + 2 * C == 124_439_808


def test_initialisation_is_gpt2s():
    model = GPT(config(n_embd=128, vocab_size=500, n_layer=8), Generator(0))
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1:
            assert set(parameter.tolist()) == {0.0 if name.endswith("bias") else 1.0}, name
            continue
        residual = name.endswith(("attention.out.weight", "feed_forward.down.weight"))
        std = 0.02 / 4 if residual else 0.02  # 1/√(2·8) = 1/4
        spread = parameter.array.std()
        # the standard error of a standard deviation is std/√(2n); five of them
        assert abs(spread - std) < 5 * std / np.sqrt(2 * parameter.numel()), name


def test_the_same_seed_gives_the_same_model():
    first, again, other = (GPT(config(), Generator(s)) for s in (3, 3, 4))
    a, b, c = ([p.array for p in m.parameters()] for m in (first, again, other))
    assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
    assert not all(np.array_equal(x, y) for x, y in zip(a, c, strict=True))


def test_dropout_only_in_training_and_from_the_seed():
    model = GPT(config(dropout=0.2), Generator(0))
    ids = tokens(2, 12)

    def logits():
        weft.manual_seed(8)
        return model(ids).array

    assert np.array_equal(logits(), logits())
    assert not np.array_equal(logits(), model(ids).array)
    model.eval()
    assert np.array_equal(logits(), model(ids).array)


@weft.no_grad()
@pytest.mark.parametrize("layers", [1, 2])
def test_a_window_sees_no_further_back(layers):
    """One layer sees 4 tokens, the second 4 of those: together 7."""
    model = GPT(config(window=4, n_layer=layers, positions="alibi"), Generator(1)).eval()
    ids = tokens(1, 12)
    changed = ids.copy()
    changed[0, 1] = (changed[0, 1] + 1) % 17
    differs = (model(ids).array != model(changed).array).any(-1)[0]
    last = 1 + 3 * layers
    assert list(differs) == [1 <= place <= last for place in range(12)]


@weft.no_grad()
def test_alibi_reads_the_same_words_alike_wherever_they_stand():
    """There are no positions but distances: with a window, what lies before it is forgotten."""
    model = GPT(config(window=4, n_layer=1, positions="alibi"), Generator(1)).eval()
    ids = tokens(1, 12)
    late = model(ids).array[0, -1]
    early = model(ids[:, -4:]).array[0, -1]
    # As in the test of the cache: sums in another order.
    assert np.abs(late - early).max() <= 128 * np.finfo(np.float32).eps * np.abs(late).max()


def test_slopes_of_alibi():
    """For 8 heads 1/2 … 1/256; 12 take four of 16 heads' besides (arXiv:2108.12409)."""
    np.testing.assert_array_equal(slopes(8), 2.0 ** -np.arange(1, 9))
    np.testing.assert_allclose(slopes(12)[8:], 2.0 ** -np.array([0.5, 1.5, 2.5, 3.5]), rtol=1e-6)
    assert slopes(1) == [2.0**-8] and slopes(12).dtype == np.float32


def test_sinusoids():
    """Sine and cosine of t / 10000^(2i/C) in turns (arXiv:1706.03762), of the weights' size."""
    waves = sinusoids(config(n_embd=32))
    assert waves.shape == (12, 32)
    scale = 0.02 * 2**0.5
    for t, i in ((0, 0), (3, 5), (11, 15)):
        angle = t / 10000 ** (2 * i / 32)
        expected = scale * np.array([np.sin(angle), np.cos(angle)])
        np.testing.assert_allclose(waves[t, 2 * i : 2 * i + 2], expected, rtol=1e-6, atol=1e-9)


def test_parameter_names():
    names = {name for name, _ in GPT(config(arch="qwen3")).named_parameters()}
    block = {
        "norm_1.weight", "attention.qkv.weight", "attention.out.weight", "norm_2.weight",
        "attention.q_norm.weight", "attention.k_norm.weight", "feed_forward.up.weight",
        "feed_forward.gate.weight", "feed_forward.down.weight",
    }  # fmt: skip
    blocks = {f"blocks.{i}.{name}" for i in range(2) for name in block}
    assert names == blocks | {"embedding.weight", "norm.weight", "head.weight"}
