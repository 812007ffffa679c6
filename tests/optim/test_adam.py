"""Adam and AdamW: ten steps beside PyTorch's, and their refusals."""

import pytest
import torch

from weft import optim

OPTIONS = [
    {},
    {"lr": 3e-2, "betas": (0.8, 0.95), "eps": 1e-5},
    {"lr": 1e-2, "weight_decay": 0.1},
    {"lr": 1e-2, "weight_decay": 0.0, "betas": (0.0, 0.99)},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("name", ["Adam", "AdamW"])
def test_ten_steps(name, options, ten_steps):
    ten_steps(getattr(optim, name), getattr(torch.optim, name), **options)


def test_the_two_differ_in_the_weight_decay(pair):
    results = []
    for kind in (optim.Adam, optim.AdamW):
        both = pair([(3, 4)])
        both.set_gradients()
        kind(both.ours, lr=0.1, weight_decay=0.5).step()
        results.append(both.ours[0].array)
    assert (results[0] != results[1]).all()


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
def test_a_state_of_pytorchs_goes_on_here(name, pair):
    both = pair()
    mine = getattr(optim, name)(both.ours, lr=0.5)
    other = getattr(torch.optim, name)(both.theirs, lr=0.01, betas=(0.8, 0.9), weight_decay=0.1)
    for _ in range(3):
        both.set_gradients()
        other.step()
    for ours, theirs in zip(both.ours, both.theirs, strict=True):
        ours.array[...] = theirs.detach().numpy()
    mine.load_state_dict(other.state_dict())
    assert mine.param_groups[0]["lr"] == 0.01 and mine.param_groups[0]["betas"] == (0.8, 0.9)
    for _ in range(3):
        both.set_gradients()
        mine.step()
        other.step()
        both.check()


def test_an_option_that_is_on_there_and_missing_here_is_refused(pair):
    both = pair()
    other = torch.optim.Adam(both.theirs, amsgrad=True)
    with pytest.raises(ValueError, match="amsgrad=True; Adam has no such option"):
        optim.Adam(both.ours).load_state_dict(other.state_dict())


@pytest.mark.parametrize(
    "options",
    [{"lr": -1.0}, {"betas": (1.0, 0.9)}, {"betas": (0.9, -0.1)}, {"eps": -1.0}],
    ids=str,
)
def test_bad_options(options, pair):
    with pytest.raises(ValueError):
        optim.AdamW(pair().ours, **options)
    with pytest.raises(TypeError):
        optim.AdamW(pair().ours, amsgrad=True)
