"""The encoder-decoder: shapes, padding, the cache, the state. Parity is in tests/parity."""

from __future__ import annotations

import numpy as np
import pytest

import weft
from weft.config import EncoderDecoderConfig
from weft.errors import ConfigError
from weft.models import EncoderDecoder
from weft.random import Generator

V = 17
SHAPES = {
    "pre-norm": {},
    "post-norm, gelu": {"norm_first": False, "activation": "gelu"},
    "learned positions, untied": {"positions": "learned", "tie_embeddings": False},
}


def model(**options) -> EncoderDecoder:
    sizes = dict(vocab_size=V, block_size=12, n_layer=2, n_head=4, n_embd=32)
    return EncoderDecoder(EncoderDecoderConfig(**(sizes | options)), Generator(1))


def ids(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, V, shape)


def close(a: np.ndarray, b: np.ndarray) -> None:
    """Equal but for the order of sums: 32 · 2⁻²⁴ of the largest logit, some layers deep."""
    np.testing.assert_allclose(a, b, rtol=0, atol=2e-5 * np.abs(b).max())


@pytest.mark.parametrize("options", SHAPES.values(), ids=SHAPES)
def test_parameters_logits_and_gradients(options) -> None:
    m = model(**options)
    C, inner = 32, 128
    attention, mlp, norm = 4 * C * (C + 1), 2 * C * inner + inner + C, 2 * C
    expected = V * C + 2 * (attention + mlp + 2 * norm) + 2 * (2 * attention + mlp + 3 * norm)
    expected += 2 * norm + (12 * C + V * C if "positions" in options else 0)
    assert sum(p.numel() for p in m.parameters()) == expected
    lengths = np.array([5, 2, 7])
    assert m(ids(3, 4), m.encode(ids(3, 7), lengths)).shape == (3, 4, V)
    m.loss(ids(3, 4), ids(3, 4, seed=1), source=(ids(3, 7), lengths)).backward()
    for name, p in m.named_parameters():
        assert p.grad is not None and np.abs(p.grad.array).max() > 0, name


@pytest.mark.parametrize("options", SHAPES.values(), ids=SHAPES)
def test_what_stands_in_the_padding_changes_no_bit(options) -> None:
    m = model(**options)
    source, lengths, tokens, targets = ids(3, 7), np.array([5, 2, 7]), ids(3, 4), ids(3, 4, seed=1)
    other = np.where(np.arange(7) < lengths[:, None], source, ids(3, 7, seed=2))
    assert (other != source).any()
    results = []
    for text in (source, other):
        logits = m(tokens, m.encode(text, lengths)).array
        m.zero_grad()
        m.loss(tokens, targets, source=(text, lengths)).backward()
        # An embedding's gradient counts its rows in padding with 0; so it has the same bits too.
        results.append([logits, *(p.grad.array.copy() for p in m.parameters())])
    for a, b in zip(*results, strict=True):
        assert (a == b).all()


@pytest.mark.parametrize("options", SHAPES.values(), ids=SHAPES)
def test_a_batch_of_uneven_lengths_is_each_text_alone(options) -> None:
    m = model(**options)
    source, lengths, tokens = ids(3, 7), np.array([5, 2, 7]), ids(3, 4)
    together = m(tokens, m.encode(source, lengths)).array
    targets = np.where(np.arange(4) < np.array([[4], [1], [3]]), ids(3, 4, seed=1), -100)
    loss = 0.0
    for i, n in enumerate(lengths):
        row = slice(i, i + 1)
        alone = m(tokens[row], m.encode(source[row, :n])).array
        close(together[row], alone)
        known = int((targets[i] != -100).sum())
        taught = tokens[row, :known], targets[row, :known]
        loss += m.loss(*taught, 8, (source[row, :n], lengths[row])).item()
    whole = m.loss(tokens, targets, source=(source, lengths)).item()
    assert whole == pytest.approx(loss, rel=2e-6)


def test_even_lengths_need_no_mask() -> None:
    m = model()
    told, untold = m.encode(ids(2, 5), np.array([5, 5])), m.encode(ids(2, 5))
    assert told.mask is None and untold.mask is None
    assert (m(ids(2, 3), told).array == m(ids(2, 3), untold).array).all()


