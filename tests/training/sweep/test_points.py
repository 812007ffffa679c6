"""The points of a sweep: what is written on the command line, the grid, and random points."""

import math

import numpy as np
import pytest

from weft.errors import ConfigError
from weft.random import Generator
from weft.training.sweep.points import Axis, draw, grid, read_axis


@pytest.mark.parametrize(
    ("text", "axis"),
    [
        ("learning_rate=1e-3,3e-3", Axis("learning_rate", (1e-3, 3e-3))),
        ("--n-layer=2,4", Axis("n_layer", (2, 4))),
        ("arch=gpt2,llama", Axis("arch", ("gpt2", "llama"))),
        ("tie_embeddings=true,false", Axis("tie_embeddings", (True, False))),
        ("vocab_size=300, 500", Axis("vocab_size", (300, 500))),
        ("hidden_size=8", None),
        ("learning_rate=1e-4..1e-2", Axis("learning_rate", ends=(1e-4, 1e-2))),
        ("n_layer=2..8", Axis("n_layer", ends=(2, 8), whole=True)),
    ],
)
def test_an_option_and_its_values(text, axis):
    if axis is None:
        with pytest.raises(ConfigError, match="unknown option 'hidden_size'"):
            read_axis(text)
    else:
        assert read_axis(text) == axis


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("lerning_rate=1", "did you mean learning_rate"),
        ("minutes=1,2", "unknown option 'minutes'"),
        ("n_layer", "no values in 'n_layer'"),
        ("n_layer=", "no values in 'n_layer='"),
        ("n_layer=2,2", "n_layer has a value twice"),
        ("n_layer=2.5", "n_layer='2.5' is not a number"),
        ("learning_rate=nan", "learning_rate='nan' is not a number"),
        ("tie_embeddings=yes", "is not true or false"),
        ("n_layer=4..2", "n_layer=4..2 is no range"),
        ("arch=a..b", "arch=a..b is no range"),
    ],
)
def test_what_is_no_option_or_no_value(text, error):
    with pytest.raises(ConfigError, match=error):
        read_axis(text)


def test_a_grid_is_every_combination():
    axes = [read_axis("learning_rate=1e-3,3e-3"), read_axis("n_layer=2,4")]
    assert grid(axes) == [
        {"learning_rate": 1e-3, "n_layer": 2},
        {"learning_rate": 1e-3, "n_layer": 4},
        {"learning_rate": 3e-3, "n_layer": 2},
        {"learning_rate": 3e-3, "n_layer": 4},
    ]
    with pytest.raises(ConfigError, match="n_layer is a range; sweep; say how many points"):
        grid([read_axis("n_layer=2..4")])
    with pytest.raises(ConfigError, match="400 combinations; sweep; draw at most 256"):
        grid([Axis("n_layer", tuple(range(20))), Axis("n_embd", tuple(range(20)))])


def test_random_points_are_in_their_ranges_and_rates_are_log_uniform():
    texts = ("learning_rate=1e-4..1e-2", "dropout=0..0.5", "n_layer=2..5", "arch=gpt2,llama")
    axes = [read_axis(text) for text in texts]
    points = draw(axes, 256, Generator(3))
    assert len(points) == 256 and points == draw(axes, 256, Generator(3))
    assert points != draw(axes, 256, Generator(4))
    rates = np.log10([p["learning_rate"] for p in points])
    assert rates.min() >= -4 and rates.max() <= -2
    # The mean of 256 uniform numbers is within 5 standard errors, 5 sqrt(1/12/256) of the width.
    room = 5 * math.sqrt(1 / 12 / 256)
    assert abs(rates.mean() + 3) < 2 * room
    assert abs(np.mean([p["dropout"] for p in points]) - 0.25) < 0.5 * room
    assert {p["n_layer"] for p in points} == {2, 3, 4, 5}
    assert {p["arch"] for p in points} == {"gpt2", "llama"}


def test_fewer_points_where_there_are_no_more():
    assert len(draw([read_axis("n_layer=2..4")], 50, Generator(0))) == 3
    with pytest.raises(ConfigError, match="points = 0; sweep; give 1 to 256"):
        draw([read_axis("n_layer=2..4")], 0, Generator(0))
