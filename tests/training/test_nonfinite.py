"""Where NaN and infinity came from: weights, the first module in forward order, or a gradient."""

import ml_dtypes
import numpy as np
import pytest

from weft.config import (
    BagOfWordsConfig,
    EncoderDecoderConfig,
    MLPConfig,
    ModelConfig,
    RecurrentConfig,
)
from weft.errors import NonFiniteError
from weft.models import build
from weft.random import Generator, manual_seed
from weft.training.nonfinite import Forward, check_finite, check_weights, first_not_finite
from weft.training.step import clip, gradients

SIZES = {"vocab_size": 11, "block_size": 8}
SMALL = {**SIZES, "n_layer": 2, "n_head": 2, "n_embd": 16}
FAMILIES = {
    "gpt2": ModelConfig(**SMALL),
    "llama": ModelConfig(**SMALL, arch="llama"),
    "experts": ModelConfig(**SMALL, n_expert=2),
    "dropout": ModelConfig(**SMALL, dropout=0.3),
    "lstm": RecurrentConfig(model="lstm", **SIZES, n_layer=2, n_embd=16),
    "mlp": MLPConfig(**SIZES, n_embd=16),
    "bag-of-words": BagOfWordsConfig(**SIZES, n_embd=16),
    "encoder-decoder": EncoderDecoderConfig(**SMALL),
}


def made(name):
    """A model of a family in training, and a step's micro-batches for it."""
    model, draw = build(FAMILIES[name], Generator(0)).train(), np.random.default_rng(0)
    x, y = draw.integers(0, 11, (2, 4, 8))
    if name == "lstm":
        return model, [(x, y, model.start(4))]
    if name == "encoder-decoder":
        return model, [(x, y, (draw.integers(0, 11, (4, 6)), np.array([6, 5, 3, 6])))]
    return model, [(x[:2], y[:2]), (x[2:], y[2:])]


@pytest.fixture
def model():
    return made("gpt2")[0]


@pytest.fixture
def batches():
    return made("gpt2")[1]


def failure(model, batches, dtype=None, seed=5):
    """What a step of the loop raises."""
    forward = Forward(model, batches, dtype, seed)
    manual_seed(seed)
    with np.errstate(all="ignore"):
        loss = gradients(model, batches, dtype)
    with pytest.raises(NonFiniteError) as error:
        check_finite(model, loss, clip(model.parameters(), 1.0)[0], 7, "runs/x", forward)
    assert error.value.step == 7 and "\n" not in str(error.value)
    return error.value


def explode(module):
    """Make a module give infinities, with weights that are finite."""
    for parameter in module.parameters():
        parameter.array[...] = 3e38