@pytest.mark.parametrize("options", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("cut", [1, 3, 5])
def test_in_pieces_as_at_once(options, cut: int) -> None:
    m = model(**options)
    source, lengths, tokens = ids(2, 7), np.array([4, 7]), ids(2, 6)
    whole = m(tokens, m.encode(source, lengths)).array
    state = m.encode(source, lengths)
    pieces = [m(tokens[:, :cut], state).array, m(tokens[:, cut:], state).array]
    assert state.position == 6
    close(np.concatenate(pieces, axis=1), whole)


def test_no_token_sees_the_future_and_all_see_the_whole_source() -> None:
    m = model()
    source, tokens = ids(1, 6), ids(1, 5)
    before = m(tokens, m.encode(source)).array
    changed = tokens.copy()
    changed[0, 3] = (changed[0, 3] + 1) % V
    after = m(changed, m.encode(source)).array
    assert (after[:, :3] == before[:, :3]).all() and (after[:, 3:] != before[:, 3:]).any(-1).all()
    for i in range(6):
        other = source.copy()
        other[0, i] = (other[0, i] + 1) % V
        assert (m(tokens, m.encode(other)).array != before).any(-1).all()


def test_a_copy_goes_its_own_way() -> None:
    m = model()
    state = m.encode(ids(1, 6))
    m(ids(1, 2), state)
    branch = state.copy()
    first = m(ids(1, 1, seed=3), state).array
    m(ids(1, 1, seed=4), branch)
    assert branch.memory[0][0].array is state.memory[0][0].array  # the source is shared
    state.position -= 1
    assert (m(ids(1, 1, seed=3), state).array == first).all()
    assert state.nbytes > 2 * 2 * 12 * 32 * 4 and not state.full


def test_a_state_fills_up() -> None:
    m = model()
    with pytest.raises(ValueError, match="needs a source"):
        m(ids(1, 2))
    state = m.encode(ids(1, 6), length=3)
    m(ids(1, 3), state)
    assert state.full
    with pytest.raises(ValueError, match="4 tokens do not fit into 3"):
        m(ids(1, 1), state)
    with pytest.raises(ValueError, match="13 tokens in a context of 12"):
        m(ids(1, 13), m.encode(ids(1, 6)))
    with pytest.raises(ValueError, match="13 tokens in a context of 12"):
        m.encode(ids(1, 13))


@pytest.mark.parametrize("lengths", [[0, 3], [3, 8]])
def test_lengths_that_cannot_be(lengths) -> None:
    with pytest.raises(ValueError, match="1 to 7 fit"):
        model().encode(ids(2, 7), lengths)


def test_dropout_only_in_training() -> None:
    m = model(dropout=0.3)
    arguments = ids(2, 4), ids(2, 4, seed=1), 8, (ids(2, 5), np.array([5, 3]))
    weft.manual_seed(1)
    first, second = m.loss(*arguments).item(), m.loss(*arguments).item()
    weft.manual_seed(1)
    assert first == m.loss(*arguments).item() != second
    m.eval()
    assert m.loss(*arguments).item() == m.loss(*arguments).item()


def test_sinusoids() -> None:
    from weft.models.encoder_decoder import sinusoids

    table = sinusoids(3, 4).array
    angles = [[p, p / 100] for p in range(3)]
    expected = [[np.sin(a), np.cos(a), np.sin(b), np.cos(b)] for a, b in angles]
    np.testing.assert_allclose(table, expected, atol=1e-7)
    assert sinusoids(5, 3).shape == (5, 3)


def test_bfloat16_is_near() -> None:
    m = model()
    arguments = ids(2, 4), ids(2, 4, seed=1), 8, (ids(2, 5), np.array([5, 3]))
    exact = m.loss(*arguments).item()
    with weft.autocast(weft.bfloat16):
        assert m.loss(*arguments).item() == pytest.approx(exact, rel=0.02)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"n_embd": 30}, "n_embd 30 is not divisible by n_head 4"),
        ({"positions": "sinus"}, "did you mean sinusoidal"),
        ({"activation": "tanh"}, "choose one of relu, gelu"),
        ({"norm_eps": 0.0}, "norm_eps"),
    ],
)
def test_impossible_configurations(options, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        model(**options)
