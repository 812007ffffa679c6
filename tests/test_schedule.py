"""Schedules against PyTorch's and nanoGPT's formulas, and laws that hold for all of them."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from weft.errors import ConfigError
from weft.schedule import Pace, learning_rate, progress

SHAPES = ["constant", "linear", "cosine", "wsd"]


def test_cosine_is_nanogpts():
    peak, floor, warmup, steps = 1e-3, 1e-4, 100, 2000
    for step in range(steps):
        if step < warmup:
            expected = peak * (step + 1) / (warmup + 1)
        else:
            ratio = (step - warmup) / (steps - warmup)
            expected = floor + 0.5 * (1 + math.cos(math.pi * ratio)) * (peak - floor)
        rate = learning_rate(step, steps=steps, peak=peak, floor=floor, warmup_steps=warmup)
        assert rate == pytest.approx(expected, rel=1e-12)


def test_cosine_and_linear_are_torchs():
    parameter = torch.nn.Parameter(torch.zeros(1))
    for shape in ("cosine", "linear"):
        optimizer = torch.optim.SGD([parameter], lr=0.5)
        schedules = {
            "cosine": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 50, eta_min=0.1),
            "linear": lambda o: torch.optim.lr_scheduler.LinearLR(o, 1.0, 0.2, total_iters=50),
        }
        scheduler = schedules[shape](optimizer)
        for step in range(50):
            rate = learning_rate(step, steps=50, peak=0.5, floor=0.1, shape=shape)
            assert rate == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-6)
            optimizer.step()
            scheduler.step()


@given(
    shape=st.sampled_from(SHAPES),
    steps=st.integers(1, 500),
    warmup=st.integers(0, 100),
    floor=st.floats(0, 1),
    fraction=st.floats(0.01, 1),
)
def test_rises_to_the_peak_then_never_rises_and_ends_at_the_floor(
    shape, steps, warmup, floor, fraction
):
    warmup = min(warmup, steps)
    rates = [
        learning_rate(
            step,
            steps=steps,
            peak=1.0,
            floor=floor,
            warmup_steps=warmup,
            shape=shape,
            decay_fraction=fraction,
        )
        for step in range(steps + 3)
    ]
    assert all(a < b for a, b in itertools.pairwise(rates[:warmup]))
    assert all(a >= b for a, b in itertools.pairwise(rates[warmup:]))
    assert all(0 < rate <= 1.0 for rate in rates[:steps])
    if shape != "constant":
        assert rates[-3:] == pytest.approx([floor] * 3)


def test_wsd_is_flat_until_its_last_part():
    rates = [learning_rate(s, steps=100, peak=2.0, shape="wsd") for s in range(100)]
    assert rates[:80] == [2.0] * 80 and rates[90] == pytest.approx(1.0)


def test_unknown_shape_is_named():
    with pytest.raises(ConfigError, match="unknown schedule 'cosin'"):
        learning_rate(5, steps=10, peak=1.0, shape="cosin")


@given(
    steps=st.integers(10, 500),
    lengths=st.lists(st.tuples(st.integers(1, 100), st.integers(1, 300)), max_size=5),
    shape=st.sampled_from(SHAPES),
)
def test_a_change_of_pace_is_no_jump_and_the_schedule_ends(steps, lengths, shape):
    """Each time `ahead` more steps are done, `left` are found to be left."""
    warmup, paces, done = 5, [], 0
    for ahead, left in lengths:
        done += ahead
        if done >= steps:
            break
        now = progress(done, steps, warmup, paces)
        paces, steps = [*paces, Pace(done, now, done + left)], done + left
        assert progress(done, steps, warmup, paces) == now
    first = paces[-1].step if paces else 0  # what was before it is over
    rises = [progress(step, steps, warmup, paces) for step in range(first, max(steps, warmup) + 2)]
    assert rises[-2] == rises[-1] == 1.0 and all(0 <= p <= 1 for p in rises)
    assert all(a <= b for a, b in itertools.pairwise(rises))
    rates = {"steps": steps, "peak": 1.0, "warmup_steps": warmup, "shape": shape, "paces": paces}
    if steps > warmup:
        expected = 1.0 if shape == "constant" else 0.0
        assert learning_rate(steps, **rates) == pytest.approx(expected, abs=1e-12)


def test_a_pace_before_the_end_of_the_warm_up():
    paces = [Pace(2, 0.0, 20)]
    rates = [
        learning_rate(step, steps=20, peak=1.0, warmup_steps=4, shape="linear", paces=paces)
        for step in range(20)
    ]
    assert rates[:4] == [0.2, 0.4, 0.6, 0.8]
    assert rates[4] == pytest.approx(16 / 18) and rates[-1] == pytest.approx(1 / 18)
