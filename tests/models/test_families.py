"""What every family promises: one signature, a state that may be cut anywhere, a loss, a branch."""

import numpy as np
import pytest

from weft.autograd import no_grad
from weft.config import model_from_dict
from weft.models import build, skeleton
from weft.nn import functional as F
from weft.random import Generator

V = 11
SMALL = {
    "gpt": {"n_layer": 2, "n_head": 2, "n_embd": 16, "block_size": 24},
    "mlp": {"context_size": 4, "n_layer": 2, "n_embd": 8, "intermediate_size": 16},
    "bow": {"context_size": 4, "n_embd": 8},
    "rnn": {"n_embd": 8},
    "gru": {"n_layer": 2, "n_embd": 8},
    "lstm": {"n_layer": 3, "n_embd": 8, "tie_embeddings": True},
}
# The sums of a product may be taken in another order for another number of rows: a few roundings
# of numbers of about 1.
ATOL = 2e-5


def make(name, **options):
    config = model_from_dict({"model": name, "vocab_size": V, **SMALL[name], **options})
    return build(config, Generator(3)).eval()


def some_tokens(B=3, T=20, seed=0):
    return np.random.default_rng(seed).integers(0, V, (B, T))


families = pytest.mark.parametrize("name", SMALL)


@families
def test_one_signature(name):
    model, x = make(name), some_tokens()
    assert model(x).shape == (3, 20, V)
    assert model.config.model == name


@families
@pytest.mark.parametrize("cuts", [(1,), (7, 8), (3, 4, 19), tuple(range(1, 20))])
def test_a_state_may_be_cut_anywhere(name, cuts):
    model, x = make(name), some_tokens()
    state = model.start(3)
    with no_grad():
        whole = model(x).array
        parts = [model(part, state).array for part in np.split(x, cuts, axis=1)]
    assert state.position == 20
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, atol=ATOL, rtol=0)


@families
def test_no_token_sees_what_comes_after_it(name):
    model, x = make(name), some_tokens()
    changed = x.copy()
    changed[:, 12:] = (changed[:, 12:] + 1) % V
    with no_grad():
        a, b = model(x).array, model(changed).array
    np.testing.assert_array_equal(a[:, :12], b[:, :12])
    assert np.abs(a[:, 12:] - b[:, 12:]).max() > 1e-4


@families
def test_a_branch_is_independent(name):
    model, x = make(name), some_tokens(B=1)
    state = model.start(1)
    with no_grad():
        model(x[:, :5], state)
        branch = state.copy()
        model(x[:, 5:9], state)
        left = model(x[:, 5:6], branch).array
        right = model(x[:, :6]).array[:, -1:]
    assert (state.position, branch.position) == (9, 6)
    assert state.nbytes == branch.nbytes > 0
    np.testing.assert_allclose(left, right, atol=ATOL, rtol=0)


@families
def test_the_loss_is_the_cross_entropy_of_the_logits(name):
    model, x = make(name), some_tokens()
    y = some_tokens(seed=1)
    y[0, :4] = -100
    logits = model(x).view(-1, V)
    expected = F.cross_entropy(logits, y.reshape(-1)).item()
    assert model.loss(x, y).item() == pytest.approx(expected, rel=1e-5)
    counted = int((y != -100).sum())
    assert model.loss(x, y, 2 * counted).item() == pytest.approx(expected / 2, rel=1e-5)


@families
def test_the_loss_reaches_every_weight(name):
    model, x = make(name), some_tokens(B=8, T=24)
    model.loss(x[:, :-1], x[:, 1:]).backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None and np.abs(parameter.grad.array).max() > 0, key


@families
def test_the_generator_decides_the_weights(name):
    config = make(name).config
    one, same, other = (build(config, Generator(seed)) for seed in (1, 1, 2))
    key = next(iter(one.state_dict()))
    np.testing.assert_array_equal(one.state_dict()[key].array, same.state_dict()[key].array)
    assert np.any(one.state_dict()[key].array != other.state_dict()[key].array)


@families
def test_a_skeleton_has_the_same_names_and_shapes(name):
    model = make(name)
    shapes = {key: value.shape for key, value in model.state_dict().items()}
    assert {key: v.shape for key, v in skeleton(model.config).state_dict().items()} == shapes


def test_a_bag_has_no_order():
    model, x = make("bow"), some_tokens(T=4)
    with no_grad():
        a, b = model(x).array[:, -1], model(x[:, ::-1]).array[:, -1]
    np.testing.assert_allclose(a, b, atol=ATOL, rtol=0)


@pytest.mark.parametrize("name", ["mlp", "bow"])
def test_a_window_forgets_what_is_outside(name):
    model, x = make(name), some_tokens()
    changed = x.copy()
    changed[:, :10] = (changed[:, :10] + 1) % V
    with no_grad():
        a, b = model(x).array, model(changed).array
    np.testing.assert_array_equal(a[:, 13:], b[:, 13:])  # sees tokens 10 to 13
    assert np.abs(a[:, 12] - b[:, 12]).max() > 1e-5