@pytest.mark.parametrize("dtype", [None, np.dtype(ml_dtypes.bfloat16)], ids=["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("family", "module", "where"),
    [
        ("gpt2", "blocks.1.feed_forward", "blocks.1.feed_forward"),
        ("gpt2", "blocks.0.attention.qkv", "blocks.0.attention.qkv"),
        ("llama", "blocks.0.feed_forward", "blocks.0.feed_forward"),
        ("experts", "blocks.1.feed_forward.experts.0", "blocks.1.feed_forward.experts.0"),
        ("dropout", "blocks.1.feed_forward", "blocks.1.feed_forward"),
        ("encoder-decoder", "encoder.1.feed_forward", "encoder.1.feed_forward"),
    ],
)
def test_the_first_module_in_forward_order_is_named(family, module, where, dtype):
    model, batches = made(family)
    explode(model.get_submodule(module))
    error = failure(model, batches, dtype)
    assert f"first in {error.where}; runs/x" in str(error)
    # Which sum of large numbers of both signs overflows first, depends on the order of summation.
    assert error.where == where or error.where.startswith(f"{where}.")
    assert error.what.startswith("the loss is ")


def test_a_layer_that_gives_more_than_one_tensor_is_looked_at():
    """Gates bound what an LSTM gives, so infinity must meet infinity: ∞ - ∞ is NaN."""
    model, batches = made("lstm")
    model.embedding.weight.array[...] = 10
    for parameter in model.recurrent.parameters():
        parameter.array[..., ::2], parameter.array[..., 1::2] = 3e38, -3e38
    assert failure(model, batches).where == "recurrent"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_bad_weight_is_named_first_in_every_family(family):
    model, batches = made(family)
    name, parameter = list(model.named_parameters())[-1]
    parameter.array.flat[0] = np.nan
    assert failure(model, batches).where == f"the weights of {name}"
    with pytest.raises(NonFiniteError, match=r"the weights of .* are not finite after step 3") as e:
        check_weights(model, 3, "runs/x")
    assert (e.value.where, e.value.step) == (f"the weights of {name}", 3)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_forward_pass_again_leaves_no_trace(family):
    """Nothing is found in a sound model, and its modules are as they were."""
    model, batches = made(family)
    forward, forwards = Forward(model, batches, None, 5), [vars(m).copy() for m in model.modules()]
    assert forward() is None
    assert [vars(m).keys() for m in model.modules()] == [f.keys() for f in forwards]
    assert first_not_finite(model, forward) == "the logits"  # no module: what is left


def test_dropout_is_that_of_the_step():
    """Both passes draw the same, in every micro-batch; and a module's own `forward` is kept."""
    model, batches = made("dropout")
    outputs, inner = [], model.norm.forward
    model.norm.forward = lambda x: (outputs.append(inner(x)), outputs[-1])[1]
    forward = Forward(model, batches, None, 5)
    manual_seed(5)
    gradients(model, batches)
    assert forward() is None
    gradients(model, batches)  # without the seed
    arrays = [output.array for output in outputs]
    assert len(arrays) == 6 and all(map(np.array_equal, arrays[:2], arrays[2:4]))
    assert not np.array_equal(arrays[0], arrays[4])


def test_a_recurrent_state_is_the_one_before_the_step():
    """The step moves the state on; the second pass must not read from where the first ended."""
    model, batches = made("lstm")
    seen = []
    forward, inner = Forward(model, batches, None, 5), model.hidden
    model.hidden = lambda x, state: (seen.append(state.arrays[0].copy()), inner(x, state))[1]
    gradients(model, batches)
    forward()
    assert batches[0][2].position == 8
    assert len(seen) == 2 and np.array_equal(*seen)


def test_what_is_spoilt_between_two_modules_is_of_the_one_around_them(model, batches):
    for name in ("embedding", "position"):
        model.get_submodule(name).weight.array[...] = 3e38  # their sum overflows
    assert failure(model, batches).where == "the model itself, before dropout"
    model, batches = made("gpt2")
    explode(model.blocks[1].attention.qkv)
    model.blocks[1].attention.qkv.weight.array[...] *= 1e-9  # q · k overflows, and q does not
    assert failure(model, batches).where == "blocks.1.attention"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_bad_gradient_after_a_sound_forward_pass_is_named(model, batches, bad):
    loss = gradients(model, batches)
    parameter = dict(model.named_parameters())["blocks.1.feed_forward.up.weight"]
    parameter.grad.array[3, 5] = bad
    norm, scale = clip(model.parameters(), 1.0)
    assert scale == 1.0  # nothing is scaled by NaN
    with pytest.raises(NonFiniteError) as error:
        check_finite(model, loss, norm, 12, "runs/x", Forward(model, batches, None, 5))
    assert error.value.where == "the gradient of blocks.1.feed_forward.up.weight"
    assert error.value.what.startswith("the gradient's norm is") and "at step 12" in str(error)


def test_finite_steps_pass_and_look_no_further(model, batches):
    def never():
        raise AssertionError

    loss = gradients(model, batches)
    check_finite(model, loss, clip(model.parameters(), 1.0)[0], 1, "runs/x", never)
    check_weights(model, 1, "runs/x")
